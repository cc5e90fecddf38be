import { activity, durable, entity, type Run, serial, signal, type Turn, typed } from 'perdure';
import { definitionOf } from '../../../../runtime/core/definition/entity.ts';
import type { EntityDefinition } from '../../../../runtime/core/definition/erased.ts';

/** The test entity of durable handlers: what its handlers do, each test says. */
export const Flow = entity(
  'flow',
  {
    go: signal({ input: typed<unknown>(), output: typed<unknown>() }),
    one: signal({ input: typed<unknown>(), output: typed<unknown>(), once: true }),
    queue: signal({ input: typed<unknown>(), output: typed<unknown>() }),
    plain: signal({ input: typed<unknown>(), output: typed<unknown>(), once: true }),
    poke: signal({ input: typed<number>() }),
    stop: signal({ input: typed<'go' | 'one' | 'queue'>() }),
  },
  { rejects: ['no'] },
);

interface FlowState {
  readonly n: number;
  readonly said: readonly string[];
}
const model = Flow.fold(
  (): FlowState => ({ n: 0, said: [] }),
  {
    Poked: (state, by: number) => ({ ...state, n: state.n + by }),
    Said: (state, text: string) => ({ ...state, said: [...state.said, text] }),
  },
  { timers: ['late', 'tick'] },
);

export type FlowModel = typeof model;
export type FlowRun = Run<FlowModel>;
type FlowTurn = Turn<typeof model>;
export type FlowHandler = (run: FlowRun, input: unknown) => Promise<unknown>;

/** What the handlers of the entity do; those left out do nothing. */
export interface Doing {
  readonly go?: FlowHandler;
  readonly one?: FlowHandler;
  readonly queue?: FlowHandler;
  readonly late?: FlowHandler;
  readonly plain?: (turn: FlowTurn, input: unknown) => unknown;
  readonly poke?: (turn: FlowTurn, by: number) => void;
}

const idle: FlowHandler = async () => null;

/** The definition of an entity whose handlers do what the test says. */
export function doing({ go = idle, one = idle, queue = idle, late = idle, plain = () => null, poke }: Doing): EntityDefinition {
  return definitionOf(
    model.implement({
      signals: {
        go: durable(go),
        one: durable(one),
        queue: serial(queue),
        plain,
        poke: (turn, by) => (poke === undefined ? turn.emit.Poked(by) : poke(turn, by)),
        stop: (turn, name) => turn.cancel(name),
      },
      timers: {
        late: durable(async (run, key) => {
          await late(run, key);
        }),
        tick: (turn) => turn.emit.Said('tick'),
      },
    }),
  );
}

/** The same type in a deployment whose `go` and `queue` are no durable handlers any more. */
export function undurable(): EntityDefinition {
  return definitionOf(
    model.implement({
      signals: { go: () => null, one: () => null, queue: () => null, plain: () => null, poke: () => undefined, stop: () => undefined },
      timers: { late: () => undefined, tick: () => undefined },
    }),
  );
}

export const pay = activity('pay', { input: typed<unknown>(), output: typed<unknown>(), rejects: ['declined'] });
export const refund = activity('refund', { input: typed<unknown>(), output: typed<unknown>(), retry: { attempts: 1 } });
export const Other = entity('other', { ask: signal({ input: typed<unknown>(), output: typed<unknown>() }) }, { rejects: ['busy'] });

/** A schema that takes everything. */
export const anything = { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } } as const;
