import { expect, test } from 'vitest';
import { LIMITS } from '../../../runtime/core/limits.ts';
import { AttemptWorld, DONE, settled } from './attempt-world.ts';

const lost = (message: string) => ({ kind: 'lost', message });

test('E4: an attempt that does not answer in its time is lost at once, and its signal aborted with the reason', async () => {
  const world = new AttemptWorld();
  world.call(1, { timeoutMs: 300 });
  await world.clock.pass(299);
  expect(world.outcomes).toEqual([]);
  await world.clock.pass(1);
  expect(world.outcomes).toEqual([lost('no answer within 300 ms')]);
  expect(world.at(0).info.signal.reason).toMatchObject({ name: 'TimeoutError', message: 'no answer within 300 ms' });
  expect(world.attempts.running).toBe(0);
  expect(world.counters).toMatchObject({ attemptsLost: 1, attemptsTimedOut: 1 });
});

test('without a time-out of its own an attempt has ten minutes, a query too', async () => {
  const world = new AttemptWorld();
  world.call();
  world.append(['Scheduled', { kind: 'query', call: 2, message: { type: 'a', id: 'b', name: 'c', payload: {} }, incarnation: 'here' }]);
  world.attempts.apply(world.mailbox, [{ kind: 'attempt', run: 'r', call: 2 }]);
  await world.clock.pass(LIMITS.attemptTimeoutMs - 1);
  expect(world.outcomes).toEqual([]);
  await world.clock.pass(1);
  expect(world.outcomes).toEqual([lost('no answer within 600000 ms'), lost('no answer within 600000 ms')]);
});

test('E2: of an attempt that was lost only a success is told later, whether or not the loss is recorded', async () => {
  const world = new AttemptWorld();
  for (const call of [1, 2, 3]) world.call(call, { timeoutMs: 300 });
  await world.clock.pass(300);
  for (const at of [0, 1]) world.input(at).done(DONE);
  for (const call of [1, 2]) world.failed(call, 1, 50);
  await world.clock.pass(50);
  expect(world.begun.map(({ info }) => info.attempt)).toEqual([1, 1, 1, 2, 2]);
  world.at(0).resolve('late');
  world.at(1).reject(new Error('late'));
  world.at(2).resolve('later');
  await settled();
  expect(world.enqueued.slice(3)).toMatchObject([
    { call: 1, attempt: 1, outcome: { kind: 'completed', value: 'late' } },
    { call: 3, attempt: 1, outcome: { kind: 'completed', value: 'later' } },
  ]);
});

test('an attempt that the core has replaced is aborted, and only its success still counts', async () => {
  const world = new AttemptWorld();
  world.call(1);
  world.call(2);
  for (const call of [1, 2]) world.failed(call, 1, 0);
  expect(world.begun.map(({ info }) => [info.attempt, info.signal.aborted])).toEqual([
    [1, true],
    [1, true],
    [2, false],
    [2, false],
  ]);
  expect(world.attempts.running).toBe(2);
  world.at(0).resolve('first');
  world.at(1).reject(new Error('boom'));
  await settled();
  expect(world.enqueued).toMatchObject([{ call: 1, attempt: 1, outcome: { kind: 'completed', value: 'first' } }]);
});

test('E4: the deadline counts from the call and cuts the time of its last attempt', async () => {
  const world = new AttemptWorld();
  world.call(1, { deadlineMs: 1_000, timeoutMs: 700 });
  await world.clock.pass(700);
  expect(world.outcomes).toEqual([lost('no answer within 700 ms')]);
  world.input(0).done(DONE);
  world.failed(1, 1, 100);
  await world.clock.pass(299);
  expect(world.outcomes.length).toBe(1);
  await world.clock.pass(1);
  expect(world.input(1)).toMatchObject({ attempt: 2, outcome: lost('no answer within the deadline of 1000 ms') });
});

test('an attempt whose deadline has passed when its time comes does not start', async () => {
  const world = new AttemptWorld();
  world.call(1, { deadlineMs: 1_000 });
  world.at(0).reject(new Error('boom'));
  await settled();
  world.input(0).done(DONE);
  world.failed(1, 1, 500);
  world.clock.nowMs += 2_000;
  await world.clock.pass(0);
  expect(world.begun.length).toBe(1);
  expect(world.input(1)).toMatchObject({ attempt: 2, outcome: lost('not started within the deadline of 1000 ms') });
});

test('E4: an attempt that is silent for its heartbeat time-out is lost', async () => {
  const world = new AttemptWorld();
  world.call(1, { heartbeatMs: 100 });
  for (let i = 0; i < 5; i += 1) {
    await world.clock.pass(99);
    world.at(0).info.heartbeat();
  }
  await world.clock.pass(99);
  expect(world.outcomes).toEqual([]);
  await world.clock.pass(1);
  expect(world.outcomes).toEqual([lost('no heartbeat within 100 ms')]);
  expect(world.heartbeats, 'without progress nothing is recorded').toEqual([]);
});

test('E3: whoever looks at the signal only after its abort finds it aborted', async () => {
  const world = new AttemptWorld();
  world.call(1, { timeoutMs: 300 });
  await world.clock.pass(300);
  const { signal } = world.at(0).info;
  expect([signal.aborted, signal.reason.name]).toEqual([true, 'TimeoutError']);
  expect(world.at(0).info.signal).toBe(signal);
});

test('E3: whoever listens to the signal hears of its abort', async () => {
  const world = new AttemptWorld();
  world.call(1, { timeoutMs: 300 });
  const heard: unknown[] = [];
  const { signal } = world.at(0).info;
  signal.addEventListener('abort', () => heard.push(signal.reason.message, world.outcomes.length));
  await world.clock.pass(300);
  expect(heard, 'when the loss has been told').toEqual(['no answer within 300 ms', 1]);
});

test('E3: after its time-out heartbeat changes nothing, and throws nothing', async () => {
  const world = new AttemptWorld();
  world.call(1, { timeoutMs: 300 });
  const { info } = world.at(0);
  await world.clock.pass(300);
  expect(() => info.heartbeat({ page: 1 })).not.toThrow();
  expect(world.heartbeats).toEqual([]);
});

test('H1: progress is recorded at once, then at most every 0.8 heartbeat time-outs, always the newest', async () => {
  const world = new AttemptWorld();
  world.call(1, { heartbeatMs: 1_000 });
  const { info } = world.at(0);
  info.heartbeat({ page: 1 });
  expect(world.input(0)).toMatchObject({ kind: 'heartbeat', run: 'r', call: 1, attempt: 1, progress: { page: 1 } });
  world.input(0).done(DONE);
  for (const page of [2, 3]) {
    await world.clock.pass(300);
    info.heartbeat({ page });
  }
  await world.clock.pass(199);
  expect(world.heartbeats).toEqual([{ page: 1 }]);
  await world.clock.pass(1);
  expect(world.heartbeats).toEqual([{ page: 1 }, { page: 3 }]);
  expect(world.counters.heartbeats).toBe(2);
});

test('H1: without a heartbeat time-out the interval is that of the limits', async () => {
  const world = new AttemptWorld();
  world.call();
  world.at(0).info.heartbeat(1);
  world.input(0).done(DONE);
  world.at(0).info.heartbeat(2);
  await world.clock.pass(LIMITS.progressEveryMs - 1);
  expect(world.heartbeats).toEqual([1]);
  await world.clock.pass(1);
  expect(world.heartbeats).toEqual([1, 2]);
});

test('H1: while a record is not answered no other is made; afterwards the newest is', async () => {
  const world = new AttemptWorld();
  world.call(1, { heartbeatMs: 1_000 });
  for (const page of [1, 2, 3, 4]) {
    world.at(0).info.heartbeat({ page });
    await world.clock.pass(900);
  }
  expect(world.heartbeats).toEqual([{ page: 1 }]);
  world.input(0).done({ kind: 'failed', code: 'store-full', message: '' });
  await world.clock.pass(0);
  expect(world.heartbeats).toEqual([{ page: 1 }, { page: 4 }]);
});

test('the newest progress rides on the outcome of an attempt that failed or was lost, and on no other', async () => {
  const world = new AttemptWorld();
  for (const call of [1, 2, 3]) {
    world.call(call, { timeoutMs: 500 });
    for (const page of [1, 2]) world.at(-1).info.heartbeat({ page });
  }
  world.call(4, { timeoutMs: 500 });
  world.at(0).reject(new Error('boom'));
  world.at(2).resolve(1);
  await world.clock.pass(500);
  const outcomes = world.enqueued.filter(({ kind }) => kind === 'outcome');
  expect(outcomes.map((one) => [one.call, 'progress' in one ? one.progress : 'none'])).toEqual([
    [1, { page: 2 }],
    [3, 'none'],
    [2, { page: 2 }],
    [4, 'none'],
  ]);
});

test('H2: progress is a copy as it was at that moment', async () => {
  const world = new AttemptWorld();
  world.call();
  const progress = { done: ['a'] };
  world.at(0).info.heartbeat(progress);
  progress.done.push('b');
  world.at(0).reject(new Error('boom'));
  await settled();
  expect(world.enqueued.map((one) => one.kind === 'outcome' && one.progress)).toEqual([false, { done: ['a'] }]);
  expect(world.heartbeats).toEqual([{ done: ['a'] }]);
});

test('progress that is not plain or too large is refused where it is told, naming the field', () => {
  const world = new AttemptWorld();
  world.call();
  const { heartbeat } = world.at(0).info;
  expect(() => heartbeat({ at: new Date(0) })).toThrow('progress of activity work.at');
  expect(() => heartbeat({ note: 'x'.repeat(LIMITS.maxActivityBytes) })).toThrow(
    /progress of activity work.*progress of activity work\.note/,
  );
  expect(world.heartbeats).toEqual([]);
});

test('a heartbeat after the end is nobody’s business', async () => {
  const world = new AttemptWorld();
  world.call();
  world.at(0).resolve(1);
  await settled();
  world.at(0).info.heartbeat({ page: 1 });
  await world.clock.pass(60_000);
  expect(world.heartbeats).toEqual([]);
});
