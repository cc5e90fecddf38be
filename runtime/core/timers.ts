import { heapPop, heapPush } from './heap.ts';
import type { TimerChange } from './record.ts';

/** An armed timer. `arming` tells one setting of a timer from the next: a firing of an older one is void. */
export interface ArmedTimer {
  readonly timer: string;
  readonly key: string;
  readonly dueAt: number;
  readonly arming: number;
}

/**
 * The armed timers of one entity.
 *
 * Invariants:
 * M1. At most one arming per (timer, key); set again, the older one is void.
 * M2. `earliest` is the armed timer with the smallest (dueAt, arming).
 */
export class ArmedTimers {
  /** Made with the first timer: most entities in memory have none. */
  #armed: Map<string, ArmedTimer> | undefined;
  /** Binary heap by (dueAt, arming) with void entries left in until they come up. */
  #heap: ArmedTimer[] = NONE;

  get size(): number {
    return this.#armed?.size ?? 0;
  }

  get(timer: string, key: string): ArmedTimer | undefined {
    return this.#armed?.get(slot(timer, key));
  }

  /** Applies a recorded change. */
  apply(change: TimerChange): void {
    if (change.dueAt === null) {
      this.#armed?.delete(slot(change.timer, change.key));
      return;
    }
    const { timer, key, dueAt, arming } = change;
    const armed = { timer, key, dueAt, arming };
    if (this.#armed === undefined) {
      this.#armed = new Map();
      this.#heap = [];
    }
    this.#armed.set(slot(timer, key), armed);
    if (this.#heap.length > 16 && this.#heap.length > 2 * this.#armed.size) this.#rebuild();
    else heapPush(this.#heap, armed, before);
  }

  /** The timer that is due first, undefined if none is armed. */
  earliest(): ArmedTimer | undefined {
    for (;;) {
      const top = this.#heap[0];
      if (top === undefined || this.get(top.timer, top.key) === top) return top;
      heapPop(this.#heap, before);
    }
  }

  /** Up to `limit` timers that are due at `nowMs`, soonest first. */
  due(nowMs: number, limit: number): readonly ArmedTimer[] {
    const first = this.earliest();
    if (first === undefined || first.dueAt > nowMs) return [];
    return this.all()
      .filter((armed) => armed.dueAt <= nowMs)
      .slice(0, limit);
  }

  /** All armed timers, soonest first. */
  all(): readonly ArmedTimer[] {
    return [...(this.#armed?.values() ?? [])].sort((a, b) => a.dueAt - b.dueAt || a.arming - b.arming);
  }

  clear(): void {
    this.#armed = undefined;
    this.#heap = NONE;
  }

  #rebuild(): void {
    // A sorted array is a heap.
    this.#heap = [...this.all()];
  }
}

function before(a: ArmedTimer, b: ArmedTimer): boolean {
  return a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.arming < b.arming);
}

function slot(timer: string, key: string): string {
  return key === '' ? timer : `${timer}\u0000${key}`;
}

const NONE: ArmedTimer[] = [];
