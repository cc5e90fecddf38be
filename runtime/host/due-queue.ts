import { heapPop, heapPush } from '../core/heap.ts';
import { LIMITS } from '../core/limits.ts';
import type { HostContext } from './context.ts';

/** Something that has to be looked at when its time has come. It may also be looked at for nothing: it knows its own times. */
export interface Due {
  /** When the queue looks at it, milliseconds since 1970; undefined: never. The queue's own note: nobody else writes it. */
  dueAt: number | undefined;
  /** `nowMs`: milliseconds since 1970, not before `dueAt` was. */
  due(nowMs: number): void;
}

/**
 * One queue of times for many things, over one clock timer.
 *
 * Invariants:
 * Q1. A thing is in the queue once, as `dueAt` says; other entries of it are void.
 * Q2. One clock timer is armed, for the earliest entry that is not void; none if there is none.
 * Q3. There are never more void entries than others, but for a handful.
 * Q4. What is due at one time is looked at in the order in which it was put there.
 * Q5. A clock that jumps forward (it was set, the machine slept) is noticed within `timerHorizonMs`: timers count what passes, not what the clock shows.
 */
export class DueQueue {
  readonly #clock: HostContext['clock'];
  readonly #fail: HostContext['fail'];
  #heap: Entry[] = [];
  #live = 0;
  #places = 0;
  #cancel: (() => void) | undefined;
  #armedFor = Number.POSITIVE_INFINITY;
  #isLooking = false;

  /** What a thing throws when it is looked at is a defect of the runtime, and keeps no other from being looked at. */
  constructor({ clock, fail }: Pick<HostContext, 'clock' | 'fail'>) {
    this.#clock = clock;
    this.#fail = fail;
  }

  /** Things in the queue. */
  get size(): number {
    return this.#live;
  }

  /** Entries that it keeps for them (Q3). */
  get entries(): number {
    return this.#heap.length;
  }

  /** Looks at a thing at `atMs` (milliseconds since 1970), or when it was to be looked at already if that is earlier. */
  watch(item: Due, atMs: number): void {
    if (item.dueAt !== undefined && item.dueAt <= atMs) return;
    if (item.dueAt === undefined) this.#live += 1;
    item.dueAt = atMs;
    this.#places += 1;
    heapPush(this.#heap, { at: atMs, place: this.#places, item }, before);
    this.#arm();
  }

  /** Does not look at it any more. */
  forget(item: Due): void {
    if (item.dueAt === undefined) return;
    item.dueAt = undefined;
    this.#live -= 1;
    this.#arm();
  }

  /** Looks at nothing any more. */
  stop(): void {
    for (const { item } of this.#heap) item.dueAt = undefined;
    this.#heap = [];
    this.#live = 0;
    this.#arm();
  }

  #arm(): void {
    if (this.#isLooking) return;
    if (this.#heap.length > MANY && this.#heap.length > 2 * this.#live) this.#sweep();
    const at = this.#earliest()?.at ?? Number.POSITIVE_INFINITY;
    if (at === this.#armedFor) return;
    this.#cancel?.();
    this.#armedFor = at;
    const delayMs = Math.min(Math.max(0, at - this.#clock.now()), LIMITS.timerHorizonMs);
    this.#cancel = at === Number.POSITIVE_INFINITY ? undefined : this.#clock.after(delayMs, () => this.#look());
  }

  #look(): void {
    this.#armedFor = Number.POSITIVE_INFINITY;
    this.#cancel = undefined;
    const now = this.#clock.now();
    const due: Due[] = [];
    for (let first = this.#earliest(); first !== undefined && first.at <= now; first = this.#earliest()) {
      heapPop(this.#heap, before);
      first.item.dueAt = undefined;
      this.#live -= 1;
      due.push(first.item);
    }
    // Armed once, when all have said when they are due next.
    this.#isLooking = true;
    for (const item of due) {
      try {
        item.due(now);
      } catch (error) {
        this.#fail(error);
      }
    }
    this.#isLooking = false;
    this.#arm();
  }

  #earliest(): Entry | undefined {
    for (;;) {
      const top = this.#heap[0];
      if (top === undefined || isLive(top)) return top;
      heapPop(this.#heap, before);
    }
  }

  #sweep(): void {
    // A sorted array is a heap.
    this.#heap = this.#heap.filter(isLive).sort((a, b) => a.at - b.at || a.place - b.place);
  }
}

interface Entry {
  readonly at: number;
  readonly place: number;
  readonly item: Due;
}

const MANY = 64;

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.place < b.place);
}

function isLive({ at, item }: Entry): boolean {
  return item.dueAt === at;
}
