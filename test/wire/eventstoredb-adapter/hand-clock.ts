import { realClock } from '../../../runtime/adapters/real-clock.ts';
import type { Clock } from '../../../runtime/ports/clock.ts';

/** A clock whose timers run only when they are told to: a process that is stopped, and goes on. Its time is the real one. */
export class HandClock implements Clock {
  #timers: (() => void)[] = [];

  now(): number {
    return realClock.now();
  }

  after(_delayMs: number, run: () => void): () => void {
    this.#timers.push(run);
    return () => {
      this.#timers = this.#timers.filter((timer) => timer !== run);
    };
  }

  soon(run: () => void): void {
    realClock.soon(run);
  }

  /** Timers that wait. */
  get waiting(): number {
    return this.#timers.length;
  }

  /** Runs all that wait. */
  run(): void {
    for (const timer of this.#timers.splice(0)) timer();
  }
}
