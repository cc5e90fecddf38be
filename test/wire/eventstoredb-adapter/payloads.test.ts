import { setTimeout as passed } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { append, commitOf, data, readAll } from '../../contract/event-store.ts';
import { Follower } from './follower.ts';
import { freshStream, send, settle } from './sending.ts';
import { useWorld, within } from './world.ts';

// Payloads that stand beside their stream because they are large, and turns near and over what the server takes in one append.

const { server, open, notices } = useWorld();
const KIB = 1024;

/** Data of about `kib` KiB that differs from call to call. */
function large(kib: number, name = 'x'): { readonly name: string; readonly text: string } {
  return { name, text: name.padEnd(8, '-').repeat((kib * KIB) / 8) };
}

const blobs = (stream: string) => server().log.stream(`perdure.blob-${stream}`).events.length;

test.each(['msgpack', 'json'] as const)('payloads of 63 to 3 000 KiB come back as they were, read and followed (%s)', async (format) => {
  const [store, other] = [await open({ format }), await open({ format: format === 'json' ? 'msgpack' : 'json' })];
  const stream = freshStream();
  const follower = await new Follower(other, { prefixes: [stream] }).caughtUp();
  const values = [63, 65, 300, 900, 3_000].map((kib) => large(kib, `${kib}`));
  for (const [index, value] of values.entries()) {
    expect(await send(store, commitOf(stream, index - 1, { data: value, meta: { signal: `s-${index}` } }))).toMatchObject({
      kind: 'committed',
    });
  }
  expect(data(await readAll(other, stream))).toEqual(values);
  expect(await follower.holds(values.length)).toEqual(values);
  expect(follower.records.map(({ meta }) => meta.signal)).toEqual(values.map((_, index) => `s-${index}`));
  expect(await new Follower(store, { prefixes: [stream] }).holds(values.length)).toEqual(values);
});

test('a turn of many records, large ones among them, is one turn', async () => {
  const store = await open();
  const stream = freshStream();
  const records = Array.from({ length: 40 }, (_, index) => ({ data: large(index % 4 === 0 ? 100 : 1, `${index}`) }));
  expect(await send(store, commitOf(stream, -1, ...records))).toMatchObject({ kind: 'committed' });
  expect(data(await readAll(store, stream))).toEqual(records.map((record) => record.data));
  expect(blobs(stream)).toBe(10);
});

test('E1: a turn with large payloads that is sent again refers to those that are there', async () => {
  const store = await open();
  const stream = freshStream();
  const commit = commitOf(stream, -1, { data: large(100) }, { data: large(200) });
  // The answers to the payloads come, that to the turn does not.
  const stop = server().log.onAppended(() => {
    if (blobs(stream) === 2) server().faults.dropAfterCommit();
  }, `perdure.blob-${stream}`);
  const outcomes = await settle(store, commit);
  stop();
  expect(outcomes.map(({ kind }) => kind)).toEqual(['unknown', 'committed']);
  expect(blobs(stream)).toBe(2);
  expect(data(await readAll(store, stream))).toEqual(commit.records.map((record) => record.data));
});

test('a payload whose answer was lost makes the turn unknown, and it is made once', async () => {
  const store = await open();
  const stream = freshStream();
  const commit = commitOf(stream, -1, { data: large(2_000) }, 'small');
  server().faults.dropAfterCommit();
  const outcomes = await settle(store, commit);
  expect(outcomes.map(({ kind }) => kind)).toEqual(['unknown', 'committed']);
  expect(data(await readAll(store, stream))).toEqual([large(2_000), 'small']);
  expect(server().log.stream(stream).events.length).toBe(2);
});

test('two nodes that write large payloads for one stream at once do not mix them', async () => {
  const [one, two] = [await open(), await open()];
  const stream = freshStream();
  // The first one waits for the answer to its first part while the other one writes all of its own; but the turn of the other one gets lost.
  server().faults.delayReplies(150);
  const stop = server().log.onAppended(() => {
    if (blobs(stream) === 4) server().faults.dropBeforeCommit();
  }, `perdure.blob-${stream}`);
  const first = send(one, commitOf(stream, -1, { data: large(2_500, 'one') }));
  await passed(30);
  const other = commitOf(stream, -1, { data: large(2_500, 'two') });
  expect(await send(two, other)).toMatchObject({ kind: 'unknown' });
  stop();
  expect(await first).toMatchObject({ kind: 'committed' });
  expect(await settle(two, other)).toEqual([{ kind: 'conflict', head: 0 }]);
  for (const store of [one, two]) expect(data(await readAll(store, stream)).map(namesIn)).toEqual(['one']);
});

/** The names that a payload's text consists of. */
function namesIn(value: unknown): string {
  const { text } = value as ReturnType<typeof large>;
  return [...new Set(text.match(/.{8}/g))].map((piece) => piece.replaceAll('-', '')).join(' and ');
}

describe('the limit of one append', () => {
  test('a turn just below it is made; one above is refused, for good, and harms nobody', async () => {
    const store = await open();
    const [stream, tooLarge] = [freshStream(), freshStream()];
    const below = Array.from({ length: 16 }, (_, index) => ({ data: large(63, `${index}`) }));
    const above = Array.from({ length: 18 }, (_, index) => ({ data: large(63, `${index}`) }));
    const outcomes = await within(
      append(store, commitOf(stream, -1, ...below), commitOf(tooLarge, -1, ...above), commitOf(freshStream(), -1, 'a')),
      'three',
    );
    expect(outcomes).toMatchObject([{ kind: 'committed' }, { kind: 'refused', code: 'turn-too-large' }, { kind: 'committed' }]);
    expect(data(await readAll(store, stream))).toEqual(below.map((record) => record.data));
    expect(await readAll(store, tooLarge)).toEqual([]);
  });

  test('a turn above what a message may hold is refused, and the appends beside it are not lost', async () => {
    const store = await open();
    const huge = Array.from({ length: 300 }, (_, index) => ({ data: large(60, `${index}`) }));
    const streams = [freshStream(), freshStream(), freshStream()] as const;
    const commits = [commitOf(streams[0], -1, 'a'), commitOf(streams[1], -1, ...huge), commitOf(streams[2], -1, 'b')];
    const outcomes = await within(append(store, ...commits), 'outcomes beside a huge turn');
    expect(outcomes).toMatchObject([{ kind: 'committed' }, { kind: 'refused', code: 'turn-too-large' }, { kind: 'committed' }]);
    expect(await readAll(store, streams[1])).toEqual([]);
    expect(notices).toEqual([]);
  });
});
