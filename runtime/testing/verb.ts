import type { WaitOptions } from '../client/types.ts';
import { durationMs } from '../core/duration.ts';
import { LIMITS } from '../core/limits.ts';
import type { TestNode } from './test-node.ts';

/** Something that a test waits for. */
export interface Verb<T> {
  /** What it is, for people: `update cart/42.checkOut`. */
  readonly what: string;
  /** Asks a node. After a crash the next node is asked again, so it must be safe to repeat. */
  readonly ask: (node: TestNode) => Promise<T>;
  /** How long it may take, milliseconds of virtual time; absent: 30 s if time is still, else for ever. */
  readonly limitMs?: number | undefined;
  /** What it comes to when that time is over: a value, or it throws. */
  readonly timeUp?: ((node: TestNode) => T) | undefined;
  /**
   * `still`: time stays where it is, as far as the host needs none. `skips`: it goes from one obligation to the next, until there is an outcome.
   * `runs`: it goes on to the limit, whatever goes wrong.
   */
  readonly time: 'still' | 'skips' | 'runs';
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined;
}

type Outcome<T> = { readonly value: T } | { readonly error: unknown };

/**
 * A verb under way.
 *
 * Invariants:
 * W1. The first outcome stands; the test is told it by `tell`, once.
 */
export class OpenVerb<T = unknown> {
  readonly what: string;
  readonly time: Verb<T>['time'];
  /** Until when it waits, milliseconds since 1970. */
  readonly untilMs: number;
  /** How often time was moved for it. */
  moves = 0;
  readonly #verb: Verb<T>;
  readonly #tell: (outcome: Outcome<T>) => void;
  #outcome: Outcome<T> | undefined;

  constructor(verb: Verb<T>, nowMs: number, resolve: (value: T) => void, reject: (error: unknown) => void) {
    this.#verb = verb;
    this.what = verb.what;
    this.time = verb.time;
    this.untilMs = nowMs + (verb.limitMs ?? (verb.time === 'still' ? LIMITS.defaultWaitMs : Number.POSITIVE_INFINITY));
    this.#tell = (outcome) => ('error' in outcome ? reject(outcome.error) : resolve(outcome.value));
    const { signal } = verb;
    if (signal?.aborted) this.fail(signal.reason);
    else signal?.addEventListener('abort', () => this.fail(signal.reason), { once: true });
  }

  get isOver(): boolean {
    return this.#outcome !== undefined;
  }

  get hasFailed(): boolean {
    return this.#outcome !== undefined && 'error' in this.#outcome;
  }

  /** Asks a node, unless it is over. */
  begin(node: TestNode): void {
    if (this.isOver) return;
    this.#verb.ask(node).then(
      (value) => this.#end({ value }),
      (error: unknown) => this.fail(error),
    );
  }

  /** Its time is over; false if nobody has said what that comes to. */
  timeUp(node: TestNode): boolean {
    const { timeUp } = this.#verb;
    if (timeUp === undefined) return false;
    try {
      this.#end({ value: timeUp(node) });
    } catch (error) {
      this.fail(error);
    }
    return true;
  }

  fail(error: unknown): void {
    this.#end({ error });
  }

  /** Tells the test (W1); `instead` of a value, if something else went wrong. */
  tell(instead: Error | undefined): void {
    if (instead !== undefined) this.#tell({ error: instead });
    else if (this.#outcome !== undefined) this.#tell(this.#outcome);
  }

  #end(outcome: Outcome<T>): void {
    this.#outcome ??= outcome;
  }
}

/** What the options of a verb say about waiting. */
export function waitOf({ timeout, signal }: WaitOptions) {
  return { signal, limitMs: timeout === undefined ? undefined : Math.max(1, durationMs(timeout)) };
}
