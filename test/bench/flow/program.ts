import { activity, durable, entity, signal } from 'perdure';
import type { Program } from 'perdure/host';
import { z } from 'zod';
import { handOver } from './hand-over.ts';

/** Perdure's side: the flow as a workflow (an entity that lives for one run), and as a durable handler of an entity that serves many runs. */
const answer = z.object({ answer: z.int() });
const passOn = activity('passOn', { input: z.object({ collector: z.int(), token: z.string() }) });

function flow(type: string, once: boolean) {
  return entity(type, { start: signal({ input: z.object({ collector: z.int(), early: z.boolean() }), output: answer, once }) })
    .fold(() => ({}), {})
    .implement({
      signals: {
        start: durable(async (run, { collector, early }) => {
          if (!early) await run.sleep(10);
          const callback = run.callback({ output: answer });
          await run.call(passOn({ collector, token: callback.token }));
          if (early) await run.sleep(10);
          return callback;
        }),
      },
    });
}

const program: Program = {
  entities: [flow('workflow', true), flow('desk', false)],
  activities: [passOn.implement(({ collector, token }) => handOver(collector, token))],
};
export default program;
