import { BACKWARDS, END, FORWARDS, type Position } from '@eventstore/db-client';
import { describe, expect, test } from 'vitest';
import { useClient } from './client.ts';
import { collect, failureOf, freshPrefix, freshStream, manyNumbered, numbered, placeOfNow, positionOf, type Resolved } from './events.ts';

// Section 4.4: the log as a whole. Events of others may stand between those of a test, before and behind them.

const client = useClient();

function allFrom(fromPosition: Position): Promise<readonly Resolved[]> {
  return collect(client().readAll({ fromPosition, direction: FORWARDS }));
}

const commitOf = ({ event }: Resolved): bigint => event?.position?.commit ?? -1n;

async function append(stream: string, count: number): Promise<Position> {
  return positionOf(await client().appendToStream(stream, manyNumbered(count), { expectedRevision: 'any' }));
}

describe('positions', () => {
  test('4.4: rise strictly over all streams, and commit and prepare are one', async () => {
    const start = await placeOfNow(client());
    const streams = [freshStream(), freshStream(), freshStream()];
    for (let round = 0; round < 5; round += 1) for (const stream of streams) await append(stream, 1 + (round % 3));
    const mine = (await allFrom(start)).filter(({ event }) => streams.includes(event?.streamId ?? ''));
    expect(mine).toHaveLength(3 * (1 + 2 + 3 + 1 + 2));
    for (const { event } of mine) expect(event?.position?.prepare).toBe(event?.position?.commit);
    const commits = mine.map(commitOf);
    expect(commits).toEqual([...new Set(commits)].sort((one, other) => (one < other ? -1 : 1)));
  });

  test('4.1: an append is answered with the position of its last event', async () => {
    const stream = freshStream();
    const answered = await append(stream, 3);
    const events = await collect(client().readStream(stream));
    expect(events.at(-1)?.event?.position).toEqual(answered);
  });

  test('4.4: are the same in reads of a stream and of the log', async () => {
    const start = await placeOfNow(client());
    const stream = freshStream();
    await append(stream, 3);
    const inStream = (await collect(client().readStream(stream))).map(({ event }) => event?.position);
    const inLog = (await allFrom(start)).filter(({ event }) => event?.streamId === stream).map(({ event }) => event?.position);
    expect(inStream).toEqual(inLog);
  });

  test('4.4: of appends that were answered one after another follow in that order', async () => {
    const commits: bigint[] = [];
    for (let n = 0; n < 20; n += 1) commits.push((await append(freshStream(), 1)).commit);
    expect(commits).toEqual([...commits].sort((one, other) => (one < other ? -1 : 1)));
  });
});

test('4.1: events of one append are neighbours in the log, in order, though many are appended at once', async () => {
  const prefix = freshPrefix();
  const start = await placeOfNow(client());
  await Promise.all(Array.from({ length: 40 }, () => append(freshStream(prefix), 5)));
  const all = await allFrom(start);
  const firsts = all.flatMap(({ event }, index) => (event?.streamId.startsWith(prefix) && event.revision === 0n ? [index] : []));
  expect(firsts).toHaveLength(40);
  for (const first of firsts) {
    const turn = all.slice(first, first + 5).map(({ event }) => [event?.streamId, event?.revision]);
    expect(turn).toEqual([0n, 1n, 2n, 3n, 4n].map((revision) => [all[first]?.event?.streamId, revision]));
  }
});

describe('where a read begins', () => {
  test('4.4: forwards with the event at the position', async () => {
    const stream = freshStream();
    await append(stream, 3);
    const position = (await collect(client().readStream(stream)))[1]?.event?.position as Position;
    const [first] = await collect(client().readAll({ fromPosition: position, maxCount: 1 }));
    expect(first?.event).toMatchObject({ streamId: stream, revision: 1n });
  });

  test('4.4: backwards with the event before the position', async () => {
    const stream = freshStream();
    await append(stream, 3);
    const position = (await collect(client().readStream(stream)))[1]?.event?.position as Position;
    const [first] = await collect(client().readAll({ direction: BACKWARDS, fromPosition: position, maxCount: 1 }));
    expect(first?.event).toMatchObject({ streamId: stream, revision: 0n });
  });

  test('4.4: backwards from the end with the newest', async () => {
    const stream = freshStream();
    const position = await append(stream, 2);
    const read = await collect(client().readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 100 }));
    const commits = read.map(commitOf);
    expect(commits).toContain(position.commit);
    expect(commits).toEqual([...commits].sort((one, other) => (one < other ? 1 : -1)));
  });

  test('4.2: a position between two events is refused', async () => {
    const { commit } = await append(freshStream(), 1);
    const between = { commit: commit + 1n, prepare: commit + 1n };
    await append(freshStream(), 1);
    const error = await failureOf(collect(client().readAll({ fromPosition: between, maxCount: 1 })));
    expect(error).toMatchObject({ code: 3 });
  });
});

describe('what is in the log', () => {
  test('4.4: events that their stream no longer shows', async () => {
    const start = await placeOfNow(client());
    const [truncated, deleted] = [freshStream(), freshStream()];
    await append(truncated, 3);
    await append(deleted, 2);
    await client().setStreamMetadata(truncated, { truncateBefore: 2 }, { expectedRevision: 'no_stream' });
    await client().deleteStream(deleted, { expectedRevision: 1n });
    const names = (await allFrom(start)).map(({ event }) => event?.streamId);
    expect(names.filter((name) => name === truncated)).toHaveLength(3);
    expect(names.filter((name) => name === deleted)).toHaveLength(2);
  });

  test('4.4: metadata and tombstones, as events of their own', async () => {
    const start = await placeOfNow(client());
    const stream = freshStream();
    await append(stream, 1);
    await client().setStreamMetadata(stream, { maxCount: 5 }, { expectedRevision: 'no_stream' });
    await client().tombstoneStream(stream, { expectedRevision: 0n });
    const mine = (await allFrom(start)).filter(({ event }) => event?.streamId.endsWith(stream));
    expect(mine.map(({ event }) => [event?.streamId, event?.type, event?.revision])).toEqual([
      [stream, 'Numbered', 0n],
      [`$$${stream}`, '$metadata', 0n],
      [stream, '$streamDeleted', 2n ** 63n - 1n],
    ]);
  });

  test('4.1: nothing of an append that was refused', async () => {
    const start = await placeOfNow(client());
    const stream = freshStream();
    await append(stream, 1);
    await failureOf(client().appendToStream(stream, [numbered(1), numbered(2)], { expectedRevision: 9n }));
    expect((await allFrom(start)).filter(({ event }) => event?.streamId === stream)).toHaveLength(1);
  });
});
