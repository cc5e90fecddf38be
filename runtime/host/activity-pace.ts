import type { ActivityLimits } from '../core/definition/types.ts';
import type { Activities } from './activity-registry.ts';
import type { HostContext } from './context.ts';
import type { Due, DueQueue } from './due-queue.ts';

/**
 * How much of one activity a node does at once: what wants to begin waits here for its place and its token.
 *
 * Invariants:
 * P1. At most `concurrency` places are taken.
 * P2. Begins are spread evenly: a token bucket (as in RFC 2697, section 3) of one second's worth, at least one, filled at `ratePerSecond`.
 * P3. First come, first begun. Who leaves before its turn takes neither place nor token.
 */
export class ActivityPace<T> implements Due {
  dueAt: number | undefined;
  readonly #context: Pick<HostContext, 'clock'>;
  readonly #queue: DueQueue;
  readonly #begin: (one: T) => void;
  readonly #rate: number | undefined;
  readonly #capacity: number;
  #places: number;
  #tokens: number;
  #filledMs: number;
  readonly #waiting = new Set<T>();
  #isServing = false;

  /** `begin` is told whose turn it is: it has a place and a token, and gives the place back with `ended`, or both with `unused`. */
  constructor(limits: ActivityLimits, context: Pick<HostContext, 'clock'>, queue: DueQueue, begin: (one: T) => void) {
    const { concurrency = Number.POSITIVE_INFINITY, ratePerSecond } = limits;
    this.#context = context;
    this.#queue = queue;
    this.#begin = begin;
    this.#places = concurrency;
    this.#rate = ratePerSecond;
    this.#capacity = Math.max(1, ratePerSecond ?? 1);
    this.#tokens = this.#capacity;
    this.#filledMs = context.clock.now();
  }

  /** Wants to begin: at once if it can. */
  enter(one: T): void {
    this.#waiting.add(one);
    this.#serve();
  }

  /** Does not want to begin any more. */
  leave(one: T): void {
    this.#waiting.delete(one);
  }

  /** One that began has ended. */
  ended(): void {
    this.#places += 1;
    this.#serve();
  }

  /** One whose turn came did not begin after all. */
  unused(): void {
    this.#places += 1;
    this.#tokens += 1;
    this.#serve();
  }

  due(): void {
    this.#serve();
  }

  #serve(): void {
    // A begin that ends at once comes back here: the loop below goes on with it.
    if (this.#isServing) return;
    this.#isServing = true;
    try {
      for (const one of this.#waiting) {
        if (this.#places < 1 || !this.#takeToken()) return;
        this.#places -= 1;
        this.#waiting.delete(one);
        this.#begin(one);
      }
    } finally {
      this.#isServing = false;
    }
  }

  #takeToken(): boolean {
    if (this.#rate === undefined) return true;
    const now = this.#context.clock.now();
    // A clock that went back gives nothing and takes nothing.
    const passedMs = Math.max(0, now - this.#filledMs);
    this.#tokens = Math.min(this.#capacity, this.#tokens + (passedMs * this.#rate) / 1_000);
    this.#filledMs = now;
    if (this.#tokens < 1 - ROUNDING) {
      this.#queue.watch(this, now + Math.max(1, Math.ceil(((1 - this.#tokens) * 1_000) / this.#rate)));
      return false;
    }
    this.#tokens -= 1;
    return true;
  }
}

/** What sums of fractions may be short of one. */
const ROUNDING = 1e-6;

/** The paces of all activities that have limits, made when they are first called. */
export class ActivityPaces<T> {
  readonly #activities: Activities;
  readonly #make: (limits: ActivityLimits) => ActivityPace<T>;
  readonly #paces = new Map<string, ActivityPace<T>>();

  /** `begin`: as of ActivityPace. */
  constructor(activities: Activities, context: Pick<HostContext, 'clock'>, queue: DueQueue, begin: (one: T) => void) {
    this.#activities = activities;
    this.#make = (limits) => new ActivityPace(limits, context, queue, begin);
  }

  /** Undefined if it begins whenever it likes. */
  of(activity: string): ActivityPace<T> | undefined {
    const known = this.#paces.get(activity);
    if (known !== undefined) return known;
    const limits = this.#activities.get(activity)?.limits;
    if (limits?.concurrency === undefined && limits?.ratePerSecond === undefined) return undefined;
    const pace = this.#make(limits);
    this.#paces.set(activity, pace);
    return pace;
  }
}
