import type { Clock } from '../ports/clock.ts';

/** One timer that rings at the earliest time asked for. */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #armed: { readonly at: number; readonly cancel: () => void } | undefined;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Rings in `delayMs`, unless it does earlier already. */
  arm(delayMs: number): void {
    const at = this.#clock.now() + delayMs;
    if (this.#armed !== undefined && this.#armed.at <= at) return;
    this.disarm();
    const cancel = this.#clock.after(delayMs, () => {
      this.#armed = undefined;
      this.#ring();
    });
    this.#armed = { at, cancel };
  }

  disarm(): void {
    this.#armed?.cancel();
    this.#armed = undefined;
  }
}
