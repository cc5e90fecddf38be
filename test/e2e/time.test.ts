import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { field, get, type HistoryEvent, post } from '../tools/http.ts';
import { WallClock } from './clock.ts';
import { Duties } from './duties.ts';
import { mortalNode, scratchDir } from './scratch.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

async function begun(clock: WallClock): Promise<Duties> {
  const duties = await Duties.begun({ env: clock.env });
  onTestFinished(() => duties.close());
  return duties;
}

test('waits from a millisecond to ten years end at their time and not before; a longer one than a timer can count is owed, and shown', async () => {
  const clock = await WallClock.ahead(0);
  const duties = await begun(clock);
  const startMs = Date.now();
  // A timer of Node counts up to 2^31 milliseconds, 24.8 days.
  const naps = { short: 1, month: 25 * DAY_MS, decade: 3_653 * DAY_MS };
  for (const [id, ms] of Object.entries(naps)) await duties.signal(id, 'nap', { ms });
  await duties.tells('short', 'slept 1');
  for (const id of ['month', 'decade'] as const) {
    const [owed] = field(await duties.view(id), 'owes') as readonly unknown[];
    expect(owed).toMatchObject({ kind: 'sleep', run: `${id}-nap` });
    const early = Number(field(owed, 'dueAt')) - startMs - naps[id];
    expect(early).toBeGreaterThanOrEqual(0);
    expect(early).toBeLessThan(MINUTE_MS);
  }
  await clock.jump(await duties.node.process(), 26 * DAY_MS);
  await duties.tells('month', `slept ${naps.month}`);
  expect(await duties.told('decade')).toEqual([]);
  await clock.set(naps.decade + MINUTE_MS);
  await duties.node.reborn();
  await duties.tells('decade', `slept ${naps.decade}`);
  for (const id of Object.keys(naps)) {
    const history = await duties.history(id);
    const dueAt = Number(field(history.find(({ type }) => type === 'perdure:Scheduled')?.data, 'dueAt'));
    const resolved = history.filter(({ type }) => type === 'perdure:Resolved');
    expect(resolved.length).toBe(1);
    expect(resolved[0]?.time, id).toBeGreaterThanOrEqual(dueAt);
  }
});

test('a clock that is put back by hours: time of an entity never goes back, relative waits end all the same, and nothing happens twice', async () => {
  const clock = await WallClock.ahead(0);
  const duties = await begun(clock);
  await duties.signal('under-way', 'nap', { ms: 1_500 });
  await duties.signal('rings', 'alarm', { job: 'rings', ms: 1_500 });
  await duties.signal('off', 'work', { job: 'off', backoffMs: 1_000 });
  await duties.signal('used', 'nap', { ms: 1 });
  (await duties.jobs.next('off')).fails();
  await clock.jump(await duties.node.process(), -3 * HOUR_MS);
  await duties.signal('used', 'nap', { ms: 300 }, 'used-later');
  await duties.signal('fresh', 'nap', { ms: 300 });
  (await duties.jobs.next('rings')).done();
  (await duties.jobs.next('off')).done('at last');
  const ended = async () => {
    await duties.tells('under-way', 'slept 1500');
    await duties.tells('rings', 'rang null');
    await duties.tells('off', 'at last');
    await duties.tells('used', 'slept 1', 'slept 300');
    await duties.tells('fresh', 'slept 300');
  };
  await ended();

  await duties.node.reborn();
  await duties.signal('after', 'nap', { ms: 200 });
  await duties.tells('after', 'slept 200');
  await ended();
  await clock.jump(await duties.node.process(), 3 * HOUR_MS);
  await delay(1_500);
  expect(await duties.told('under-way')).toEqual(['slept 1500']);
  expect(duties.jobs.count('rings')).toBe(1);
  expect(duties.jobs.count('off')).toBe(2);
  for (const id of ['under-way', 'rings', 'off', 'used', 'fresh', 'after']) expectForward(await duties.history(id));
});

function expectForward(history: readonly HistoryEvent[]): void {
  const times = history.map(({ time }) => time);
  expect(times).toEqual([...times].sort((a, b) => a - b));
}

test('cron times that nothing ran at are made up for by policy, whether the node was down or its clock was put forward', async () => {
  const every = 10 * MINUTE_MS;
  // Half way between two cron times, so that neither is near.
  const aheadMs = every - (Date.now() % every) + every / 2;
  const clock = await WallClock.ahead(aheadMs);
  const node = await mortalNode({ dataDir: await scratchDir(), env: clock.env });
  const policies = ['skip', 'once', 'all'] as const;
  const base = async () => `${await node.url()}/v1/entities`;
  for (const missed of policies) {
    await post(`${await base()}/account/${missed}/updates/open`, { owner: missed });
    const target = { type: 'account', id: missed, name: 'deposit', payload: { amount: 1 } };
    const set = await post(`${await base()}/schedule/${missed}/updates/set`, { cron: '*/10 * * * *', missed, target });
    expect(set.status, JSON.stringify(set.body)).toBe(200);
  }
  const balances = async () => {
    const all = await Promise.all(
      policies.map(async (id) => field((await get(`${await base()}/account/${id}/queries/balance`)).body, 'balance')),
    );
    return Object.fromEntries(policies.map((policy, n) => [policy, all[n]]));
  };
  await clock.set(aheadMs + 6 * every);
  await node.reborn();
  await vi.waitFor(async () => expect(await balances()).toEqual({ skip: 0, once: 1, all: 6 }), { timeout: 10_000 });
  await clock.jump(await node.process(), aheadMs + 9 * every);
  await vi.waitFor(async () => expect(await balances()).toEqual({ skip: 0, once: 2, all: 9 }), { timeout: 10_000 });
  await node.reborn();
  await delay(1_500);
  expect(await balances(), 'once is once').toEqual({ skip: 0, once: 2, all: 9 });
});
