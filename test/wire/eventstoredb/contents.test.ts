import { randomBytes, randomUUID } from 'node:crypto';
import { binaryEvent, type EventData, jsonEvent, type RecordedEvent } from '@eventstore/db-client';
import { afterEach, describe, expect, test } from 'vitest';
import { BatchCall, type BatchEvent } from './batch-call.ts';
import { useClient } from './client.ts';
import { collect, freshStream } from './events.ts';

// Section 4.3 and 4.4: what goes in comes out, byte for byte.

const client = useClient();
let call: BatchCall | undefined;
afterEach(() => {
  call?.close();
  call = undefined;
});

async function readBack(event: EventData): Promise<RecordedEvent | undefined> {
  const stream = freshStream();
  await client().appendToStream(stream, event, { expectedRevision: 'no_stream' });
  return (await collect(client().readStream(stream)))[0]?.event;
}

async function readBackRaw(event: BatchEvent): Promise<RecordedEvent | undefined> {
  const stream = freshStream();
  call = await BatchCall.open(client());
  await call.append({ stream, expected: 'no-stream', events: [event] });
  return (await collect(client().readStream(stream)))[0]?.event;
}

describe('data', () => {
  test.each([
    ['an object', { a: 1, b: { c: [true, null, 'é😀'] } }],
    ['an array', [1, 2, { three: 3 }]],
    ['a string', 'plain'],
    ['an empty object', {}],
  ])('4.4: JSON: %s', async (_, data) => {
    expect(await readBack(jsonEvent({ type: 'Json', data }))).toMatchObject({ type: 'Json', isJson: true, data });
  });

  test.each([1, 255, 65_536])('4.4: %i bytes', async (count) => {
    const data = randomBytes(count);
    const read = await readBack(binaryEvent({ type: 'Bytes', data }));
    expect(read).toMatchObject({ type: 'Bytes', isJson: false });
    expect(Buffer.from(read?.data as Uint8Array)).toEqual(data);
  });

  test('4.4: no bytes at all', async () => {
    const read = await readBack(binaryEvent({ type: 'Nothing', data: new Uint8Array() }));
    expect(read?.isJson).toBe(false);
    expect(read?.data).toHaveLength(0);
  });

  test('4.3: called JSON that is none is taken, and comes back as it was', async () => {
    const read = await readBackRaw({ contentType: 'application/json', data: Buffer.from('{ no json') });
    expect(read).toMatchObject({ isJson: true, data: '{ no json' });
  });

  test('4.3: of any content type but JSON is binary', async () => {
    const read = await readBackRaw({ contentType: 'application/octet-stream', data: Buffer.from('{"a":1}') });
    expect(read?.isJson).toBe(false);
    expect(Buffer.from(read?.data as Uint8Array).toString()).toBe('{"a":1}');
  });
});

describe('metadata', () => {
  test('4.4: JSON, the ids of correlation and causation among it', async () => {
    const metadata = { $correlationId: randomUUID(), $causationId: randomUUID(), turn: { id: 'x', time: 1 }, list: [1, 2] };
    expect((await readBack(jsonEvent({ type: 'Told', data: {}, metadata })))?.metadata).toEqual(metadata);
    expect((await readBack(binaryEvent({ type: 'Told', data: Buffer.from('x'), metadata })))?.metadata).toEqual(metadata);
  });

  test('4.4: bytes', async () => {
    const metadata = new Uint8Array([0, 255, 1, 254]);
    const read = await readBack(binaryEvent({ type: 'Told', data: Buffer.from('x'), metadata }));
    expect(Buffer.from(read?.metadata as Uint8Array)).toEqual(Buffer.from(metadata));
  });

  test('4.4: none', async () => {
    expect((await readBack(jsonEvent({ type: 'Told', data: {} })))?.metadata).toBeUndefined();
  });
});

describe('what the server adds', () => {
  test('4.4: nothing to the id, the stream and the type', async () => {
    const id = randomUUID();
    const stream = freshStream();
    await client().appendToStream(stream, jsonEvent({ type: 'perdure:Told', data: {}, id }), { expectedRevision: 'no_stream' });
    const [read] = await collect(client().readStream(stream));
    expect(read?.event).toMatchObject({ id, streamId: stream, type: 'perdure:Told', revision: 0n });
  });

  test('4.4: when it was made, about now, in ticks that the client reads as milliseconds', async () => {
    const read = await readBack(jsonEvent({ type: 'Told', data: {} }));
    const hourMs = 3_600_000;
    expect(Math.abs((read?.created.getTime() ?? 0) - Date.now())).toBeLessThan(hourMs);
  });

  test('4.4: a position, of which commit and prepare are one', async () => {
    const read = await readBack(jsonEvent({ type: 'Told', data: {} }));
    expect(read?.position?.commit).toBeGreaterThan(0n);
    expect(read?.position?.prepare).toBe(read?.position?.commit);
  });
});
