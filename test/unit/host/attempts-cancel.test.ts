import { expect, test } from 'vitest';
import { CancelledError } from '../../../runtime/core/rejection.ts';
import { AttemptWorld, DONE, settled, Work } from './attempt-world.ts';

const CANCELLED = { kind: 'cancelled' };

test('E3: a call that is asked to stop has its signal aborted, and then tells how it really ended', async () => {
  const world = new AttemptWorld();
  for (const call of [1, 2, 3]) world.call(call);
  world.cancel(1, 2, 3);
  const { info } = world.at(0);
  expect(info.signal.reason).toBeInstanceOf(CancelledError);
  expect(() => info.heartbeat(1)).not.toThrow();
  world.at(0).reject(info.signal.reason);
  world.at(1).resolve('all the same');
  world.at(2).reject(Work.reject('declined'));
  await settled();
  expect(world.outcomes).toMatchObject([CANCELLED, { kind: 'completed', value: 'all the same' }, { kind: 'rejected', code: 'declined' }]);
  expect(world.counters).toMatchObject({ attemptsCancelled: 1, attemptsCompleted: 1, attemptsRejected: 1 });
});

test('a call that is asked to stop and does not answer in its time is cancelled; a later success is told still', async () => {
  const world = new AttemptWorld();
  world.call(1, { timeoutMs: 300, heartbeatMs: 100 });
  world.cancel(1);
  await world.clock.pass(299);
  expect(world.outcomes, 'the silence that the abort forces is not held against it').toEqual([]);
  await world.clock.pass(1);
  expect(world.outcomes).toEqual([CANCELLED]);
  world.at(0).resolve('late');
  await settled();
  expect(world.outcomes).toEqual([CANCELLED, { kind: 'completed', value: 'late' }]);
});

test('if no attempt is out a call that is asked to stop is cancelled at once', async () => {
  const world = new AttemptWorld({ limits: { concurrency: 1 } });
  world.call(1);
  world.call(2);
  world.at(0).reject(new Error('boom'));
  await settled();
  world.input(0).done(DONE);
  world.failed(1, 1, 1_000);
  world.call(3);
  world.cancel(1, 3);
  expect(world.enqueued.slice(1)).toMatchObject([
    { call: 1, attempt: 2, outcome: CANCELLED },
    { call: 3, attempt: 1, outcome: CANCELLED },
  ]);
  await world.clock.pass(10_000);
  expect(world.begun.length, 'only the second call, which took the place of the first').toBe(2);
});

test('a request to stop that comes while the outcome is on its way changes nothing', async () => {
  const world = new AttemptWorld();
  world.call(1);
  world.at(0).resolve(1);
  await settled();
  world.cancel(1);
  expect(world.outcomes).toEqual([{ kind: 'completed', value: 1 }]);
});

test('a call that nobody knows here is cancelled at once', () => {
  const world = new AttemptWorld();
  world.hold();
  world.call(1);
  world.cancel(1);
  expect(world.outcomes).toEqual([CANCELLED]);
});

test('a request to stop that is deferred stops the attempt all the same', async () => {
  const world = new AttemptWorld();
  world.call(1);
  world.append(['CancelRequested', { by: 'op', why: '', closes: [], deferred: true }]);
  world.abort(1);
  world.at(0).reject(world.at(0).info.signal.reason);
  await settled();
  expect(world.outcomes).toEqual([CANCELLED]);
});

test('a call that is closed has its attempt aborted and forgotten: nothing is told', async () => {
  const world = new AttemptWorld({ limits: { concurrency: 4 } });
  for (const call of [1, 2, 3, 4, 5, 6]) world.call(call, { timeoutMs: 1_000 });
  for (const call of [1, 2, 3, 4, 5, 6]) world.resolve(call);
  for (const call of [1, 2, 3, 4, 5]) world.abort(call);
  expect(world.begun.map(({ info }) => info.signal.reason?.name)).toEqual(Array(4).fill('AbortError'));
  world.at(0).resolve(1);
  world.at(1).reject(new Error('boom'));
  world.at(2).reject(Work.reject('declined'));
  await world.clock.pass(60_000);
  expect(world.enqueued).toEqual([]);
  expect(world.begun.length, 'what waited for its place is not started').toBe(4);
});

test('E1: an attempt that is not wanted keeps its place until it ends or its time is up', async () => {
  const world = new AttemptWorld({ limits: { concurrency: 2 } });
  for (const call of [1, 2]) world.call(call, { timeoutMs: 1_000 });
  for (const call of [1, 2]) world.resolve(call);
  for (const call of [1, 2]) world.abort(call);
  world.call(3);
  world.call(4);
  expect([world.begun.length, world.attempts.running]).toEqual([2, 2]);
  world.at(0).resolve(1);
  await settled();
  expect([world.begun.length, world.attempts.running]).toEqual([3, 2]);
  await world.clock.pass(1_000);
  expect([world.begun.length, world.attempts.running]).toEqual([4, 2]);
});

test('a call that is closed while its next attempt is planned leaves nothing behind', async () => {
  const world = new AttemptWorld();
  world.call(1);
  world.at(0).reject(new Error('boom'));
  await settled();
  world.input(0).done(DONE);
  world.failed(1, 1, 3_600_000);
  world.resolve(1);
  world.abort(1);
  expect(world.clock.timers).toEqual([]);
});

test('an abort for a call that is unknown and closed is nothing', () => {
  const world = new AttemptWorld();
  world.abort(9);
  expect(world.enqueued).toEqual([]);
});
