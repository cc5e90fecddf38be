import { setTimeout as real } from 'node:timers/promises';
import { type ActivityImplementation, activity, durable, entity, signal, typed } from 'perdure';
import { type TestRuntime, testRuntime } from 'perdure/testing';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';

// A workflow that waits in every way there is.

const charge = activity('charge', {
  input: z.object({ amount: z.int() }),
  output: typed<{ id: string }>(),
  rejects: ['declined'],
  retry: { attempts: 3, initial: '1 second', factor: 2 },
  timeout: '20 seconds',
});
const mail = activity('mail', { input: z.object({ token: z.string() }) });
const persistent = activity('persistent');
const slow = activity('slow', { input: z.object({ n: z.int() }), timeout: '1 hour' });

const Flow = entity('flow', {
  pay: signal({ input: z.object({ amount: z.int() }), output: typed<string>() }),
  nap: signal({ input: z.object({ ms: z.int() }), output: typed<number>() }),
  decide: signal({ output: typed<string>() }),
  approve: signal(),
  ask: signal({ output: typed<string>(), once: true }),
  abandon: signal(),
  insist: signal(),
  breakLate: signal({ output: typed<string>() }),
  leak: signal(),
  leakAtOnce: signal(),
  fanOut: signal({ input: z.object({ count: z.int() }) }),
  branch: signal(),
  trudge: signal({ input: z.object({ steps: z.int() }), output: typed<number>() }),
  tell: signal({ input: z.object({ to: z.string() }) }),
});

const Broken = entity('broken', { breakNow: signal() });
const broken = Broken.fold((): null => null, {}).implement({
  signals: {
    breakNow: () => {
      throw new SyntaxError('callee defect');
    },
  },
});

type State = { readonly approved: boolean; readonly paid: readonly string[] };
const model = Flow.fold((): State => ({ approved: false, paid: [] }), {
  Approved: (s) => ({ ...s, approved: true }),
  Paid: (s, { id }: { id: string }) => ({ ...s, paid: [...s.paid, id] }),
});

let isBroken = true;
let leaked = 0;
const flow = model.implement({
  signals: {
    pay: durable(async (run, { amount }) => {
      const { id } = await run.call(charge({ amount }));
      run.emit.Paid({ id });
      return id;
    }),
    nap: durable(async (run, { ms }) => {
      await run.sleep(ms);
      return run.now();
    }),
    decide: durable(async (run) => {
      await run.until((state) => state.approved);
      return 'approved';
    }),
    approve: (turn) => turn.emit.Approved(),
    ask: durable(async (run) => {
      const answer = run.callback({ output: z.string() });
      await run.call(mail({ token: answer.token }));
      return answer;
    }),
    abandon: durable(async (run) => {
      await run.sleep('1 second');
      void run.call(charge({ amount: 1 }));
    }),
    insist: durable(async (run) => {
      await run.call(persistent());
    }),
    breakLate: durable(async (run) => {
      await run.sleep('1 hour');
      if (isBroken) throw new RangeError('late defect');
      return 'mended';
    }),
    leakAtOnce: durable(async (run) => {
      leaked += 1;
      run.emit.Paid({ id: `p-${leaked}` });
    }),
    fanOut: durable(async (run, { count }) => {
      await run.map(Array.from({ length: count }), (_item, n) => run.call(slow({ n })));
    }),
    trudge: durable(async (run, { steps }) => {
      for (let n = 0; n < steps; n += 1) await run.until(() => true);
      return steps;
    }),
    branch: durable(async (run) => {
      void run.call(charge({ amount: 1 })).then(() => undefined);
      await run.sleep('1 second');
    }),
    tell: durable(async (run, { to }) => {
      await run.call(Broken(to).breakNow());
    }),
    leak: durable(async (run) => {
      leaked += 1;
      await run.sleep('1 second');
      run.emit.Paid({ id: `p-${leaked}` });
      await run.sleep('1 second');
    }),
  },
});

let world: TestRuntime;
afterEach(async () => {
  isBroken = true;
  await world.stop();
});
const start = async (...activities: readonly ActivityImplementation[]) => {
  world = await testRuntime({ entities: [flow, broken], activities });
};
const DAY = 86_400_000;

test('C2 update skips a month of sleep; signal does not, and outcome does it later', async () => {
  await start();
  const before = world.now;
  expect(await world.update(Flow('1').nap({ ms: 30 * DAY }))).toBe(before + 30 * DAY);
  const sent = await world.signal(Flow('2').nap({ ms: 30 * DAY }));
  expect(world.now).toBe(before + 30 * DAY);
  expect(await world.status(sent)).toBe('running');
  expect(await world.outcome(sent)).toBe(before + 60 * DAY);
  expect(await world.status(sent)).toBe('completed');
});

test('naps of many entities end in order, each at its time, with a crash in between', async () => {
  await start();
  const before = world.now;
  const naps = [5, 1, 4, 2, 3].map((days) => world.update(Flow(`${days}`).nap({ ms: days * DAY })));
  await world.crash();
  expect(await Promise.all(naps)).toEqual([5, 1, 4, 2, 3].map((days) => before + days * DAY));
});

test('a double may answer, refuse, or take real time', async () => {
  await start(
    charge.implement(async ({ amount }) => {
      if (amount > 100) throw charge.reject('declined');
      await real(3);
      return { id: `c-${amount}` };
    }),
  );
  const before = world.now;
  expect(await world.update(Flow('1').pay({ amount: 5 }))).toBe('c-5');
  expect(world.now).toBe(before);
  const refused = await world.update(Flow('1').pay({ amount: 500 })).catch((error: unknown) => error);
  expect(charge.rejected(refused, 'declined')).toBe(true);
  expect(world.state(flow, '1').paid).toEqual(['c-5']);
});

test('attempts fail, wait and succeed in virtual time', async () => {
  const times: number[] = [];
  await start(
    charge.implement((_input, { attempt }) => {
      times.push(world.now);
      if (attempt < 3) throw new Error('not yet');
      return { id: 'late' };
    }),
  );
  expect(await world.update(Flow('1').pay({ amount: 5 }))).toBe('late');
  expect(times).toHaveLength(3);
  expect(world.now - (times[0] ?? 0)).toBeGreaterThan(1_000);
});

test('an attempt that never answers ends with its time-out', async () => {
  await start(charge.implement(() => new Promise(() => undefined)));
  const before = world.now;
  await expect(world.update(Flow('1').pay({ amount: 5 }))).rejects.toMatchObject({ code: 'activity-failed' });
  expect(world.now - before).toBeGreaterThanOrEqual(60_000);
  expect(world.now - before).toBeLessThan(90_000);
});

test('an attempt that is out when the node crashes is lost, and another one is made', async () => {
  const attempts: number[] = [];
  await start(
    charge.implement((_input, { attempt }) => {
      attempts.push(attempt);
      return attempt === 1 ? new Promise(() => undefined) : { id: `a-${attempt}` };
    }),
  );
  const sent = await world.signal(Flow('1').pay({ amount: 5 }));
  await world.crash();
  expect(await world.outcome(sent)).toBe('a-2');
  expect(attempts).toEqual([1, 2]);
});

test('what a node left in the middle is taken up by the next one, wherever it was', async () => {
  for (let ticks = 0; ticks < 24; ticks += 3) {
    await start();
    const trudging = world.update(Flow('1').trudge({ steps: 250 }));
    for (let n = 0; n < ticks; n += 1) await new Promise<void>((resolve) => process.nextTick(resolve));
    await world.crash();
    expect(await trudging).toBe(250);
    await world.stop();
  }
});

test('P4 an update that nothing can end fails at once and says what it waits for', async () => {
  await start();
  const failed = await world.update(Flow('1').decide()).catch(String);
  expect(failed).toContain('update flow/1.decide: nothing that is due can end this wait');
  expect(failed).toMatch(/flow\/1 run 'decide' .* is running/);
  expect(failed).toMatch(/flow\/1 owes until/);
});

test('P3 what the test does before it waits belongs to the same time', async () => {
  await start();
  const decided = world.update(Flow('1').decide());
  await world.signal(Flow('1').approve());
  expect(await decided).toBe('approved');
});

test('an update with a time-out waits so long in virtual time', async () => {
  await start();
  const before = world.now;
  const sent = world.update(Flow('1').decide(), { timeout: '3 days', id: 'd' });
  await expect(sent).rejects.toMatchObject({ code: 'update-timeout', details: { signalId: 'd' } });
  expect(world.now).toBe(before + 3 * DAY);
  await world.signal(Flow('1').approve());
  expect(await world.update(Flow('1').decide(), { id: 'd' })).toBe('approved');
});

test('a callback is completed by its token', async () => {
  const tokens: string[] = [];
  await start(mail.implement(({ token }) => void tokens.push(token)));
  const sent = await world.signal(Flow('1').ask());
  const [token = ''] = tokens;
  await world.crash();
  expect(await world.callback(token, { result: 'yes' })).toEqual({ type: 'flow', id: '1', run: sent.signalId });
  expect(await world.outcome(sent)).toBe('yes');
  expect((await world.signal(Flow('1').ask())).signalId).toBe(sent.signalId);
  await expect(world.callback(token, { result: 'no' })).rejects.toMatchObject({ code: 'callback-completed' });
  await expect(world.callback('x', { result: 'no' })).rejects.toMatchObject({ code: 'malformed-request' });
});

test('C3 a defect behind an await is thrown as it was thrown; the run is stalled and can be retried', async () => {
  await start();
  const sent = await world.signal(Flow('1').breakLate());
  await expect(world.advance('1 hour')).rejects.toThrow(RangeError);
  expect(await world.status(sent)).toBe('stalled');
  await expect(world.update(Flow('2').breakLate())).rejects.toThrow(RangeError);
  isBroken = false;
  await world.admin({ type: 'flow', id: '1', verb: 'retry' });
  expect(await world.outcome(sent)).toBe('mended');
});

test('a call that nobody awaited is told', async () => {
  await start(charge.implement(() => ({ id: 'unseen' })));
  await expect(world.update(Flow('1').abandon())).rejects.toThrow(/abandoned|await/);
});

test('an activity that the program does not have is named, whichever verb leads to it', async () => {
  await start();
  const named = { code: 'unknown-activity', message: expect.stringContaining('charge') };
  await expect(world.update(Flow('1').pay({ amount: 1 }))).rejects.toMatchObject(named);
  await expect(world.signal(Flow('2').pay({ amount: 1 }))).rejects.toMatchObject(named);
  await world.signal(Flow('3').abandon());
  await expect(world.advance('1 second')).rejects.toMatchObject(named);
});

test('R2 a divergence is told once, by the verb after which it shows', async () => {
  await start();
  const sent = await world.signal(Flow('1').leak());
  await expect(world.advance('1 second')).rejects.toMatchObject({ code: 'replay-diverged', message: expect.stringContaining('flow/1') });
  await world.advance('1 second');
  expect(await world.status(sent)).toBe('completed');
});

test('R3 stop checks what was not worth a check before', async () => {
  const own = await testRuntime({ entities: [flow] });
  for (let n = 0; n < 8; n += 1) await own.update(Flow('1').nap({ ms: 1 }));
  await own.update(Flow('1').leakAtOnce());
  await expect(own.stop()).rejects.toMatchObject({ code: 'replay-diverged' });
  await start();
});

test('a rejection that nobody catches in a branch of a run is told by stop at the latest', async () => {
  // Those of the test runner would take it for their own.
  const others = process.listeners('unhandledRejection');
  process.removeAllListeners('unhandledRejection');
  try {
    await start(
      charge.implement(() => {
        throw charge.reject('declined');
      }),
    );
    await world.update(Flow('1').branch());
    await expect(world.stop()).rejects.toThrow('declined');
    await start();
  } finally {
    for (const listener of others) process.on('unhandledRejection', listener);
  }
});

test('an activity that fails for ever does not hang the test', async () => {
  await start(
    persistent.implement(() => {
      throw new Error('down');
    }),
  );
  await expect(world.update(Flow('1').insist())).rejects.toThrow(/no end in sight after 1000 moves of time(.|\n)*down/);
});

test('a run that does not come out again as it was recorded is found', async () => {
  await start();
  await expect(world.update(Flow('1').leak())).rejects.toMatchObject({ code: 'replay-diverged' });
});

test('a defect of whatever is called ends the wait at once, as it was thrown', async () => {
  await start();
  const before = world.now;
  await expect(world.update(Flow('1').tell({ to: 'b' }))).rejects.toThrow(SyntaxError);
  expect(world.now).toBe(before);
  expect((await world.view(broken, 'b')).parked).toMatchObject({ reason: 'defect' });
  const stuck = await world.update(Flow('2').tell({ to: 'b' })).catch(String);
  expect(stuck).toMatch(/broken\/b is parked \(defect\) .*callee defect/);
});

test('advance reaches its time also when something goes wrong on the way', async () => {
  await start();
  const before = world.now;
  await world.signal(Flow('1').breakLate());
  const sent = await world.signal(Flow('2').nap({ ms: 2 * DAY }));
  await expect(world.advance('3 days')).rejects.toThrow(RangeError);
  expect(world.now).toBe(before + 3 * DAY);
  expect(await world.status(sent)).toBe('completed');
});

test('what an activity may do at once and in a second is kept in virtual time', async () => {
  const times: number[] = [];
  await start(slow.implement(() => void times.push(world.now), { ratePerSecond: 2 }));
  const before = world.now;
  await world.update(Flow('1').fanOut({ count: 7 }));
  expect(times.map((time) => Math.ceil((time - before) / 500))).toEqual([0, 0, 1, 2, 3, 4, 5]);
});

test('the same seed gives the same times, whatever was drawn at random', async () => {
  const play = async (seed: number): Promise<readonly number[]> => {
    const times: number[] = [];
    const failing = charge.implement(() => {
      times.push(world.now);
      throw new Error('never');
    });
    world = await testRuntime({ entities: [flow, broken], activities: [failing], seed });
    await expect(world.update(Flow('1').pay({ amount: 1 }))).rejects.toMatchObject({ code: 'activity-failed' });
    await world.stop();
    return times;
  };
  const first = await play(1);
  expect(first).toHaveLength(3);
  expect(await play(1)).toEqual(first);
  expect(await play(2)).not.toEqual(first);
});

test('a runtime starts at the date it is given', async () => {
  world = await testRuntime({ entities: [flow], startAt: new Date('2030-02-03T04:05:06Z') });
  expect(new Date(await world.update(Flow('1').nap({ ms: 1_000 })))).toEqual(new Date('2030-02-03T04:05:07Z'));
  await expect(testRuntime({ entities: [flow], startAt: new Date('tomorrow') })).rejects.toMatchObject({ code: 'invalid-definition' });
});
