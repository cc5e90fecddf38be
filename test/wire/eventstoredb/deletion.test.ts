import { once } from 'node:events';
import { binaryEvent, jsonEvent, StreamDeletedError, StreamNotFoundError, WrongExpectedVersionError } from '@eventstore/db-client';
import { describe, expect, test } from 'vitest';
import { useClient } from './client.ts';
import { collect, failureOf, freshStream, manyNumbered, numbered, positionOf, revisionsOf, take, takeUntil } from './events.ts';

// Section 4.6: streams that are deleted and come back, and what `$$` streams say of them.

const client = useClient();
/** `$tb` of a deleted stream, as near as JSON numbers of this language come to 2^63 - 1. */
const ALL = Number(2n ** 63n - 1n);

async function streamOf(count: number): Promise<string> {
  const stream = freshStream();
  await client().appendToStream(stream, manyNumbered(count), { expectedRevision: 'no_stream' });
  return stream;
}

async function metadataOf(stream: string) {
  return (await collect(client().readStream(`$$${stream}`))).map(({ event }) => [event?.revision, event?.type, event?.data]);
}

describe('a soft deletion', () => {
  test('4.6: writes $metadata with $tb at the end of all, in place of what it said', async () => {
    const stream = await streamOf(3);
    await client().setStreamMetadata(stream, { maxCount: 100 }, { expectedRevision: 'no_stream' });
    const { position } = await client().deleteStream(stream, { expectedRevision: 2n });
    expect(position?.commit).toBeGreaterThan(0n);
    expect(await metadataOf(stream)).toEqual([[1n, '$metadata', { $tb: ALL }]]);
    expect(await failureOf(collect(client().readStream(stream)))).toBeInstanceOf(StreamNotFoundError);
  });

  test('4.6: is refused at another revision than expected', async () => {
    const stream = await streamOf(3);
    expect(await failureOf(client().deleteStream(stream, { expectedRevision: 1n }))).toBeInstanceOf(WrongExpectedVersionError);
    expect(revisionsOf(await collect(client().readStream(stream)))).toEqual([0n, 1n, 2n]);
  });

  test('4.6: of a stream that was never there is refused, though any revision is expected', async () => {
    const error = await failureOf(client().deleteStream(freshStream(), { expectedRevision: 'any' }));
    expect(error).toBeInstanceOf(WrongExpectedVersionError);
  });

  test.each(['any', 'no_stream', 2n] as const)(
    '4.6: a stream is made anew with %s expected, and its numbers go on',
    async (expectedRevision) => {
      const stream = await streamOf(3);
      await client().deleteStream(stream, { expectedRevision: 2n });
      const metadata = client().subscribeToStream(`$$${stream}`, { fromRevision: 0n });
      await once(metadata, 'confirmation');
      const again = await client().appendToStream(stream, [numbered(7), numbered(8)], { expectedRevision });
      expect(again.nextExpectedRevision).toBe(4n);
      const [undeleted] = await take(metadata, 1);
      expect(undeleted?.event).toMatchObject({ revision: 1n, type: '$metadata', data: { $tb: 3 } });
      expect(revisionsOf(await collect(client().readStream(stream)))).toEqual([3n, 4n]);
    },
  );

  test('4.6: a stream that was made anew tells its true revision to who expects another', async () => {
    const stream = await streamOf(3);
    await client().deleteStream(stream, { expectedRevision: 2n });
    const error = await failureOf(client().appendToStream(stream, numbered(9), { expectedRevision: 1n }));
    expect(error).toMatchObject({ type: 'wrong-expected-version', actualVersion: 2n });
  });

  test('4.1.4: the first batch of a deleted stream, sent again, is found and does not bring it back', async () => {
    const stream = freshStream();
    const events = manyNumbered(3);
    await client().appendToStream(stream, events, { expectedRevision: 'no_stream' });
    await client().deleteStream(stream, { expectedRevision: 2n });
    const again = await client().appendToStream(stream, events, { expectedRevision: 'no_stream' });
    expect(again.nextExpectedRevision).toBe(2n);
    expect(await failureOf(collect(client().readStream(stream)))).toBeInstanceOf(StreamNotFoundError);
  });

  test('4.6: metadata that is written later brings the stream back, empty', async () => {
    const stream = await streamOf(3);
    await client().deleteStream(stream, { expectedRevision: 2n });
    const metadata = client().subscribeToStream(`$$${stream}`, { fromRevision: 0n });
    await once(metadata, 'caughtUp');
    // Servers may or may not deliver the one that the newest hides.
    const reading = takeUntil(metadata, ({ event }) => event?.revision === 2n);
    await client().setStreamMetadata(stream, { maxCount: 50 }, { expectedRevision: 0n });
    expect((await reading).at(-1)?.event?.data).toEqual({ $maxCount: 50, $tb: 3 });
    expect(await collect(client().readStream(stream))).toEqual([]);
    await client().appendToStream(stream, numbered(0), { expectedRevision: 2n });
    expect(revisionsOf(await collect(client().readStream(stream)))).toEqual([3n]);
  });
});

describe('a tombstone', () => {
  test('4.6: is final, for the stream and for what is said of it', async () => {
    const stream = await streamOf(2);
    await client().tombstoneStream(stream, { expectedRevision: 1n });
    expect(await failureOf(client().appendToStream(stream, numbered(0), { expectedRevision: 'any' }))).toBeInstanceOf(StreamDeletedError);
    expect(await failureOf(client().setStreamMetadata(stream, { maxCount: 1 }))).toBeInstanceOf(StreamDeletedError);
    expect(await failureOf(collect(client().readStream(stream)))).toBeInstanceOf(StreamDeletedError);
  });

  test('4.6: is refused at another revision than expected', async () => {
    const stream = await streamOf(2);
    expect(await failureOf(client().tombstoneStream(stream, { expectedRevision: 0n }))).toBeInstanceOf(WrongExpectedVersionError);
    expect(await collect(client().readStream(stream))).toHaveLength(2);
  });
});

describe('metadata', () => {
  const truncateAt = (stream: string, revision: number, expectedRevision: 'no_stream' | bigint) =>
    client().appendToStream(`$$${stream}`, jsonEvent({ type: '$metadata', data: { $tb: revision } }), { expectedRevision });

  test('4.6: is appended at an exact revision of its own stream, as any event', async () => {
    const stream = await streamOf(6);
    expect(await truncateAt(stream, 2, 'no_stream')).toMatchObject({ nextExpectedRevision: 0n });
    expect(await truncateAt(stream, 4, 0n)).toMatchObject({ nextExpectedRevision: 1n });
    const error = await failureOf(truncateAt(stream, 5, 0n));
    expect(error).toMatchObject({ type: 'wrong-expected-version', actualVersion: 1n });
    expect(revisionsOf(await collect(client().readStream(stream)))).toEqual([4n, 5n]);
  });

  test('4.6: is found when it is sent again', async () => {
    const stream = await streamOf(3);
    const event = jsonEvent({ type: '$metadata', data: { $tb: 1 } });
    await client().appendToStream(`$$${stream}`, event, { expectedRevision: 'no_stream' });
    await truncateAt(stream, 2, 0n);
    const again = await client().appendToStream(`$$${stream}`, event, { expectedRevision: 'no_stream' });
    expect(again.nextExpectedRevision).toBe(0n);
    expect(revisionsOf(await collect(client().readStream(stream)))).toEqual([2n]);
  });

  test('4.6: only the newest is kept visible', async () => {
    const stream = await streamOf(3);
    for (const [index, revision] of (['no_stream', 0n, 1n] as const).entries()) await truncateAt(stream, index, revision);
    expect(await metadataOf(stream)).toEqual([[2n, '$metadata', { $tb: 2 }]]);
  });

  test('4.6: may be there before its stream', async () => {
    const stream = freshStream();
    await client().setStreamMetadata(stream, { maxCount: 2 }, { expectedRevision: 'no_stream' });
    await client().appendToStream(stream, manyNumbered(5), { expectedRevision: 'no_stream' });
    expect(revisionsOf(await collect(client().readStream(stream)))).toEqual([3n, 4n]);
  });

  test('4.6: that is no JSON is taken for empty', async () => {
    const stream = await streamOf(3);
    const garbage = binaryEvent({ type: '$metadata', data: Buffer.from('{ $tb: ') });
    await client().appendToStream(`$$${stream}`, garbage, { expectedRevision: 'no_stream' });
    expect(revisionsOf(await collect(client().readStream(stream)))).toEqual([0n, 1n, 2n]);
  });
});

describe('$maxCount 1', () => {
  async function single(): Promise<string> {
    const stream = freshStream();
    await client().setStreamMetadata(stream, { maxCount: 1 }, { expectedRevision: 'no_stream' });
    return stream;
  }

  test('4.6: the last event alone is visible, and revisions go on', async () => {
    const stream = await single();
    await client().appendToStream(stream, numbered(0), { expectedRevision: 'no_stream' });
    for (let n = 1; n < 5; n += 1) {
      const { nextExpectedRevision } = await client().appendToStream(stream, numbered(n), { expectedRevision: BigInt(n - 1) });
      expect(nextExpectedRevision).toBe(BigInt(n));
      expect(revisionsOf(await collect(client().readStream(stream)))).toEqual([BigInt(n)]);
    }
  });

  test('4.6: who expects an earlier revision is refused all the same', async () => {
    const stream = await single();
    await client().appendToStream(stream, manyNumbered(3), { expectedRevision: 'no_stream' });
    const error = await failureOf(client().appendToStream(stream, numbered(9), { expectedRevision: 1n }));
    expect(error).toMatchObject({ type: 'wrong-expected-version', actualVersion: 2n });
  });

  test('4.1.4: an append that is no longer visible is found when it is sent again', async () => {
    const stream = await single();
    const first = [numbered(0)];
    const made = await client().appendToStream(stream, first, { expectedRevision: 'no_stream' });
    expect(positionOf(made).commit).toBeGreaterThan(0n);
    await client().appendToStream(stream, numbered(1), { expectedRevision: 0n });
    const again = await client().appendToStream(stream, first, { expectedRevision: 'no_stream' });
    expect(again).toMatchObject({ success: true, nextExpectedRevision: 0n });
  });
});
