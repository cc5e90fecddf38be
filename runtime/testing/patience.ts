import { setTimeout as pause } from 'node:timers/promises';
import type { ActivityImplementation } from '../core/definition/types.ts';

/**
 * The attempts of activities that are under way, and how long real time is waited for them.
 *
 * Invariants:
 * A1. Virtual time is skipped only when every attempt under way has settled or used up its patience: at most PATIENCE_MS of real time, an eighth of that
 *     for an activity whose last attempt did.
 */
export class Patience {
  readonly #open = new Set<Attempt>();
  /** Activities of which an attempt did not settle in time. */
  readonly #slow = new Set<string>();

  /** The same activity, watched. What it does and returns is not changed. */
  watched(implementation: ActivityImplementation): ActivityImplementation {
    const { activity, work } = implementation;
    if (typeof work !== 'function') return implementation;
    return {
      ...implementation,
      work: (...given: readonly unknown[]): unknown => {
        const answer: unknown = Reflect.apply(work, undefined, given);
        if (!isPromise(answer)) return answer;
        this.#watch(activity, answer);
        return answer;
      },
    };
  }

  /** Those of a node that has crashed concern nobody. */
  forget(): void {
    this.#open.clear();
  }

  /** Lets a millisecond of real time pass if an attempt deserves it (A1); false if none does. */
  async waited(): Promise<boolean> {
    let some = false;
    for (const attempt of this.#open) {
      if (attempt.patienceMs > 0) some = true;
      else {
        this.#open.delete(attempt);
        this.#slow.add(attempt.activity);
      }
      attempt.patienceMs -= 1;
    }
    if (some) await pause(1);
    return some;
  }

  #watch(activity: string, answer: PromiseLike<unknown>): void {
    const attempt = { activity, patienceMs: this.#slow.has(activity) ? PATIENCE_MS / 8 : PATIENCE_MS };
    this.#open.add(attempt);
    const settled = () => {
      if (this.#open.delete(attempt)) this.#slow.delete(activity);
    };
    answer.then(settled, settled);
  }
}

const PATIENCE_MS = 40;

interface Attempt {
  readonly activity: string;
  patienceMs: number;
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
