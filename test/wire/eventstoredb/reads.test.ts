import { BACKWARDS, binaryEvent, END, START, StreamDeletedError, StreamNotFoundError } from '@eventstore/db-client';
import { describe, expect, test } from 'vitest';
import { useClient } from './client.ts';
import { collect, failureOf, freshStream, manyNumbered, numbered, numbersOf, revisionsOf } from './events.ts';

// Section 4.4: reads of one stream.

const client = useClient();

async function streamOf(count: number): Promise<string> {
  const stream = freshStream();
  await client().appendToStream(stream, manyNumbered(count), { expectedRevision: 'no_stream' });
  return stream;
}

describe('forwards', () => {
  test('4.4: from the start, everything in order', async () => {
    const stream = await streamOf(500);
    const read = await collect(client().readStream(stream, { fromRevision: START }));
    expect(numbersOf(read)).toEqual(Array.from({ length: 500 }, (_, n) => n));
    expect(revisionsOf(read)).toEqual(Array.from({ length: 500 }, (_, n) => BigInt(n)));
  });

  test('4.4: from a revision, that one included, and not more than asked for', async () => {
    const stream = await streamOf(20);
    expect(numbersOf(await collect(client().readStream(stream, { fromRevision: 5n, maxCount: 3 })))).toEqual([5, 6, 7]);
    expect(numbersOf(await collect(client().readStream(stream, { fromRevision: 18n })))).toEqual([18, 19]);
  });

  test('4.4: from beyond the end, nothing and no error', async () => {
    const stream = await streamOf(3);
    expect(await collect(client().readStream(stream, { fromRevision: 3n }))).toEqual([]);
    expect(await collect(client().readStream(stream, { fromRevision: 1_000n }))).toEqual([]);
  });

  test('4.4: what was answered is read at once', async () => {
    const stream = freshStream();
    for (let n = 0; n < 20; n += 1) {
      await client().appendToStream(stream, numbered(n), { expectedRevision: n === 0 ? 'no_stream' : BigInt(n - 1) });
      expect(await collect(client().readStream(stream))).toHaveLength(n + 1);
    }
  });
});

describe('backwards', () => {
  test('4.4: from the end, the last one first', async () => {
    const stream = await streamOf(5);
    const read = await collect(client().readStream(stream, { direction: BACKWARDS, fromRevision: END }));
    expect(numbersOf(read)).toEqual([4, 3, 2, 1, 0]);
  });

  test('4.4: from a revision, that one included', async () => {
    const stream = await streamOf(5);
    const read = await collect(client().readStream(stream, { direction: BACKWARDS, fromRevision: 2n, maxCount: 2 }));
    expect(numbersOf(read)).toEqual([2, 1]);
  });

  test('4.4: from beyond the end, from the last', async () => {
    const stream = await streamOf(3);
    const read = await collect(client().readStream(stream, { direction: BACKWARDS, fromRevision: 1_000n }));
    expect(numbersOf(read)).toEqual([2, 1, 0]);
  });
});

describe('a stream that is not there', () => {
  test('4.4: is not found, in both directions', async () => {
    const stream = freshStream();
    expect(await failureOf(collect(client().readStream(stream)))).toBeInstanceOf(StreamNotFoundError);
    const backwards = client().readStream(stream, { direction: BACKWARDS, fromRevision: END, maxCount: 1 });
    expect(await failureOf(collect(backwards))).toBeInstanceOf(StreamNotFoundError);
  });

  test('4.4: is not found after it was deleted softly', async () => {
    const stream = await streamOf(2);
    await client().deleteStream(stream, { expectedRevision: 1n });
    expect(await failureOf(collect(client().readStream(stream)))).toBeInstanceOf(StreamNotFoundError);
  });

  test('4.4: is an error after a tombstone', async () => {
    const stream = await streamOf(2);
    await client().tombstoneStream(stream, { expectedRevision: 1n });
    expect(await failureOf(collect(client().readStream(stream)))).toBeInstanceOf(StreamDeletedError);
  });

  test('4.4: is not found though it has metadata', async () => {
    const stream = freshStream();
    await client().setStreamMetadata(stream, { maxCount: 3 }, { expectedRevision: 'no_stream' });
    expect(await failureOf(collect(client().readStream(stream)))).toBeInstanceOf(StreamNotFoundError);
  });
});

describe('the visible window', () => {
  test('4.4: $maxCount leaves the last ones, also of those that come later', async () => {
    const stream = await streamOf(10);
    await client().setStreamMetadata(stream, { maxCount: 3 }, { expectedRevision: 'no_stream' });
    expect(revisionsOf(await collect(client().readStream(stream)))).toEqual([7n, 8n, 9n]);
    await client().appendToStream(stream, manyNumbered(2), { expectedRevision: 9n });
    expect(revisionsOf(await collect(client().readStream(stream)))).toEqual([9n, 10n, 11n]);
    const backwards = client().readStream(stream, { direction: BACKWARDS, fromRevision: END });
    expect(revisionsOf(await collect(backwards))).toEqual([11n, 10n, 9n]);
  });

  test('4.4: $tb leaves those from a revision on, in both directions', async () => {
    const stream = await streamOf(10);
    await client().setStreamMetadata(stream, { truncateBefore: 8 }, { expectedRevision: 'no_stream' });
    expect(revisionsOf(await collect(client().readStream(stream)))).toEqual([8n, 9n]);
    expect(revisionsOf(await collect(client().readStream(stream, { fromRevision: 2n, maxCount: 1 })))).toEqual([8n]);
    const backwards = client().readStream(stream, { direction: BACKWARDS, fromRevision: END });
    expect(revisionsOf(await collect(backwards))).toEqual([9n, 8n]);
  });

  test('4.4: of $tb and $maxCount the later one counts', async () => {
    const stream = await streamOf(10);
    await client().setStreamMetadata(stream, { truncateBefore: 4, maxCount: 3 }, { expectedRevision: 'no_stream' });
    expect(revisionsOf(await collect(client().readStream(stream)))).toEqual([7n, 8n, 9n]);
    await client().setStreamMetadata(stream, { truncateBefore: 9, maxCount: 3 }, { expectedRevision: 0n });
    expect(revisionsOf(await collect(client().readStream(stream)))).toEqual([9n]);
  });

  test('4.4: a stream that is truncated whole is empty, not missing, and goes on behind its last', async () => {
    const stream = await streamOf(4);
    await client().setStreamMetadata(stream, { truncateBefore: 4 }, { expectedRevision: 'no_stream' });
    expect(await collect(client().readStream(stream))).toEqual([]);
    const error = await failureOf(client().appendToStream(stream, numbered(9), { expectedRevision: 'no_stream' }));
    expect(error).toMatchObject({ type: 'wrong-expected-version', actualVersion: 3n });
    await client().appendToStream(stream, numbered(9), { expectedRevision: 3n });
    expect(revisionsOf(await collect(client().readStream(stream)))).toEqual([4n]);
  });

  test('4.1.4: events that are no longer visible are still found by their ids', async () => {
    const stream = freshStream();
    const events = manyNumbered(2);
    await client().appendToStream(stream, events, { expectedRevision: 'no_stream' });
    await client().appendToStream(stream, manyNumbered(2), { expectedRevision: 1n });
    await client().setStreamMetadata(stream, { truncateBefore: 3 }, { expectedRevision: 'no_stream' });
    const again = await client().appendToStream(stream, events, { expectedRevision: 'no_stream' });
    expect(again.nextExpectedRevision).toBe(1n);
    expect(revisionsOf(await collect(client().readStream(stream)))).toEqual([3n]);
  });
});

describe('links', () => {
  const link = (target: string) => binaryEvent({ type: '$>', data: Buffer.from(target) });

  test('4.4: are resolved if asked to; one whose target is gone comes without an event', async () => {
    const target = await streamOf(2);
    const stream = freshStream();
    const links = [link(`1@${target}`), link(`0@${freshStream()}`)];
    await client().appendToStream(stream, links, { expectedRevision: 'no_stream' });
    const [found, lost] = await collect(client().readStream(stream, { resolveLinkTos: true }));
    expect(found?.event).toMatchObject({ streamId: target, revision: 1n, data: { n: 1 } });
    expect(found?.link).toMatchObject({ streamId: stream, revision: 0n, type: '$>' });
    expect(lost?.event).toBeUndefined();
    expect(lost?.link).toMatchObject({ streamId: stream, revision: 1n });
  });

  test('4.4: are plain events otherwise', async () => {
    const stream = freshStream();
    await client().appendToStream(stream, [link(`0@${freshStream()}`)], { expectedRevision: 'no_stream' });
    const [plain] = await collect(client().readStream(stream));
    expect(plain?.event).toMatchObject({ streamId: stream, type: '$>' });
    expect(plain?.link).toBeUndefined();
  });
});
