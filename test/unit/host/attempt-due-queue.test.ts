import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Due, DueQueue } from '../../../runtime/host/due-queue.ts';
import { HandClock } from './attempt-world.ts';

function world() {
  const clock = new HandClock();
  const failures: unknown[] = [];
  const seen: string[] = [];
  const queue = new DueQueue({ clock, fail: (error) => void failures.push(error) });
  const start = clock.nowMs;
  const item = (name: string, then?: (nowMs: number) => void): Due => ({
    dueAt: undefined,
    due: (nowMs) => {
      seen.push(`${name}@${nowMs - start}`);
      then?.(nowMs);
    },
  });
  return { clock, failures, seen, queue, start, item };
}

test('Q1: the earlier of two times stands; what is forgotten is not looked at', async () => {
  const { clock, queue, seen, start, item } = world();
  const [a, b, c] = [item('a'), item('b'), item('c')];
  queue.watch(a, start + 30);
  queue.watch(a, start + 10);
  queue.watch(a, start + 20);
  queue.watch(b, start + 15);
  queue.watch(c, start + 5);
  queue.forget(c);
  queue.forget(c);
  expect(queue.size).toBe(2);
  await clock.pass(100);
  expect(seen).toEqual(['a@10', 'b@15']);
  expect(queue.size).toBe(0);
});

test('Q2: one clock timer is armed, for the earliest that is not void, and none for nothing', async () => {
  const { clock, queue, start, item } = world();
  const [a, b] = [item('a'), item('b')];
  queue.watch(a, start + 10);
  queue.watch(b, start + 20);
  expect(clock.timers).toEqual([10]);
  queue.forget(a);
  expect(clock.timers).toEqual([20]);
  queue.forget(b);
  expect(clock.timers).toEqual([]);
  queue.watch(b, start - 5);
  expect(clock.timers).toEqual([0]);
  queue.stop();
  expect([clock.timers, b.dueAt]).toEqual([[], undefined]);
});

test('Q2: a clock that went back is waited for', async () => {
  const { clock, queue, seen, start, item } = world();
  queue.watch(item('a'), start + 10);
  clock.nowMs -= 100;
  await clock.pass(109);
  expect(seen).toEqual([]);
  await clock.pass(1);
  expect(seen).toEqual(['a@10']);
});

test('Q3: many things that are forgotten before their time leave no entries behind', () => {
  const { clock, queue, start, item } = world();
  const kept = item('kept');
  queue.watch(kept, start + 1_000_000);
  const { armed } = clock;
  for (let i = 0; i < 100_000; i += 1) {
    const one = item('one');
    queue.watch(one, start + 2_000_000 + i);
    queue.forget(one);
  }
  expect(queue.entries).toBeLessThan(100);
  expect(clock.armed, 'and the clock is left alone').toBe(armed);
});

test('Q4: what is due at one time is looked at in the order in which it was put there; what is put back waits for the next look', async () => {
  const { clock, queue, seen, start, item } = world();
  const again = item('again', (nowMs) => {
    if (seen.length < 4) queue.watch(again, nowMs);
  });
  queue.watch(again, start + 10);
  for (const name of ['a', 'b']) queue.watch(item(name), start + 10);
  await clock.pass(10);
  expect(seen).toEqual(['again@10', 'a@10', 'b@10', 'again@10']);
});

test('what one throws is a defect of the runtime, and the others are looked at all the same', async () => {
  const { clock, failures, queue, seen, start, item } = world();
  const error = new Error('boom');
  queue.watch(
    item('a', () => {
      throw error;
    }),
    start + 10,
  );
  queue.watch(item('b'), start + 10);
  queue.watch(item('c'), start + 20);
  await clock.pass(20);
  expect(failures).toEqual([error]);
  expect(seen).toEqual(['a@10', 'b@10', 'c@20']);
});

test('Q1, Q2: it agrees with a list that is looked through', async () => {
  const step = fc.record({ item: fc.nat(5), at: fc.option(fc.integer({ min: 0, max: 40 }), { nil: undefined }), pass: fc.nat(3) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { clock, queue, seen, start, item } = world();
      const items = [...'abcdef'].map((name) => ({ name, due: item(name), at: undefined as number | undefined }));
      const expected: string[] = [];
      for (const { item: which, at, pass } of [...steps, { item: 0, at: undefined, pass: 50 }]) {
        const one = items[which];
        if (one === undefined) continue;
        if (at === undefined) queue.forget(one.due);
        else queue.watch(one.due, start + at);
        one.at = at === undefined ? undefined : Math.min(one.at ?? 99, at);
        for (let end = clock.nowMs + pass; ; clock.nowMs += 1) {
          await clock.pass(0);
          for (const due of items) {
            if (due.at === undefined || due.at + start > clock.nowMs) continue;
            expected.push(`${due.name}@${clock.nowMs - start}`);
            due.at = undefined;
          }
          if (clock.nowMs >= end) break;
        }
        expect(seen.toSorted()).toEqual(expected.toSorted());
        expect(queue.size).toBe(items.filter((due) => due.at !== undefined).length);
      }
    }),
    { numRuns: 30 },
  );
});
