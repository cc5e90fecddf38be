import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Deadlines, Expiring } from '../../../runtime/http/deadlines.ts';
import type { Clock } from '../../../runtime/ports/clock.ts';

/** Virtual time: what is due is run in order while time is advanced. `blocked` moves time without running anything, as a busy event loop does. */
class TestClock implements Clock {
  time = 1_000;
  #due: { at: number; run: () => void }[] = [];
  now(): number {
    return this.time;
  }
  after(delayMs: number, run: () => void): () => void {
    const entry = { at: this.time + delayMs, run };
    this.#due.push(entry);
    return () => {
      this.#due = this.#due.filter((other) => other !== entry);
    };
  }
  soon(): void {
    throw new Error('not used');
  }
  advance(ms: number): void {
    const until = this.time + ms;
    for (;;) {
      const next = this.#due.toSorted((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > until) break;
      this.#due = this.#due.filter((other) => other !== next);
      this.time = Math.max(this.time, next.at);
      next.run();
    }
    this.time = until;
  }
  blocked(ms: number): void {
    this.time += ms;
  }
  get timers(): number {
    return this.#due.length;
  }
}

class Waiting extends Expiring {
  expiredAt: number | undefined;
  readonly clock: TestClock;
  constructor(clock: TestClock) {
    super();
    this.clock = clock;
  }
  override expired(): void {
    if (this.expiredAt !== undefined) throw new Error('expired twice');
    this.expiredAt = this.clock.time;
  }
}

test('W1, W2: what waits expires once, not before its time and within two ticks after it, unless it is removed', () => {
  const request = fc.record({ at: fc.nat(20_000), timeoutMs: fc.oneof(fc.nat(2_000), fc.nat(300_000)), isRemoved: fc.boolean() });
  fc.assert(
    fc.property(fc.array(request, { maxLength: 60 }), (requests) => {
      const clock = new TestClock();
      const deadlines = new Deadlines(clock);
      const all = requests
        .toSorted((a, b) => a.at - b.at)
        .map(({ at, timeoutMs, isRemoved }) => {
          clock.advance(at - (clock.time - 1_000));
          const waiting = new Waiting(clock);
          deadlines.add(waiting, timeoutMs);
          if (isRemoved) deadlines.remove(waiting);
          return { waiting, isRemoved, due: clock.time + timeoutMs };
        });
      clock.advance(301_000);
      for (const { waiting, isRemoved, due } of all) {
        if (isRemoved) expect(waiting.expiredAt).toBeUndefined();
        else {
          expect(waiting.expiredAt).toBeGreaterThanOrEqual(due);
          expect(waiting.expiredAt).toBeLessThanOrEqual(due + 100);
        }
      }
      expect([deadlines.size, clock.timers]).toEqual([0, 0]);
    }),
    { numRuns: 50 },
  );
});

test('W1: a request that comes while the event loop was blocked gets its whole time', () => {
  const clock = new TestClock();
  const deadlines = new Deadlines(clock);
  deadlines.add(new Waiting(clock), 60_000);
  clock.blocked(2_000);
  const late = new Waiting(clock);
  deadlines.add(late, 1_000);
  clock.advance(900);
  expect(late.expiredAt).toBeUndefined();
  clock.advance(300);
  expect(late.expiredAt).toBeDefined();
});

test('W3: a clock that jumps neither expires everything nor stops the wheel', () => {
  const clock = new TestClock();
  const deadlines = new Deadlines(clock);
  const waiting = new Waiting(clock);
  deadlines.add(waiting, 30_000);
  clock.blocked(3_600_000);
  clock.advance(100);
  expect(waiting.expiredAt).toBeUndefined();
  clock.blocked(-7_200_000);
  clock.advance(7_300_000);
  expect(waiting.expiredAt).toBeDefined();
});

test('one timer serves all, and none runs when nothing waits', () => {
  const clock = new TestClock();
  const deadlines = new Deadlines(clock);
  const all = Array.from({ length: 1_000 }, () => new Waiting(clock));
  for (const waiting of all) deadlines.add(waiting, 1_000);
  expect(clock.timers).toBe(1);
  for (const waiting of all) deadlines.remove(waiting);
  clock.advance(100);
  expect(clock.timers).toBe(0);
  deadlines.add(new Waiting(clock), 10);
  deadlines.stop();
  expect(clock.timers).toBe(0);
});
