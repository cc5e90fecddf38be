import type { CallError } from './errors.ts';
import type { Refusal } from './refusals.ts';

/** A fault that holds for a number of appends. */
export class Armed<T> {
  #value: T | undefined;
  #left = 0;

  arm(value: T, count: number): void {
    this.#value = value;
    this.#left = count;
  }

  /** What the next append meets, or undefined. */
  take(): T | undefined {
    if (this.#left === 0) return undefined;
    this.#left -= 1;
    return this.#value;
  }

  disarm(): void {
    this.#left = 0;
  }
}

/** Something that goes on for as long as it is allowed to, and is ended or waked from outside. */
export interface OpenCall {
  /** Ends the call without an error. */
  end(): void;
  /** Something that the call waits for may have changed. */
  wake(): void;
}

/** What one append meets. */
export interface AppendPlan {
  /** The whole call ends like this. */
  readonly callError: CallError | undefined;
  readonly refusal: ((stream: string) => Refusal) | undefined;
  readonly isMade: boolean;
  /** Delays in milliseconds, one for each time it is answered. */
  readonly answersAfterMs: readonly number[];
}

/** Which faults are in force. `Faults` sets them, the services obey them. */
export class FaultState {
  readonly dropsBefore = new Armed<true>();
  readonly dropsAfter = new Armed<true>();
  readonly delays = new Armed<number>();
  /** Delay in milliseconds of the second answer. */
  readonly duplicates = new Armed<number>();
  readonly callErrors = new Armed<CallError>();
  readonly refusals = new Armed<(stream: string) => Refusal>();
  readonly silences = new Armed<true>();
  readonly openAppends = new Set<OpenCall>();
  readonly openReads = new Set<OpenCall>();
  leader: { readonly host: string; readonly port: number } | undefined;
  isReady = true;
  isFrozen = false;
  areSubscriptionsHeld = false;

  /** Uses up what is armed for the next append. */
  planAppend(): AppendPlan {
    const isMade = this.dropsBefore.take() === undefined;
    const isAnswered = this.dropsAfter.take() === undefined && isMade;
    const delayMs = this.delays.take() ?? 0;
    const duplicateMs = this.duplicates.take();
    const answersAfterMs = duplicateMs === undefined ? [delayMs] : [delayMs, delayMs + duplicateMs];
    return {
      callError: this.callErrors.take(),
      refusal: this.refusals.take(),
      isMade,
      answersAfterMs: isAnswered ? answersAfterMs : [],
    };
  }

  /** Wakes every open call, after a change of what they wait for. */
  wakeAll(): void {
    for (const calls of [this.openAppends, this.openReads]) for (const call of calls) call.wake();
  }
}
