/**
 * Programs: what a durable handler of the adversarial entity does, as plain data. A program is drawn from the dice of a run, travels as the payload of a
 * signal, and is carried out by `interpret.ts`. Every step has a path (`0.2.1`), which with its run names it in the whole world.
 */
export type Step =
  /** Emits an event of the entity's own. */
  | { readonly do: 'emit' }
  | ({ readonly do: 'chore' } & Chore)
  /** Calls a plain signal of another entity; `bad`: defective in older code. */
  | { readonly do: 'bump'; readonly id: string; readonly bad: boolean }
  /** Calls a durable handler of another entity. */
  | { readonly do: 'run'; readonly id: string; readonly name: RunName; readonly program: Step }
  | { readonly do: 'query'; readonly id: string }
  | { readonly do: 'sleep'; readonly ms: number }
  /** Waits until the entity has been bumped that many times more. */
  | { readonly do: 'until'; readonly more: number; readonly timeoutMs?: number }
  | { readonly do: 'callback'; readonly timeoutMs?: number; readonly mail: readonly Behaviour[] }
  | { readonly do: 'seq' | 'all' | 'race' | 'any' | 'settled'; readonly steps: readonly Step[] }
  | { readonly do: 'map'; readonly steps: readonly Step[]; readonly concurrency: number }
  | { readonly do: 'saga'; readonly parts: readonly Part[]; readonly parallel: boolean; readonly fails: boolean }
  /** Catches whatever its step throws. */
  | { readonly do: 'try'; readonly step: Step }
  | { readonly do: 'reject' }
  /** Throws in older code. */
  | { readonly do: 'defect' }
  /** Is not in older code. */
  | { readonly do: 'patched' }
  | { readonly do: 'send'; readonly id: string }
  | { readonly do: 'timer'; readonly timer: 'tick' | 'later'; readonly key: string; readonly delayMs: number }
  /** Cancels the open runs of one of its own signals. */
  | { readonly do: 'stop'; readonly name: RunName };

export type RunName = 'work' | 'queue' | 'only';

/** A step of a saga, with what undoes it. */
export type Part =
  /** Reserves something: the release is registered before. */
  | { readonly do: 'hold'; readonly id: string; readonly amount: number }
  /** Moves units: the way back is registered after they were taken. */
  | { readonly do: 'move'; readonly from: string; readonly to: string; readonly amount: number }
  /** Charges outside: the refund is registered directly before, and carries its key. */
  | ({ readonly do: 'charge' } & Chore)
  | { readonly do: 'step'; readonly step: Step };

/** A call of an activity, and what its attempts do, one after another; the last one's goes on. */
export interface Chore {
  readonly behaviours: readonly Behaviour[];
  readonly timeoutMs: number;
  readonly heartbeatMs?: number;
  readonly deadlineMs?: number;
  readonly attempts?: number;
}

/**
 * What one attempt does outside. `late` and `lateFail` come when its time is up; `twice` did its work and says that it failed; `beats` tells progress for a
 * while and then fails; `obeys` waits to be stopped.
 */
export type Behaviour = 'ok' | 'slow' | 'fail' | 'no' | 'hang' | 'late' | 'lateFail' | 'twice' | 'beats' | 'obeys';
