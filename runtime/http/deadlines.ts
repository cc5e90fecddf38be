import { LIMITS } from '../core/limits.ts';
import type { Clock } from '../ports/clock.ts';

/**
 * One timer for all requests that wait: a timing wheel (Varghese and Lauck, 1987), because a timer per update would cost more than the update.
 *
 * Invariants:
 * W1. `expired` is called at most once, never before the time asked for, and within two ticks after it while the event loop is free.
 * W2. After `remove`, `expired` is not called.
 * W3. A clock that jumps neither expires everything at once nor stops the wheel: one step counts for at most `MAX_STEP_MS`.
 */
const TICK_MS = 50;
const MAX_STEP_MS = 5_000;
/** The longest wait and two minutes of a blocked event loop. */
const SLOTS = LIMITS.maxWaitMs / TICK_MS + 2_400;

/** Something that waits. The links and the slot are the wheel's. */
export abstract class Expiring {
  wheelNext: Expiring | undefined;
  wheelPrevious: Expiring | undefined;
  /** -1 while it is in no wheel. */
  wheelSlot = -1;
  abstract expired(): void;
}

export class Deadlines {
  readonly #clock: Clock;
  readonly #slots: (Expiring | undefined)[] = new Array<Expiring | undefined>(SLOTS).fill(undefined);
  #size = 0;
  #elapsedMs = 0;
  #lastNow = 0;
  /** Last tick whose slot was emptied. */
  #tick = 0;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#size;
  }

  /** Calls `what.expired()` in `timeoutMs` (0 to 5 minutes) unless it is removed before. */
  add(what: Expiring, timeoutMs: number): void {
    if (this.#size === 0) this.#start();
    this.#measure();
    const due = Math.ceil((this.#elapsedMs + timeoutMs) / TICK_MS);
    const slot = Math.min(Math.max(due, this.#tick + 1), this.#tick + SLOTS - 1) % SLOTS;
    const head = this.#slots[slot];
    what.wheelSlot = slot;
    what.wheelPrevious = undefined;
    what.wheelNext = head;
    if (head !== undefined) head.wheelPrevious = what;
    this.#slots[slot] = what;
    this.#size += 1;
  }

  /** Takes it out; nothing happens if it is not in. */
  remove(what: Expiring): void {
    if (what.wheelSlot === -1) return;
    if (what.wheelPrevious === undefined) this.#slots[what.wheelSlot] = what.wheelNext;
    else what.wheelPrevious.wheelNext = what.wheelNext;
    if (what.wheelNext !== undefined) what.wheelNext.wheelPrevious = what.wheelPrevious;
    what.wheelNext = undefined;
    what.wheelPrevious = undefined;
    what.wheelSlot = -1;
    this.#size -= 1;
  }

  /** Stops the wheel; what waits is not called any more. */
  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #start(): void {
    this.#lastNow = this.#clock.now();
    if (this.#cancel === undefined) this.#cancel = this.#clock.after(TICK_MS, this.#wake);
  }

  #measure(): void {
    const now = this.#clock.now();
    this.#elapsedMs += Math.min(Math.max(now - this.#lastNow, 0), MAX_STEP_MS);
    this.#lastNow = now;
  }

  readonly #wake = (): void => {
    this.#cancel = undefined;
    this.#measure();
    const until = Math.floor(this.#elapsedMs / TICK_MS);
    while (this.#tick < until) {
      this.#tick += 1;
      this.#empty(this.#tick % SLOTS);
    }
    if (this.#size > 0 && this.#cancel === undefined) this.#cancel = this.#clock.after(TICK_MS, this.#wake);
  };

  #empty(slot: number): void {
    for (let what = this.#slots[slot]; what !== undefined; what = this.#slots[slot]) {
      this.remove(what);
      what.expired();
    }
  }
}
