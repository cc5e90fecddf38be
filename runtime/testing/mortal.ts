import type { Clock } from '../ports/clock.ts';
import type { VirtualTime } from './virtual-time.ts';

/**
 * One life of a node in memory, from its start to its crash.
 *
 * Invariants:
 * M1. After `end` nothing of it goes on: no step runs, no promise that it waits for settles. Its memory is then garbage.
 */
export class Mortal {
  readonly #time: VirtualTime;
  readonly #onEnd = new Set<() => void>();
  #alive = true;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** The clock of this life. */
  get clock(): Clock {
    return {
      now: () => this.#time.nowMs,
      after: (delayMs, run) => this.#plan(delayMs, run),
      soon: (run) => this.soon(run),
    };
  }

  /** Runs a step of this life as soon as those before it have run. */
  soon(run: () => void): void {
    this.#plan(0, run);
  }

  #plan(delayMs: number, run: () => void): () => void {
    return this.#time.plan(delayMs, () => {
      if (this.#alive) run();
    });
  }

  /** Begins `work` and settles as it does, while this life lasts (M1). */
  lasting<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.#alive) return;
      work().then(
        (value) => {
          if (this.#alive) resolve(value);
        },
        (error: unknown) => {
          if (this.#alive) reject(error);
        },
      );
    });
  }

  /** Calls back at the end; the returned function takes that back. */
  onEnd(run: () => void): () => void {
    this.#onEnd.add(run);
    return () => this.#onEnd.delete(run);
  }

  end(): void {
    if (!this.#alive) return;
    this.#alive = false;
    for (const run of this.#onEnd) run();
    this.#onEnd.clear();
  }
}
