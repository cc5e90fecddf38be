import { expect, test } from 'vitest';
import { ActivityPace } from '../../../runtime/host/activity-pace.ts';
import { DueQueue } from '../../../runtime/host/due-queue.ts';
import { AttemptWorld, HandClock, settled, Work } from './attempt-world.ts';

const inputs = (world: AttemptWorld) => world.begun.map(({ input }) => (input as { n: number }).n);

test('P1, P3: at most so many attempts are out at once; the others follow in the order in which they came', async () => {
  const world = new AttemptWorld({ limits: { concurrency: 2 } });
  for (const call of [1, 2, 3, 4, 5]) world.call(call);
  expect(inputs(world)).toEqual([1, 2]);
  world.at(1).resolve(1);
  await settled();
  expect(inputs(world)).toEqual([1, 2, 3]);
  world.at(0).reject(new Error('boom'));
  world.at(2).reject(Work.reject('declined'));
  await settled();
  expect(inputs(world)).toEqual([1, 2, 3, 4, 5]);
  expect(world.attempts.running).toBe(2);
});

test('P1: an attempt that is lost gives its place back, though its work goes on', async () => {
  const world = new AttemptWorld({ limits: { concurrency: 1 } });
  world.call(1, { timeoutMs: 100 });
  world.call(2, { timeoutMs: 100 });
  await world.clock.pass(100);
  expect(inputs(world)).toEqual([1, 2]);
  world.at(0).resolve('late');
  await settled();
  world.call(3);
  expect(inputs(world), 'it does not give it back twice').toEqual([1, 2]);
});

test('the time-out counts from the real start, the deadline does not', async () => {
  const world = new AttemptWorld({ limits: { concurrency: 1 } });
  world.call(1, { timeoutMs: 400 });
  world.call(2, { timeoutMs: 300 });
  world.call(3, { deadlineMs: 500 });
  await world.clock.pass(500);
  expect(world.enqueued).toMatchObject([
    { call: 1, outcome: { kind: 'lost', message: 'no answer within 400 ms' } },
    { call: 3, outcome: { kind: 'lost', message: 'not started within the deadline of 500 ms' } },
  ]);
  await world.clock.pass(200);
  expect(world.input(2)).toMatchObject({ call: 2, outcome: { kind: 'lost', message: 'no answer within 300 ms' } });
  expect(inputs(world)).toEqual([1, 2]);
});

test('P3: what waits and may not start any more is passed over', async () => {
  const world = new AttemptWorld({ limits: { concurrency: 1 } });
  for (const call of [1, 2, 3]) world.call(call);
  world.resolve(2);
  world.at(0).resolve(1);
  await settled();
  expect(inputs(world)).toEqual([1, 3]);
});

test('P3: of an entity that holds all that waits is passed over, and waits for the end of the hold', async () => {
  const world = new AttemptWorld({ limits: { concurrency: 1, ratePerSecond: 3 } });
  for (const call of [1, 2, 3]) world.call(call);
  world.hold();
  world.at(0).resolve(1);
  await world.clock.pass(10_000);
  expect(inputs(world)).toEqual([1]);
  world.resume();
  world.resolve(1);
  world.attempts.recover(world.mailbox);
  expect(inputs(world)).toEqual([1, 2]);
});

test('P2: so many start in a second, evenly, after a first second’s worth at once', async () => {
  const world = new AttemptWorld({ limits: { ratePerSecond: 4 } });
  for (let call = 1; call <= 10; call += 1) world.call(call);
  const counts: number[] = [];
  for (let i = 0; i < 8; i += 1) {
    counts.push(world.begun.length);
    await world.clock.pass(250);
  }
  expect(counts).toEqual([4, 5, 6, 7, 8, 9, 10, 10]);
  await world.clock.pass(60_000);
  for (let call = 11; call <= 20; call += 1) world.call(call);
  expect(world.begun.length, 'what was not used adds up to one second’s worth').toBe(14);
});

test('P2: less than one a second is one after so many seconds', async () => {
  const world = new AttemptWorld({ limits: { ratePerSecond: 0.1 } });
  for (const call of [1, 2, 3]) world.call(call);
  await world.clock.pass(9_999);
  expect(world.begun.length).toBe(1);
  await world.clock.pass(1);
  expect(world.begun.length).toBe(2);
});

test('the limits are those of the one activity', () => {
  const other: unknown[] = [];
  const world = new AttemptWorld({
    limits: { concurrency: 1 },
    activities: [{ ...Work.implement((input) => other.push(input)), activity: 'other' }],
  });
  for (const call of [1, 2]) world.call(call);
  for (const call of [3, 4]) world.call(call, {}, { activity: 'other' });
  expect([world.begun.length, other.length]).toEqual([1, 2]);
});

function paced(limits: { readonly concurrency?: number; readonly ratePerSecond?: number }, begin: (one: number) => void) {
  const clock = new HandClock();
  const failures: unknown[] = [];
  const queue = new DueQueue({ clock, fail: (error) => void failures.push(error) });
  return { clock, pace: new ActivityPace<number>(limits, { clock }, queue, begin) };
}

test('P2, P3: a turn that is not used costs no token, and a million of them no stack', () => {
  const begun: number[] = [];
  const { pace } = paced({ ratePerSecond: 2, concurrency: 2 }, (one) => {
    if (one < 100_000) pace.unused();
    else begun.push(one);
  });
  for (let one = 0; one < 100_003; one += 1) pace.enter(one);
  expect(begun).toEqual([100_000, 100_001]);
});

test('P3: a crowd that may not begin is passed over when a place is free', () => {
  const begun: number[] = [];
  const { pace } = paced({ concurrency: 1 }, (one) => {
    if (one > 0 && one < 50_000) pace.unused();
    else begun.push(one);
  });
  for (let one = 0; one <= 50_001; one += 1) pace.enter(one);
  expect(begun).toEqual([0]);
  pace.leave(50_000);
  pace.ended();
  expect(begun).toEqual([0, 50_001]);
});

test('P2: a clock that goes back neither gives tokens nor takes them', async () => {
  const begun: number[] = [];
  const { clock, pace } = paced({ ratePerSecond: 1 }, (one) => void begun.push(one));
  pace.enter(1);
  clock.nowMs -= 3_600_000;
  pace.enter(2);
  await clock.pass(999);
  expect(begun).toEqual([1]);
  await clock.pass(1);
  expect(begun).toEqual([1, 2]);
});
