/**
 * Readers that wait until a table covers a position.
 *
 * Invariants:
 * W1. Waiters are in order of position; one timer stands for all of them, at the earliest deadline.
 * W2. Each waiter is settled exactly once: reached, timed out or refused.
 */
import { PerdureError } from '../core/errors.ts';
import type { Position } from '../core/record.ts';
import type { Clock } from '../ports/clock.ts';

interface Waiter {
  readonly position: Position;
  readonly deadline: number;
  readonly resolve: () => void;
  readonly reject: (error: PerdureError) => void;
}

export class Waiters {
  readonly #clock: Clock;
  #waiting: Waiter[] = [];
  #timer: { readonly at: number; readonly cancel: () => void } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** The lowest position somebody waits for, undefined if nobody does. */
  get lowest(): Position | undefined {
    return this.#waiting[0]?.position;
  }

  /** Resolves when `position` is reached; rejects with `projection-behind` after `timeoutMs`, or with what `refuse` is given. */
  wait(position: Position, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter = { position, deadline: this.#clock.now() + timeoutMs, resolve, reject };
      let place = this.#waiting.length;
      while (place > 0 && (this.#waiting[place - 1]?.position ?? 0) > position) place--;
      this.#waiting.splice(place, 0, waiter);
      this.#arm(waiter.deadline);
    });
  }

  /** Everything below `covered` is in the rows. */
  reached(covered: Position): void {
    let count = 0;
    while (count < this.#waiting.length && (this.#waiting[count]?.position ?? covered) < covered) count++;
    for (const waiter of this.#waiting.splice(0, count)) waiter.resolve();
    if (this.#waiting.length === 0) this.#disarm();
  }

  /** Nobody will be served any more. */
  refuse(error: PerdureError): void {
    for (const waiter of this.#waiting.splice(0)) waiter.reject(error);
    this.#disarm();
  }

  #arm(deadline: number): void {
    if (this.#timer !== undefined && this.#timer.at <= deadline) return;
    this.#disarm();
    const delayMs = Math.max(0, deadline - this.#clock.now());
    this.#timer = { at: deadline, cancel: this.#clock.after(delayMs, () => this.#expire()) };
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #expire(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    const late = this.#waiting.filter(({ deadline }) => deadline <= now);
    this.#waiting = this.#waiting.filter(({ deadline }) => deadline > now);
    for (const waiter of late) waiter.reject(new PerdureError('projection-behind'));
    const earliest = this.#waiting.reduce((least, { deadline }) => Math.min(least, deadline), Number.POSITIVE_INFINITY);
    if (earliest < Number.POSITIVE_INFINITY) this.#arm(earliest);
  }
}
