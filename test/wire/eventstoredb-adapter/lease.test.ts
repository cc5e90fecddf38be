import { setTimeout as passed } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { Lease, type LeaseOptions } from '../../../runtime/adapters/eventstoredb/lease.ts';
import { realClock } from '../../../runtime/adapters/real-clock.ts';
import { HandClock } from './hand-clock.ts';
import { APPEND_TIMEOUT_MS, useWorld, within } from './world.ts';

// The lease of the one node that works on a store (S1 to S3 of lease.ts). A node that crashed is one whose timers run no more.

const { server, open, notices } = useWorld();
const EXPIRES_MS = 600;
const RENEW_MS = 150;
const leases: Lease[] = [];
afterEach(async () => {
  await within(Promise.all(leases.splice(0).map((lease) => lease.release())), 'giving leases back');
});

/** Takes the lease for a node of its own; what it is told of its loss. */
async function take(holder: string, options: Partial<LeaseOptions> = {}): Promise<{ readonly lease: Lease; readonly losses: string[] }> {
  const store = await open();
  const times = { clock: realClock, renewMs: RENEW_MS, expiresMs: EXPIRES_MS };
  const taking = Lease.take({ ...store.leasing, ...times, holder, notice: (message) => void notices.push(message), ...options });
  const lease = await within(taking, `${holder} takes the lease`);
  leases.push(lease);
  const losses: string[] = [];
  lease.onLost((message) => losses.push(message));
  return { lease, losses };
}

const claims = () => server().log.stream('perdure.node').events.length;

/** Waits until the stream of the lease has as many claims. */
async function claimed(count: number): Promise<void> {
  const waiting = new Promise<void>((resolve) => {
    const stop = server().log.onAppended(() => {
      if (claims() < count) return;
      stop();
      resolve();
    }, 'perdure.node');
  });
  if (claims() < count) await within(waiting, `${count} claims`);
}

test('S3: a second node is refused while the first one renews, and told who that is', async () => {
  const { losses } = await take('first');
  await expect(take('second')).rejects.toMatchObject({ code: 'store-in-use', message: expect.stringContaining('first') });
  await claimed(claims() + 3);
  expect(losses).toEqual([]);
});

test('S2: after a crash it is taken over only when its time is over', async () => {
  await take('first', { clock: new HandClock() });
  const at = performance.now();
  await take('second');
  expect(performance.now() - at).toBeGreaterThanOrEqual(EXPIRES_MS - 20);
  expect(notices).toContainEqual(expect.stringContaining('first holds the lease'));
});

test('S1: one that was given back is taken at once, and giving it back twice changes nothing', async () => {
  const { lease, losses } = await take('first');
  await lease.release();
  const given = claims();
  await lease.release();
  expect(claims()).toBe(given);
  const at = performance.now();
  const { losses: later } = await take('second');
  expect(performance.now() - at).toBeLessThan(EXPIRES_MS / 2);
  await lease.release();
  await claimed(claims() + 2);
  expect([losses, later]).toEqual([[], []]);
});

test('S2: one that is given back while another node waits for it is taken then', async () => {
  const { lease } = await take('first', { clock: new HandClock() });
  const at = performance.now();
  const second = take('second', { expiresMs: 10 * EXPIRES_MS });
  await passed(100);
  await lease.release();
  await second;
  expect(performance.now() - at).toBeLessThan(5 * EXPIRES_MS);
});

test('S1: a holder that was stopped for too long has lost it to a newcomer, is told once, and never takes it back', async () => {
  const clock = new HandClock();
  const first = await take('first', { clock });
  const second = await take('second');
  expect(clock.waiting).toBe(1);
  clock.run();
  await within(
    (async () => {
      while (first.losses.length === 0) await passed(10);
    })(),
    'the loss',
  );
  expect(first.losses).toEqual([expect.stringContaining('second has taken the lease')]);
  const after = claims();
  expect(clock.waiting).toBe(0);
  await first.lease.release();
  await claimed(after + 3);
  expect(second.losses).toEqual([]);
  expect(first.losses).toHaveLength(1);
  const holders = server()
    .log.stream('perdure.node')
    .events.slice(after)
    .map(({ data }) => JSON.parse(Buffer.from(data).toString()).holder);
  expect(new Set(holders)).toEqual(new Set(['second']));
});

test('S1: of nodes that start at once on a free store one takes it', async () => {
  const outcomes = await Promise.allSettled(['a', 'b', 'c', 'd'].map((holder) => take(holder)));
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => reason);
  expect(refused).toMatchObject(refused.map(() => ({ code: 'store-in-use' })));
});

test('S1: of nodes that wait for a crashed one at once one takes it', async () => {
  await take('first', { clock: new HandClock() });
  const outcomes = await Promise.allSettled(['a', 'b', 'c'].map((holder) => take(holder)));
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

test('S1: a renewal whose answer was lost, and one that was not made, are no loss', async () => {
  const { losses } = await take('first', { expiresMs: 5_000 });
  server().faults.dropAfterCommit();
  await claimed(claims() + 3);
  server().faults.dropBeforeCommit();
  await claimed(claims() + 2);
  server().faults.killConnections();
  await claimed(claims() + 2);
  expect(losses).toEqual([]);
});

test('S1: a claim whose answer was lost is found; one that was not made is no lease', async () => {
  const store = await open();
  server().faults.dropAfterCommit();
  const options = { ...store.leasing, clock: realClock, renewMs: RENEW_MS, expiresMs: EXPIRES_MS, notice: () => undefined };
  const lease = await within(Lease.take({ ...options, holder: 'found' }), 'a claim without an answer', 5 * APPEND_TIMEOUT_MS);
  leases.push(lease);
  await claimed(3);
  await lease.release();
  server().faults.dropBeforeCommit();
  await expect(Lease.take({ ...options, holder: 'not made' })).rejects.toThrow(/no answer within/);
});

test('what is kept of the lease stays small', async () => {
  await take('first', { renewMs: 10, expiresMs: 5_000 });
  await claimed(80);
  expect(server().log.stream('perdure.node').metadata.maxCount).toBe(20n);
});
