import type { Clock } from '../ports/clock.ts';

const FIRST_MS = 100;
const LAST_MS = 10_000;

/** Growing waits between attempts: 100 ms, doubled up to 10 s; no jitter, because nobody else waits in step. */
export class Backoff {
  readonly #clock: Clock;
  #delayMs = FIRST_MS;
  #wake: (() => void) | undefined;
  #cancelled = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves after the next delay, or at once when cancelled. */
  async wait(): Promise<void> {
    const delayMs = this.#delayMs;
    this.#delayMs = Math.min(delayMs * 2, LAST_MS);
    if (this.#cancelled) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(delayMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
    this.#wake = undefined;
  }

  /** The next wait is the first one again. */
  reset(): void {
    this.#delayMs = FIRST_MS;
  }

  /** Ends the wait under way and all later ones. */
  cancel(): void {
    this.#cancelled = true;
    this.#wake?.();
  }
}
