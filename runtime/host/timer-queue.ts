import { LIMITS } from '../core/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { Mailbox } from './mailbox.ts';

/**
 * The one queue of near timers: mailboxes in memory whose earliest timer is due within the horizon. Everything later is the agenda's.
 *
 * Invariants:
 * Q1. A mailbox is in the queue at most once as far as `timerAt` says; other entries for it are void.
 * Q2. One clock timer is armed for the whole queue, for its earliest entry.
 */
export class TimerQueue {
  readonly #clock: Clock;
  readonly #due: (mailbox: Mailbox) => void;
  /** Sorted by `at`; short, because only what is due within the horizon is in it. */
  #entries: { readonly at: number; readonly mailbox: Mailbox }[] = [];
  #cancel: (() => void) | undefined;
  #armedFor = Number.POSITIVE_INFINITY;

  /** `due` is told of mailboxes that may have something due. */
  constructor(clock: Clock, due: (mailbox: Mailbox) => void) {
    this.#clock = clock;
    this.#due = due;
  }

  /** Looks at a mailbox at `dueAt` (milliseconds since 1970), if that is near and nothing earlier is planned for it. */
  watch(mailbox: Mailbox, dueAt: number): void {
    if (dueAt > this.#clock.now() + LIMITS.timerHorizonMs) return;
    if (mailbox.timerAt !== undefined && mailbox.timerAt <= dueAt) return;
    mailbox.timerAt = dueAt;
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#entries[middle]?.at ?? 0) <= dueAt) low = middle + 1;
      else high = middle;
    }
    this.#entries.splice(low, 0, { at: dueAt, mailbox });
    this.#arm();
  }

  stop(): void {
    this.#cancel?.();
    this.#entries = [];
  }

  #arm(): void {
    const first = this.#entries[0];
    if (first === undefined || first.at >= this.#armedFor) return;
    this.#cancel?.();
    this.#armedFor = first.at;
    this.#cancel = this.#clock.after(Math.max(0, first.at - this.#clock.now()), () => this.#fire());
  }

  #fire(): void {
    this.#armedFor = Number.POSITIVE_INFINITY;
    this.#cancel = undefined;
    const now = this.#clock.now();
    let count = 0;
    while ((this.#entries[count]?.at ?? Number.POSITIVE_INFINITY) <= now) count += 1;
    for (const { at, mailbox } of this.#entries.splice(0, count)) {
      if (mailbox.timerAt !== at) continue;
      mailbox.timerAt = undefined;
      this.#due(mailbox);
    }
    this.#arm();
  }
}
