import { expect, test } from 'vitest';
import { AttemptWorld, DONE, failedAs, settled, Work } from './attempt-world.ts';

test('an attempt starts with the turn that asks for it, with all it is told', async () => {
  const world = new AttemptWorld();
  world.append(['RunStarted', { name: 'go', of: 'signal', input: {} }, { run: 'r2', correlation: 'c', baggage: { tenant: 'a' } }]);
  world.append([
    'Scheduled',
    { kind: 'activity', call: 7, activity: 'work', input: { n: 1 }, policy: {}, incarnation: 'here' },
    { run: 'r2' },
  ]);
  world.attempts.apply(world.mailbox, [{ kind: 'attempt', run: 'r2', call: 7 }]);
  const { input, info } = world.at(0);
  expect(input).toEqual({ n: 1 });
  expect(info).toMatchObject({ attempt: 1, idempotencyKey: 'digest of key/turn-2/r2/7', lastHeartbeat: undefined });
  expect(info.meta).toEqual({ signalId: 'r2', correlationId: 'c', baggage: { tenant: 'a' } });
  expect(world.attempts.running).toBe(1);
  world.at(0).resolve({ ok: true });
  await settled();
  expect(world.input(0)).toMatchObject({
    kind: 'outcome',
    run: 'r2',
    call: 7,
    attempt: 1,
    outcome: { kind: 'completed', value: { ok: true } },
  });
  expect(world.attempts.running).toBe(0);
  expect(world.counters).toMatchObject({ attempts: 1, attemptsCompleted: 1 });
});

test('without baggage and correlation the meta is that of the signal alone; a recorded key goes before the derived one', () => {
  const world = new AttemptWorld();
  world.call(1, {}, { key: 'that of its step' });
  expect(world.at(0).info.idempotencyKey).toBe('that of its step');
  expect(world.at(0).info.meta).toEqual({ signalId: 'r', correlationId: 'r', baggage: {} });
});

test('S2: user code cannot change what the image holds', () => {
  const world = new AttemptWorld();
  world.call();
  expect(() => Object.assign(world.at(0).input as object, { n: 2 })).toThrow(TypeError);
});

test('the next attempt starts at the time its call says, with the progress of the one before', async () => {
  const world = new AttemptWorld();
  world.call();
  world.at(0).reject(new Error('boom'));
  await settled();
  expect(world.outcomes).toEqual([{ kind: 'failed', code: 'activity-threw', message: 'Error: boom' }]);
  world.failed(1, 1, 500, { progress: { page: 3 } });
  world.input(0).done(DONE);
  await world.clock.pass(499);
  expect(world.begun.length).toBe(1);
  await world.clock.pass(1);
  expect(world.at(1).info).toMatchObject({ attempt: 2, idempotencyKey: 'digest of key/seed/r/1', lastHeartbeat: { page: 3 } });
  expect(world.counters).toMatchObject({ attempts: 2, attemptsFailed: 1 });
});

test('what an activity throws is logged with all it says', async () => {
  const world = new AttemptWorld();
  const error = new Error('boom');
  world.call();
  world.at(0).reject(error);
  await settled();
  expect(world.logged.find(({ event }) => event === 'activity-threw')?.fields).toEqual({
    ...{ type: 'box', id: '1', run: 'r', call: 1, attempt: 1, name: 'work' },
    error,
  });
});

test('T1: the same effect twice, and a recovery meanwhile, start nothing twice', async () => {
  const world = new AttemptWorld();
  world.call();
  world.attempts.apply(world.mailbox, [{ kind: 'attempt', run: 'r', call: 1 }]);
  world.attempts.recover(world.mailbox);
  world.rehydrate(world.passivate());
  await world.clock.pass(1_000);
  expect(world.begun.length).toBe(1);
});

test('T2: an attempt that ended stays known until its outcome is answered', async () => {
  const world = new AttemptWorld();
  world.call();
  world.at(0).resolve(1);
  await settled();
  world.rehydrate(world.passivate());
  await world.clock.pass(1_000);
  expect(world.begun.length).toBe(1);
  world.input(0).done(DONE);
  world.attempts.recover(world.mailbox);
  expect(world.begun.length, 'the answer said it was recorded, the image says it was not: it is started again').toBe(2);
});

test('T2: the answer to an outcome forgets its own attempt, not the next', async () => {
  const world = new AttemptWorld();
  world.call();
  world.at(0).reject(new Error('boom'));
  await settled();
  world.failed(1, 1, 100);
  world.input(0).done(DONE);
  world.attempts.recover(world.mailbox);
  await world.clock.pass(100);
  expect(world.begun.map(({ info }) => info.attempt)).toEqual([1, 2]);
});

test('R1: an outcome that cannot be taken just now is put into the mailbox again, later and later, until it is', async () => {
  const world = new AttemptWorld();
  world.call();
  world.at(0).resolve('paid');
  await settled();
  const waits: number[] = [];
  for (const code of ['store-full', 'outcome-unknown', 'draining', 'overloaded'] as const) {
    const since = world.clock.nowMs;
    const { length } = world.enqueued;
    world.input(-1).done(failedAs(code));
    while (world.enqueued.length === length) await world.clock.pass(1);
    waits.push(world.clock.nowMs - since);
  }
  expect(waits).toEqual([75, 150, 300, 600]);
  world.input(-1).done(DONE);
  await world.clock.pass(60_000);
  expect(world.outcomes).toEqual(Array(5).fill({ kind: 'completed', value: 'paid' }));
  expect(world.counters.outcomesRepeated).toBe(4);
  expect(world.begun.length).toBe(1);
});

test('R2: a result that is refused for good becomes a failure that names why', async () => {
  const world = new AttemptWorld();
  world.call();
  world.at(0).resolve('large');
  await settled();
  world.input(0).done({ kind: 'failed', code: 'turn-too-large', message: 'too large for a turn' });
  expect(world.input(1)).toMatchObject({
    attempt: 1,
    outcome: { kind: 'failed', code: 'turn-too-large', message: 'too large for a turn' },
  });
  world.input(1).done(failedAs('defect'));
  await world.clock.pass(60_000);
  expect(world.enqueued.length).toBe(2);
  expect(world.logged.filter(({ event }) => event === 'outcome-refused').map(({ fields }) => fields['outcome'])).toEqual([
    'completed',
    'failed',
  ]);
});

test('an outcome for an entity that was forgotten is no fault', async () => {
  const world = new AttemptWorld();
  world.call();
  world.at(0).resolve(1);
  await settled();
  world.input(0).done(failedAs('forgotten'));
  await world.clock.pass(60_000);
  expect(world.enqueued.length).toBe(1);
  expect(world.logged).toEqual([]);
});

test('an activity that this node does not have fails, and is tried again', async () => {
  const world = new AttemptWorld();
  world.call(1, {}, { activity: 'gone' });
  await settled();
  expect(world.outcomes).toEqual([{ kind: 'failed', code: 'unknown-activity', message: "this node has no activity 'gone'" }]);
});

test('an activity that answers without a promise, or throws at once, is like any other', async () => {
  const world = new AttemptWorld({
    activities: [
      { ...Work.implement(() => 'now'), activity: 'sync' },
      {
        ...Work.implement(() => {
          throw new Error('at once');
        }),
        activity: 'thrower',
      },
    ],
  });
  world.call(1, {}, { activity: 'sync' });
  world.call(2, {}, { activity: 'thrower' });
  expect(world.enqueued, 'nothing is told while effects are applied').toEqual([]);
  await settled();
  expect(new Map(world.enqueued.map((one) => [one.call, one.kind === 'outcome' && one.outcome]))).toEqual(
    new Map([
      [1, { kind: 'completed', value: 'now' }],
      [2, { kind: 'failed', code: 'activity-threw', message: 'Error: at once' }],
    ]),
  );
});

test('effects for calls that are closed, of other kinds or unknown start nothing', async () => {
  const world = new AttemptWorld();
  world.append(['Scheduled', { kind: 'sleep', call: 2, dueAt: 5 }]);
  world.append(['Scheduled', { kind: 'activity', call: 1, activity: 'work', input: 1, policy: {}, incarnation: 'here' }]);
  world.resolve(1);
  world.attempts.apply(world.mailbox, [
    ...([1, 2, 3] as const).map((call) => ({ kind: 'attempt', run: 'r', call }) as const),
    { kind: 'attempt', run: 'nobody', call: 1 },
    { kind: 'ended', run: 'r', answer: DONE },
    { kind: 'logged', run: 'r', line: { message: 'm', fields: {} } },
  ]);
  await world.clock.pass(60_000);
  expect(world.begun).toEqual([]);
});

test('a query that is called is asked for, and answered as the answer says', async () => {
  const world = new AttemptWorld();
  const message = { type: 'cart', id: '42', name: 'summary', payload: { full: true } };
  world.append(['Scheduled', { kind: 'query', call: 1, message, incarnation: 'here' }]);
  world.attempts.apply(world.mailbox, [{ kind: 'attempt', run: 'r', call: 1 }]);
  expect(world.queries[0]?.message).toEqual(message);
  world.queries[0]?.answer({ kind: 'done', result: { total: 3 }, revision: 1, position: 1, repeated: false });
  await settled();
  expect(world.outcomes).toEqual([{ kind: 'completed', value: { total: 3 } }]);
});

test('T4: after stop everything is aborted, nothing is told and nothing starts', async () => {
  const world = new AttemptWorld({ limits: { concurrency: 2 } });
  world.call(6, { timeoutMs: 50 });
  await world.clock.pass(50);
  const late = world.begun.shift();
  world.call(1, { timeoutMs: 100 });
  world.call(2);
  world.call(3);
  world.call(4);
  world.failed(4, 1, 10);
  world.at(0).info.heartbeat({ page: 1 });
  const { length } = world.enqueued;
  world.attempts.stop();
  expect(world.clock.timers).toEqual([]);
  expect(world.begun.map(({ info }) => info.signal.aborted)).toEqual([true, true]);
  expect(world.at(0).info.signal.reason).toMatchObject({ name: 'AbortError', message: 'the node stops' });
  late?.resolve(1);
  world.at(0).resolve(1);
  world.at(1).reject(new Error('boom'));
  world.call(5);
  world.attempts.recover(world.mailbox);
  await world.clock.pass(3_600_000);
  expect(world.begun.length).toBe(2);
  expect(world.enqueued.length).toBe(length);
  expect(world.clock.timers).toEqual([]);
  expect(world.attempts.running).toBe(0);
});
