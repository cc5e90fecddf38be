import { activity, durable, entity, signal } from 'perdure';
import type { Program } from 'perdure/host';
import { z } from 'zod';

/** A run of many steps that each return at once, and then waits for a callback. */
const answer = z.object({ steps: z.int(), answer: z.int() });
export const Walk = entity('walk', { start: signal({ input: z.object({ steps: z.int() }), output: answer }) });
const step = activity('step', { input: z.object({ n: z.int() }), output: z.object({ n: z.int() }) });
const passOn = activity('passOn', { input: z.object({ id: z.string(), token: z.string() }) });

/** How the entity is kept. */
interface Keeping {
  readonly passivateAfter: number;
  /** Least number of records between snapshots. */
  readonly snapshotEvery: number;
}

/** The program; `waiting` is told the entity's id and the token of its callback when a run has walked its steps. */
export function walks(options: Keeping, waiting: (id: string, token: string) => void): Program {
  const walk = Walk.fold(() => ({}), {}).implement({
    signals: {
      start: durable(async (run, { steps }) => {
        let sum = 0;
        for (let n = 0; n < steps; n += 1) sum += (await run.call(step({ n }))).n;
        const callback = run.callback({ output: z.object({ answer: z.int() }) });
        await run.call(passOn({ id: run.id, token: callback.token }));
        // The sum shows that every step was replayed with its outcome.
        return { steps: sum, answer: (await callback).answer };
      }),
    },
    options,
  });
  return { entities: [walk], activities: [step.implement(({ n }) => ({ n })), passOn.implement(({ id, token }) => waiting(id, token))] };
}
