import { activity, entity, query, type Run, type Saga, signal, typed } from 'perdure';
import type { Behaviour, Chore, RunName, Step } from './program.ts';

/** Who asks: a client and its number, or a step of a run (`knot/a work-1@0.2`). */
export interface Asked {
  readonly from: string;
  readonly n: number;
}
/** Names one step of one run in the whole world. */
interface Tagged {
  readonly tag: string;
}
/** What a saga's message tells of it: its path and the number of its compensation there. */
interface OfSaga {
  readonly saga: string;
  readonly undo: number;
}
export interface Units extends Tagged, OfSaga {
  readonly amount: number;
}
export interface Program extends Asked {
  readonly program: Step;
}

export interface State {
  readonly bumps: number;
  readonly units: number;
  /** What is reserved, by tag. */
  readonly reserved: Readonly<Record<string, number>>;
  /** What was given and may be taken back, by tag. */
  readonly gifts: Readonly<Record<string, number>>;
}

/** Units that every entity begins with. */
export const UNITS = 20;

/** The adversarial entity of durable handlers. */
export const Knot = entity(
  'knot',
  {
    bump: signal({ input: typed<Asked & { bad: boolean }>(), output: typed<{ bumps: number }>() }),
    take: signal({ input: typed<Units>(), output: typed<{ units: number }>() }),
    give: signal({ input: typed<Units>(), output: typed<{ units: number }>() }),
    ungive: signal({ input: typed<Tagged & OfSaga>() }),
    hold: signal({ input: typed<Units>() }),
    free: signal({ input: typed<Tagged & OfSaga>() }),
    stop: signal({ input: typed<Asked & { name: RunName }>() }),
    work: signal({ input: typed<Program>(), output: typed<{ value: unknown }>() }),
    queue: signal({ input: typed<Program>(), output: typed<{ value: unknown }>() }),
    only: signal({ input: typed<Program>(), output: typed<{ value: unknown }>(), once: true }),
    view: query({ output: typed<State>() }),
  },
  { rejects: ['short', 'refused', 'gave-up'] },
);

export const model = Knot.fold(
  (): State => ({ bumps: 0, units: UNITS, reserved: {}, gifts: {} }),
  {
    Bumped: (state, _asked: Asked) => ({ ...state, bumps: state.bumps + 1 }),
    Taken: (state, { amount }: Units) => ({ ...state, units: state.units - amount }),
    Given: (state, { tag, amount }: Units) => ({ ...state, units: state.units + amount, gifts: { ...state.gifts, [tag]: amount } }),
    Ungiven: (state, { tag, amount }: Tagged & { amount: number }) => ({
      ...state,
      units: state.units - amount,
      gifts: without(state.gifts, tag),
    }),
    Held: (state, { tag, amount }: Units) => ({ ...state, reserved: { ...state.reserved, [tag]: amount } }),
    Freed: (state, { tag }: Tagged) => ({ ...state, reserved: without(state.reserved, tag) }),
    /** A step of a run noticed something. */
    Noticed: (state, _notice: Notice) => state,
  },
  { timers: ['tick', 'later'] },
);

/** What a step of a run tells for the judges. */
export type Notice = { readonly path: string } & (
  | { readonly what: 'cancelled'; readonly at: 'call' | 'wait' }
  | { readonly what: 'satisfied'; readonly goal: number; readonly bumps: number }
  | { readonly what: 'caught'; readonly code: string }
  | { readonly what: 'saga-done' }
  | { readonly what: 'patched' }
);

export type KnotRun = Run<typeof model>;
export type KnotSaga = Saga<typeof model>;

function without(map: Readonly<Record<string, number>>, key: string): Readonly<Record<string, number>> {
  const { [key]: _gone, ...rest } = map;
  return rest;
}

// ── activities ──

/** What the outside world is asked to do. */
export interface Errand extends Tagged {
  readonly behaviours: Chore['behaviours'];
  readonly timeoutMs: number;
}
/** What it answers: which piece of work, and which attempt did it. */
export interface Receipt {
  readonly serial: number;
  readonly attempt: number;
}

export const chore = activity('chore', { input: typed<Errand>(), output: typed<Receipt>(), rejects: ['declined'] });
export const charge = activity('charge', { input: typed<Errand & OfSaga>(), output: typed<Receipt>(), rejects: ['declined'] });
export const refund = activity('refund', {
  input: typed<Errand & OfSaga>(),
  output: typed<Receipt>(),
  timeout: 2_000,
  retry: { initial: 50, max: 500 },
});
/** Hands the token of a callback to somebody who completes it. */
export const mail = activity('mail', {
  input: typed<Tagged & { token: string; behaviours: readonly Behaviour[]; timeoutMs: number }>(),
  timeout: 1_500,
  retry: { initial: 50, max: 500 },
});
