import { setTimeout as passed } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { append, commitOf, data, readAll } from '../../contract/event-store.ts';
import type { EventStoreServer } from '../../eventstoredb/server.ts';
import { startEventStore } from '../../eventstoredb/server.ts';
import { Follower } from './follower.ts';
import { freshStream, kindsOf, send, settle, Writing, write, written } from './sending.ts';
import { APPEND_TIMEOUT_MS, SILENCE_MS, useWorld, within } from './world.ts';

// What happens to the whole server or its lines while turns are appended and followed: what was sent is there once, the subscription of the store that
// wrote and that of another one deliver every turn once and in order, and nothing hangs.

const { server, open, notices } = useWorld();

/** For how long a fault lasts that is taken back: longer than a subscription may be silent. And how long after it the next one comes. */
const LASTING_MS = SILENCE_MS * 2.2;
const BETWEEN_MS = 100;

interface LineFault {
  readonly name: string;
  /** Does every subscription notice it? */
  readonly losesFeed: boolean;
  begin(server: EventStoreServer): void | Promise<void>;
  end?(server: EventStoreServer): void;
}
const LINE_FAULTS: readonly LineFault[] = [
  { name: 'append calls end cleanly', losesFeed: false, begin: ({ faults }) => faults.endCleanly() },
  { name: 'subscriptions end cleanly', losesFeed: true, begin: ({ faults }) => faults.endSubscriptions() },
  { name: 'connections are reset', losesFeed: true, begin: ({ faults }) => faults.killConnections() },
  {
    name: 'a server that is frozen and goes on',
    losesFeed: false,
    begin: ({ faults }) => faults.freeze(),
    end: ({ faults }) => faults.thaw(),
  },
  {
    name: 'a server that is frozen and dies',
    losesFeed: true,
    begin: ({ faults }) => faults.freeze(),
    end: ({ faults }) => {
      faults.killConnections();
      faults.thaw();
    },
  },
  {
    name: 'a server that is not ready',
    losesFeed: false,
    begin: ({ faults }) => faults.notReady(true),
    end: ({ faults }) => faults.notReady(false),
  },
  { name: 'a restart', losesFeed: true, begin: (restarted) => restarted.restart() },
  {
    name: 'silent subscriptions',
    losesFeed: true,
    begin: ({ faults }) => faults.holdSubscriptions(true),
    end: ({ faults }) => faults.holdSubscriptions(false),
  },
];

test.each(LINE_FAULTS)('E3, E4: $name, twice: every turn is there once, and delivered once', async ({ begin, end, losesFeed }) => {
  const [writer, reader] = [await open(), await open()];
  const stream = freshStream();
  const followers = [
    await new Follower(writer, { prefixes: ['cart-'] }).caughtUp(),
    await new Follower(reader, { prefixes: [stream] }).caughtUp(),
  ];
  const writing = new Writing(writer, stream);
  for (let times = 0; times < 2; times += 1) {
    await passed(BETWEEN_MS);
    await begin(server());
    await passed(end === undefined || times > 0 ? BETWEEN_MS : LASTING_MS);
    end?.(server());
  }
  await passed(BETWEEN_MS);
  const turns = await within(writing.end(), 'the writer');
  expect(turns).toBeGreaterThan(3);
  expect(data(await readAll(reader, stream))).toEqual(written(turns));
  for (const follower of followers) {
    await follower.holds(2 * turns);
    expect(follower.data).toEqual(written(turns));
    await follower.close();
  }
  if (losesFeed) expect(notices).toContainEqual(expect.stringContaining('the subscription to the log was lost'));
});

test('P1: appends to a frozen server are unknown within their time, however many wait behind those that are out', async () => {
  const store = await open();
  const commits = Array.from({ length: 600 }, () => commitOf(freshStream(), -1, 'a'));
  server().faults.freeze();
  const outcomes = await within(append(store, ...commits), 'outcomes of a frozen server', 8 * APPEND_TIMEOUT_MS);
  expect(kindsOf(outcomes)).toEqual(['unknown']);
  server().faults.thaw();
  const settled = await Promise.all(commits.map((commit) => settle(store, commit)));
  expect(settled.map((all) => all.at(-1)?.kind)).toEqual(commits.map(() => 'committed'));
  for (const { stream } of commits) expect(server().log.stream(stream).events.length).toBe(1);
});

test('P1: reads that a frozen server was asked go on when it does, and fail when it dies', async () => {
  const store = await open();
  const stream = freshStream();
  await write(store, stream, 1);
  server().faults.freeze();
  const reads = [store.headRevision(stream), store.headPosition(), readAll(store, stream), store.loadSnapshot(stream)];
  await passed(50);
  server().faults.thaw();
  const end = (server().log.records.at(-1)?.position ?? Number.NaN) + 1;
  expect(await within(Promise.all(reads), 'reads after a freeze')).toMatchObject([1, end, [{ data: '0a' }, { data: '0b' }], undefined]);
  server().faults.freeze();
  const lost = [store.headRevision(stream), store.headPosition(), readAll(store, stream), store.loadSnapshot(stream)];
  const outcomes = Promise.allSettled(lost);
  await passed(50);
  server().faults.killConnections();
  server().faults.thaw();
  const reasons = (await within(outcomes, 'reads of a server that died')).map((outcome) => outcome.status === 'rejected' && outcome.reason);
  expect(reasons).toMatchObject(lost.map(() => ({ code: 'store-failed' })));
});

test('E3: a deposed leader sends its clients to the new one, which has the same log', async () => {
  const store = await open();
  const leader = await startEventStore({ log: server().log });
  try {
    const stream = freshStream();
    await write(store, stream, 3);
    const follower = await new Follower(store, { prefixes: [stream] }).caughtUp();
    const commit = commitOf(stream, 5, '3a', '3b');
    server().faults.dropAfterCommit();
    server().faults.notLeader({ host: '127.0.0.1', port: leader.port });
    expect(await send(store, commit)).toMatchObject({ kind: 'unknown' });
    // The calls that were open stay where they were until that server ends them.
    server().faults.endCleanly();
    server().faults.endSubscriptions();
    expect((await settle(store, commit)).at(-1)).toMatchObject({ kind: 'committed' });
    await write(store, stream, 6, 4);
    expect(data(await readAll(store, stream))).toEqual(written(10));
    expect(await follower.holds(20)).toEqual(written(10));
    expect(leader.log.stream(stream).events.length).toBe(20);
    // While that leader is there.
    await within(store.close(), 'closing');
  } finally {
    await leader.stop();
  }
});

test('E3, E4: a turn that a deposed leader lost is made again, and delivered once', async () => {
  const [store, other] = [await open(), await open()];
  const stream = freshStream();
  await write(store, stream, 3);
  const followers = [
    await new Follower(store, { prefixes: [stream] }).caughtUp(),
    await new Follower(other, { prefixes: [stream] }).caughtUp(),
  ];
  // What is not replicated is delivered to nobody and acknowledged to nobody.
  server().faults.holdSubscriptions(true);
  server().faults.dropAfterCommit();
  const commit = commitOf(stream, 5, '3a', '3b');
  expect(await send(store, commit)).toMatchObject({ kind: 'unknown' });
  server().faults.loseTail(2);
  server().faults.holdSubscriptions(false);
  expect((await settle(store, commit)).at(-1)).toMatchObject({ kind: 'committed' });
  await write(store, stream, 6, 4);
  expect(data(await readAll(store, stream))).toEqual(written(10));
  for (const follower of followers) expect(await follower.holds(20)).toEqual(written(10));
});

test('a store can be closed while its server is frozen or away, and says so to whoever uses it then', async () => {
  for (const fault of ['freeze', 'killConnections'] as const) {
    const store = await open();
    const follower = await new Follower(store).caughtUp();
    server().faults[fault]();
    const outcome = send(store, commitOf(freshStream(), -1, 'a'));
    await within(store.close(), `closing after ${fault}`);
    expect(await outcome).toMatchObject({ kind: fault === 'freeze' ? 'unknown' : expect.stringMatching(/^(unknown|committed)$/) });
    await follower.close();
    expect(await send(store, commitOf(freshStream(), -1, 'a'))).toMatchObject({ kind: 'refused', code: 'store-closed' });
    await expect(store.headPosition()).rejects.toMatchObject({ code: 'store-closed' });
    server().faults.thaw();
  }
});
