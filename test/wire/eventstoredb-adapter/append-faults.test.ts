import { describe, expect, test } from 'vitest';
import { append, commitOf, data, readAll } from '../../contract/event-store.ts';
import { freshStream, kindsOf, send, settle } from './sending.ts';
import { APPEND_TIMEOUT_MS, useWorld, within } from './world.ts';

// What a caller of `append` is told when an answer is lost, late, doubled or an error, and that the same commit sent again settles it: nothing is
// lost or doubled (E1 and E3 of the port), and nothing hangs past its time (P1 of the appender).

const { server, open } = useWorld();

test('P1: an append that was not made is unknown within its time, and made when it is sent again', async () => {
  const store = await open();
  const [stream, at] = [freshStream(), performance.now()];
  server().faults.dropBeforeCommit();
  const commit = commitOf(stream, -1, 'a', 'b');
  expect(await send(store, commit)).toEqual({ kind: 'unknown', message: `no answer within ${APPEND_TIMEOUT_MS} ms` });
  expect(performance.now() - at).toBeLessThan(4 * APPEND_TIMEOUT_MS);
  expect(await readAll(store, stream)).toEqual([]);
  expect(await send(store, commit)).toMatchObject({ kind: 'committed' });
  expect(data(await readAll(store, stream))).toEqual(['a', 'b']);
});

test('E3: an append that was made and not answered is unknown, and found when it is sent again', async () => {
  const store = await open();
  const stream = freshStream();
  server().faults.dropAfterCommit(2);
  const commit = commitOf(stream, -1, 'a', 'b');
  const outcomes = await settle(store, commit);
  expect(outcomes.map(({ kind }) => kind)).toEqual(['unknown', 'unknown', 'committed']);
  const records = await readAll(store, stream);
  expect(data(records)).toEqual(['a', 'b']);
  const last = server().log.stream(stream).events.at(-1)?.position ?? Number.NaN;
  expect(outcomes.at(-1)).toEqual({ kind: 'committed', position: last - 1 });
});

test('P1: a reply that is late is ignored, and settles nothing twice', async () => {
  const store = await open();
  const stream = freshStream();
  server().faults.delayReplies(APPEND_TIMEOUT_MS * 3);
  const commit = commitOf(stream, -1, 'a');
  // The helper fails if it is told twice.
  expect(kindsOf(await settle(store, commit))).toEqual(['unknown', 'committed']);
  await new Promise((resolve) => setTimeout(resolve, APPEND_TIMEOUT_MS * 3));
  expect(await send(store, commitOf(stream, 0, 'b'))).toMatchObject({ kind: 'committed' });
  expect(data(await readAll(store, stream))).toEqual(['a', 'b']);
});

test.each(['duplicateReply', 'lateDuplicate'] as const)('P1: an append that is answered twice is settled once (%s)', async (fault) => {
  const store = await open();
  const stream = freshStream();
  if (fault === 'duplicateReply') server().faults.duplicateReply(2);
  else server().faults.lateDuplicate(50, 2);
  const first = await append(store, commitOf(stream, -1, 'a'), commitOf(stream, 0, 'b'));
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(first.map(({ kind }) => kind)).toEqual(['committed', 'committed']);
  expect(await send(store, commitOf(stream, 1, 'c'))).toMatchObject({ kind: 'committed' });
  expect(data(await readAll(store, stream))).toEqual(['a', 'b', 'c']);
});

test('E3: a store that does not answer for what is not replicated yet is asked until it does', async () => {
  const store = await open();
  const stream = freshStream();
  const commit = commitOf(stream, -1, 'a');
  server().faults.dropAfterCommit();
  server().faults.noAnswerWhenIdempotent(2);
  const outcomes = await settle(store, commit);
  expect(outcomes.map(({ kind }) => kind)).toEqual(['unknown', 'unknown', 'unknown', 'committed']);
  expect(data(await readAll(store, stream))).toEqual(['a']);
});

test('E2: an append of unknown outcome that another one overtook is a conflict for ever', async () => {
  const [store, other] = [await open(), await open()];
  const stream = freshStream();
  const commit = commitOf(stream, -1, 'lost');
  server().faults.dropBeforeCommit();
  expect(await send(store, commit)).toMatchObject({ kind: 'unknown' });
  expect(await send(other, commitOf(stream, -1, 'won', 'too'))).toMatchObject({ kind: 'committed' });
  for (let times = 0; times < 2; times += 1) expect(await send(store, commit)).toEqual({ kind: 'conflict', head: 1 });
  expect(data(await readAll(store, stream))).toEqual(['won', 'too']);
});

test('E2: a commit that is said to be at the wrong revision is committed, if it is what stands there', async () => {
  const store = await open();
  const stream = freshStream();
  const commit = commitOf(stream, -1, 'a', 'b');
  const committed = await send(store, commit);
  await send(store, commitOf(stream, 1, 'c'));
  server().faults.failAppend('wrong-expected-version');
  expect(await send(store, commit)).toEqual(committed);
  expect(data(await readAll(store, stream))).toEqual(['a', 'b', 'c']);
});

describe('answers that are errors', () => {
  test.each(['timeout', 'not-ready', 'too-busy', 'no-leader'] as const)('A1: %s is unknown, and the call stays', async (error) => {
    const store = await open();
    const stream = freshStream();
    const commit = commitOf(stream, -1, 'a');
    server().faults.failAppend(error);
    expect((await settle(store, commit)).map(({ kind }) => kind)).toEqual(['unknown', 'committed']);
    expect(data(await readAll(store, stream))).toEqual(['a']);
  });

  test.each([
    ['access-denied', 'store-failed', /Access Denied/],
    ['stream-deleted', 'store-failed', /tombstoned/],
    ['bad-request', 'store-failed', /Bad request/],
    ['maximum-append-size-exceeded', 'turn-too-large', /Maximum Append Size/],
  ] as const)('A1: %s is refused for good, and says why', async (error, code, message) => {
    const store = await open();
    const stream = freshStream();
    server().faults.failAppend(error);
    const commit = commitOf(stream, -1, 'a');
    expect(await send(store, commit)).toEqual({ kind: 'refused', code, message: expect.stringMatching(message) });
    expect(await readAll(store, stream)).toEqual([]);
    expect(await send(store, commit)).toMatchObject({ kind: 'committed' });
  });

  test('E2: a refusal for a revision that the stream does not have is a conflict with the true head', async () => {
    const store = await open();
    const stream = freshStream();
    await send(store, commitOf(stream, -1, 'a', 'b'));
    server().faults.failAppend('wrong-expected-version');
    expect(await send(store, commitOf(stream, 1, 'c'))).toEqual({ kind: 'conflict', head: 1 });
  });
});

test.each([
  ['unavailable', { code: 14, details: 'away' }],
  ['internal', { code: 13, details: 'broken' }],
  ['cancelled', { code: 1, details: 'enough' }],
] as const)(
  'P3: a call that ends with %s makes all that is out unknown, once, and the next append opens another',
  async (_name, status) => {
    const store = await open();
    const streams = Array.from({ length: 20 }, () => freshStream());
    server().faults.dropAfterCommit(19);
    const out = within(append(store, ...streams.slice(1).map((stream) => commitOf(stream, -1, 'a'))), 'outcomes');
    await new Promise<void>((resolve) => {
      const stop = server().log.onAppended(() => {
        stop();
        resolve();
      }, streams[19]);
    });
    server().faults.failStream(status);
    const [failed] = await within(append(store, commitOf(streams[0] ?? '', -1, 'a')), 'the outcome of the one that failed');
    expect(failed).toMatchObject({ kind: 'unknown', message: expect.stringContaining(status.details) });
    expect(kindsOf(await out)).toEqual(['unknown']);
    expect(await send(store, commitOf(freshStream(), -1, 'b'))).toMatchObject({ kind: 'committed' });
  },
);
