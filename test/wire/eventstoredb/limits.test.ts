import { randomUUID } from 'node:crypto';
import { binaryEvent, type EventData, MaxAppendSizeExceededError } from '@eventstore/db-client';
import { afterEach, describe, expect, test } from 'vitest';
import { BatchCall, type BatchEvent, outcomeOf } from './batch-call.ts';
import { useClient } from './client.ts';
import { collect, failureOf, freshStream, numbered, numbersOf } from './events.ts';

// Section 4.3: what is refused for its size or its shape. How much one append may weigh is asked of the server.

const client = useClient();
const MIB = 1024 * 1024;
const TYPE = 'Heavy';
const TYPE_BYTES = 2 * TYPE.length;

function heavy(dataBytes: number, metadataBytes = 0): EventData {
  const data = Buffer.alloc(dataBytes, 7);
  return metadataBytes === 0
    ? binaryEvent({ type: TYPE, data })
    : binaryEvent({ type: TYPE, data, metadata: new Uint8Array(metadataBytes).fill(7) });
}

function append(stream: string, events: readonly EventData[]) {
  return client().appendToStream(stream, [...events], { expectedRevision: 'no_stream' });
}

/** The limit in bytes as the server tells it; undefined if it takes more than 1 MiB, as servers from 25.1 on do. */
async function askLimit(): Promise<number | undefined> {
  try {
    await append(freshStream(), [heavy(MIB + 1)]);
    return undefined;
  } catch (error) {
    if (error instanceof MaxAppendSizeExceededError) return error.maxAppendSize;
    throw error;
  }
}

describe('the size of an append', () => {
  test('4.3: 900 KiB are taken by every server, in one event and in many', async () => {
    expect(await append(freshStream(), [heavy(900 * 1024)])).toMatchObject({ success: true });
    const many = Array.from({ length: 90 }, () => heavy(10 * 1024));
    expect(await append(freshStream(), many)).toMatchObject({ success: true, nextExpectedRevision: 89n });
  });

  test('4.3: the limit is the last size that is taken, and counts data and twice the type', async () => {
    const limit = await askLimit();
    if (limit === undefined) return expectMore();
    expect(limit).toBe(MIB);
    expect(await append(freshStream(), [heavy(limit - TYPE_BYTES)])).toMatchObject({ success: true });
    const error = await failureOf(append(freshStream(), [heavy(limit - TYPE_BYTES + 1)]));
    expect(error).toBeInstanceOf(MaxAppendSizeExceededError);
    expect(error).toMatchObject({ maxAppendSize: limit });
  });

  test('4.3: the limit counts metadata, and all events of the append', async () => {
    const limit = await askLimit();
    if (limit === undefined) return expectMore();
    const half = limit / 2 - TYPE_BYTES;
    expect(await append(freshStream(), [heavy(half - 100, 100), heavy(half - 100, 100)])).toMatchObject({ success: true });
    const error = await failureOf(append(freshStream(), [heavy(half - 100, 100), heavy(half - 100, 101)]));
    expect(error).toBeInstanceOf(MaxAppendSizeExceededError);
  });

  test('4.3: what is refused for its size is not made in part, and the stream goes on', async () => {
    const limit = await askLimit();
    if (limit === undefined) return expectMore();
    const stream = freshStream();
    await failureOf(append(stream, [numbered(0), heavy(limit)]));
    expect(await append(stream, [numbered(1)])).toMatchObject({ nextExpectedRevision: 0n });
    expect(numbersOf(await collect(client().readStream(stream)))).toEqual([1]);
  });

  /** From 25.1 on the limit is 256 MiB; then two events of 2 MiB are one append. */
  async function expectMore(): Promise<void> {
    expect(await append(freshStream(), [heavy(2 * MIB), heavy(2 * MIB)])).toMatchObject({ success: true, nextExpectedRevision: 1n });
  }
});

describe('the shape of an append', () => {
  let call: BatchCall | undefined;
  const send = async (stream: string, event: BatchEvent) => {
    call = await BatchCall.open(client());
    return outcomeOf(await call.append({ stream, expected: 'any', events: [event] }));
  };
  afterEach(() => call?.close());

  test('4.3: an event id of zeros is a bad request', async () => {
    const outcome = await send(freshStream(), { id: '00000000-0000-0000-0000-000000000000' });
    expect(outcome).toEqual({ kind: 'error', code: 3, details: 'BadRequest' });
  });

  test('4.3: an empty type is a bad request', async () => {
    expect(await send(freshStream(), { type: '' })).toEqual({ kind: 'error', code: 3, details: 'BadRequest' });
  });

  test('4.3: writing to $all is denied', async () => {
    expect(await send('$all', {})).toEqual({ kind: 'error', code: 7, details: 'AccessDenied' });
  });

  test('4.3: a bad request spoils nothing else on its call', async () => {
    await send(freshStream(), { type: '' });
    const stream = freshStream();
    const reply = await call?.append({ stream, expected: 'no-stream', events: [{ id: randomUUID() }] });
    expect(reply === undefined ? undefined : outcomeOf(reply)).toMatchObject({ kind: 'success', revision: '0' });
  });

  test('4.3: names of streams may be long and hold any characters', async () => {
    for (const rest of [`${'é'.repeat(255)}`, '😀 / ? # % & " \\ -- $', 'a'.repeat(1_000)]) {
      const stream = `${freshStream()}-${rest}`;
      await append(stream, [numbered(5)]);
      const [read] = await collect(client().readStream(stream));
      expect(read?.event?.streamId).toBe(stream);
    }
  });
});
