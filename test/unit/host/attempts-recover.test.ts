import { expect, test } from 'vitest';
import { AttemptWorld, DONE, settled } from './attempt-world.ts';

test('after rehydration a call of this incarnation that is not known starts at its time', async () => {
  const world = new AttemptWorld();
  const nextAt = world.clock.nowMs + 500;
  world.append(['Scheduled', { kind: 'activity', call: 1, activity: 'work', input: 1, policy: {}, incarnation: 'here' }]);
  world.append(['Scheduled', { kind: 'activity', call: 2, activity: 'work', input: 2, policy: {}, incarnation: 'here' }]);
  world.append(['AttemptFailed', { call: 2, attempt: 3, code: 'x', message: 'x', nextAt, incarnation: 'here' }]);
  world.rehydrate(world.passivate());
  expect(world.begun.map(({ input, info }) => [input, info.attempt])).toEqual([[1, 1]]);
  await world.clock.pass(500);
  expect(world.begun.map(({ input, info }) => [input, info.attempt])).toEqual([
    [1, 1],
    [2, 4],
  ]);
});

test('a call of another incarnation is reported lost, once, and tried when that is recorded', async () => {
  const world = new AttemptWorld();
  world.append(['Scheduled', { kind: 'activity', call: 1, activity: 'work', input: 1, policy: {}, incarnation: 'gone' }]);
  const message = { type: 'a', id: 'b', name: 'c', payload: {} };
  world.append(['Scheduled', { kind: 'query', call: 2, message, incarnation: 'here' }]);
  world.append(['AttemptFailed', { call: 2, attempt: 1, code: 'x', message: 'x', nextAt: 5, incarnation: 'gone' }]);
  world.attempts.recover(world.mailbox);
  world.attempts.recover(world.mailbox);
  const outcome = { kind: 'lost', message: 'the process that was to carry it out is gone' };
  expect(world.enqueued).toMatchObject([
    { run: 'r', call: 1, attempt: 1, outcome },
    { run: 'r', call: 2, attempt: 2, outcome },
  ]);
  world.input(0).done(DONE);
  world.failed(1, 1, 100);
  await world.clock.pass(100);
  expect(world.begun.map(({ info }) => info.attempt)).toEqual([2]);
  expect(world.counters).toMatchObject({ attempts: 1, attemptsLost: 2, attemptsTimedOut: 0 });
});

test('a call of another incarnation whose next attempt has not come yet was lost by nobody: it starts at its time, under its number', async () => {
  const world = new AttemptWorld();
  const nextAt = world.clock.nowMs + 500;
  world.append(['Scheduled', { kind: 'activity', call: 1, activity: 'work', input: 1, policy: {}, incarnation: 'gone' }]);
  world.append(['AttemptFailed', { call: 1, attempt: 1, code: 'x', message: 'x', nextAt, incarnation: 'gone' }]);
  world.attempts.recover(world.mailbox);
  await world.clock.pass(499);
  expect(world.begun).toEqual([]);
  world.attempts.recover(world.mailbox);
  await world.clock.pass(1);
  world.attempts.recover(world.mailbox);
  expect(world.begun.map(({ info }) => info.attempt)).toEqual([2]);
  expect(world.enqueued).toEqual([]);
});

test('a call of another incarnation that is lost while its entity holds is reported too: it is a fact', () => {
  const world = new AttemptWorld();
  world.append(['Scheduled', { kind: 'activity', call: 1, activity: 'work', input: 1, policy: {}, incarnation: 'gone' }]);
  world.hold();
  world.attempts.recover(world.mailbox);
  expect(world.outcomes).toMatchObject([{ kind: 'lost' }]);
});

test('a recovered call that was asked to stop is cancelled and not started', async () => {
  const world = new AttemptWorld();
  world.append(['Scheduled', { kind: 'activity', call: 1, activity: 'work', input: 1, policy: {}, incarnation: 'here' }]);
  const nextAt = world.clock.nowMs + 60_000;
  world.append(['AttemptFailed', { call: 1, attempt: 1, code: 'x', message: 'x', nextAt, incarnation: 'here' }]);
  world.append(['CancelRequested', { by: 'op', why: '', closes: [] }]);
  world.attempts.recover(world.mailbox);
  expect(world.outcomes, 'at once, whenever it was to be tried next').toEqual([{ kind: 'cancelled' }]);
  await world.clock.pass(60_000);
  expect(world.begun).toEqual([]);
});

test('T1: while an entity holds nothing starts; when it holds no longer all that is owed does, at its time', async () => {
  const world = new AttemptWorld();
  world.call(1);
  world.failed(1, 1, 100);
  world.hold();
  world.call(2);
  await world.clock.pass(1_000);
  expect(world.begun.map(({ info }) => info.attempt)).toEqual([1]);
  world.append(['AttemptFailed', { call: 2, attempt: 1, code: 'x', message: 'x', nextAt: world.clock.nowMs + 50, incarnation: 'here' }]);
  world.attempts.recover(world.mailbox);
  world.resume();
  world.attempts.recover(world.mailbox);
  expect(world.begun.map(({ input, info }) => [input, info.attempt])).toEqual([
    [{ n: 1 }, 1],
    [{ n: 1 }, 2],
  ]);
  await world.clock.pass(50);
  expect(world.at(2)).toMatchObject({ input: { n: 2 }, info: { attempt: 2 } });
});

test('T1: what was planned before a hold that is over starts at its time, once', async () => {
  const world = new AttemptWorld();
  world.call(1);
  world.failed(1, 1, 100);
  world.hold();
  await world.clock.pass(50);
  world.resume();
  world.attempts.recover(world.mailbox);
  await world.clock.pass(50);
  expect(world.begun.map(({ info }) => info.attempt)).toEqual([1, 2]);
});

test('T1: an entity whose state cannot be folded holds too', () => {
  const world = new AttemptWorld();
  world.image.foldError = 'unknown event';
  world.call(1);
  world.attempts.recover(world.mailbox);
  expect(world.begun).toEqual([]);
  world.image.foldError = undefined;
  world.attempts.recover(world.mailbox);
  expect(world.begun.length).toBe(1);
});

test('T1: an attempt whose call closed while it was planned does not start', async () => {
  const world = new AttemptWorld();
  world.call(1);
  world.failed(1, 1, 100);
  world.resolve(1);
  await world.clock.pass(1_000);
  expect(world.begun.length).toBe(1);
  expect(world.enqueued).toEqual([]);
});

test('T1: an attempt that a later one has replaced in the image does not start', async () => {
  const world = new AttemptWorld();
  world.call(1);
  world.failed(1, 1, 100);
  world.append(['AttemptFailed', { call: 1, attempt: 2, code: 'x', message: 'x', nextAt: world.clock.nowMs + 500, incarnation: 'here' }]);
  await world.clock.pass(499);
  expect(world.begun.length).toBe(1);
  world.attempts.apply(world.mailbox, [{ kind: 'attempt', run: 'r', call: 1 }]);
  await world.clock.pass(1);
  expect(world.begun.map(({ info }) => info.attempt)).toEqual([1, 3]);
});

test('T2: attempts survive the passivation of their entity; what is due later has it rehydrated', async () => {
  const world = new AttemptWorld();
  world.call(1);
  world.call(2);
  world.failed(2, 1, 100);
  const image = world.passivate();
  world.at(0).resolve('done');
  await world.clock.pass(100);
  expect(world.outcomes).toEqual([{ kind: 'completed', value: 'done' }]);
  expect([world.begun.length, world.waking.length]).toEqual([2, 1]);
  world.rehydrate(image);
  await settled();
  expect(world.at(2)).toMatchObject({ input: { n: 2 }, info: { attempt: 2 } });
  expect(world.begun.length).toBe(3);
});

test('T1: an attempt whose entity comes back holding does not start until it holds no longer', async () => {
  const world = new AttemptWorld();
  world.call(1);
  world.failed(1, 1, 100);
  world.hold();
  const image = world.passivate();
  await world.clock.pass(100);
  world.rehydrate(image);
  await settled();
  expect(world.begun.length).toBe(1);
  world.resume();
  world.attempts.recover(world.mailbox);
  expect(world.begun.length).toBe(2);
});

test('T3: an entity that cannot be read just now is asked for again', async () => {
  const world = new AttemptWorld({ limits: { concurrency: 1 } });
  world.call(1);
  world.at(0).reject(new Error('boom'));
  await settled();
  world.input(0).done(DONE);
  world.failed(1, 1, 100);
  const image = world.passivate();
  await world.clock.pass(100);
  world.waking.splice(0)[0]?.(undefined);
  await world.clock.pass(999);
  expect(world.waking.length).toBe(0);
  await world.clock.pass(1);
  expect(world.waking.length).toBe(1);
  world.rehydrate(image);
  await settled();
  expect(world.begun.map(({ info }) => info.attempt)).toEqual([1, 2]);
});

test('a call that is asked to stop while its entity is being rehydrated for it does not start, and takes no place', async () => {
  const world = new AttemptWorld({ limits: { concurrency: 1 } });
  world.call(1);
  world.at(0).reject(new Error('boom'));
  await settled();
  world.input(0).done(DONE);
  world.failed(1, 1, 100);
  const image = world.passivate();
  await world.clock.pass(100);
  world.mailbox.image = image;
  world.cancel(1);
  expect(world.outcomes.at(-1)).toEqual({ kind: 'cancelled' });
  world.rehydrate(image);
  await settled();
  expect(world.outcomes.length).toBe(2);
  world.call(2);
  expect(world.begun.map(({ input }) => input)).toEqual([{ n: 1 }, { n: 2 }]);
});
