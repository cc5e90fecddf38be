import { randomUUID } from 'node:crypto';
import features from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import type { SupportedMethods } from '@eventstore/db-client/generated/serverfeatures_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import { afterEach, describe, expect, test } from 'vitest';
import { BatchCall, type BatchEvent, chunkOf, correlationOf, optionsOf, outcomeOf } from './batch-call.ts';
import { useClient } from './client.ts';
import { collect, freshStream, revisionsOf } from './events.ts';

// Section 1 and 4.1 on the wire: the call that every append shares.

const client = useClient();
const open: BatchCall[] = [];

async function openCall(): Promise<BatchCall> {
  const call = await BatchCall.open(client());
  open.push(call);
  return call;
}

afterEach(() => {
  for (const call of open.splice(0)) call.close();
});

const event = (n: number): BatchEvent => ({ id: randomUUID(), data: Buffer.from(`${n}`) });
const success = (revision: number) => ({ kind: 'success', revision: `${revision}`, position: expect.any(String) });

test('1: the server says that it has BatchAppend and Read, in lower case', async () => {
  const supported = await client()['execute'](
    features.ServerFeaturesClient,
    'conformance',
    (grpc) =>
      new Promise<SupportedMethods>((resolve, reject) => {
        grpc.getSupportedMethods(new shared.Empty(), (error, methods) => (error === null ? resolve(methods) : reject(error)));
      }),
  );
  const methods = supported.getMethodsList().map((method) => `${method.getServiceName()}/${method.getMethodName()}`);
  expect(methods).toContain('event_store.client.streams.streams/batchappend');
  expect(methods).toContain('event_store.client.streams.streams/read');
});

describe('many appends in flight on one call', () => {
  test('1: each is answered once, under its own correlation id and with its own stream', async () => {
    const call = await openCall();
    const streams = Array.from({ length: 200 }, () => freshStream());
    const replies = await Promise.all(streams.map((stream) => call.append({ stream, expected: 'no-stream', events: [event(0)] })));
    expect(replies.map(outcomeOf)).toEqual(streams.map(() => success(0)));
    expect(replies.map((reply) => Buffer.from(reply.getStreamIdentifier()?.getStreamName_asU8() ?? []).toString())).toEqual(streams);
    expect(new Set(call.replies.map(correlationOf)).size).toBe(200);
    expect(call.replies).toHaveLength(200);
  });

  test('4.1: those of one stream are executed in the order they were sent', async () => {
    const call = await openCall();
    const stream = freshStream();
    const expected = ['no-stream' as const, ...Array.from({ length: 49 }, (_, n) => BigInt(n))];
    const replies = await Promise.all(expected.map((revision, n) => call.append({ stream, expected: revision, events: [event(n)] })));
    expect(replies.map(outcomeOf)).toEqual(expected.map((_, n) => success(n)));
    const read = await collect(client().readStream(stream));
    expect(read.map(({ event: recorded }) => Buffer.from(recorded?.data as Uint8Array).toString())).toEqual(expected.map((_, n) => `${n}`));
  });

  test('4.1: a refused one makes the rest of its chain refused, and touches no other stream', async () => {
    const call = await openCall();
    const [stream, other] = [freshStream(), freshStream()];
    const replies = await Promise.all([
      call.append({ stream, expected: 'no-stream', events: [event(0)] }),
      call.append({ stream, expected: 5n, events: [event(1)] }),
      call.append({ stream, expected: 6n, events: [event(2)] }),
      call.append({ stream: other, expected: 'no-stream', events: [event(3)] }),
    ]);
    const refused = { kind: 'error', code: 6, details: 'WrongExpectedVersion' };
    expect(replies.map(outcomeOf)).toEqual([success(0), refused, refused, success(0)]);
  });
});

describe('an append of several messages', () => {
  test('1: is made when the last message comes, of all their events in order', async () => {
    const call = await openCall();
    const stream = freshStream();
    const correlation = randomUUID();
    call.send(chunkOf(correlation, [], { options: optionsOf({ stream, expected: 'no-stream' }), isFinal: false }));
    call.send(chunkOf(correlation, [event(0), event(1)], { isFinal: false }));
    call.send(chunkOf(correlation, [event(2)], { isFinal: true }));
    expect(outcomeOf(await call.reply(correlation))).toEqual(success(2));
    const read = await collect(client().readStream(stream));
    expect(read.map(({ event: recorded }) => Buffer.from(recorded?.data as Uint8Array).toString())).toEqual(['0', '1', '2']);
  });

  test('1: may be mixed with messages of another', async () => {
    const call = await openCall();
    const [one, other] = [freshStream(), freshStream()];
    const [first, second] = [randomUUID(), randomUUID()];
    call.send(chunkOf(first, [event(0)], { options: optionsOf({ stream: one, expected: 'no-stream' }), isFinal: false }));
    call.send(chunkOf(second, [event(0)], { options: optionsOf({ stream: other, expected: 'no-stream' }), isFinal: true }));
    expect(outcomeOf(await call.reply(second))).toEqual(success(0));
    call.send(chunkOf(first, [event(1)], { isFinal: true }));
    expect(outcomeOf(await call.reply(first))).toEqual(success(1));
    expect(revisionsOf(await collect(client().readStream(one)))).toEqual([0n, 1n]);
  });
});

describe('a reply', () => {
  test('4.1: names the revision and the position of the last event of its append', async () => {
    const call = await openCall();
    const stream = freshStream();
    const outcome = outcomeOf(await call.append({ stream, expected: 'no-stream', events: [event(0), event(1), event(2)] }));
    const last = (await collect(client().readStream(stream))).at(-1);
    expect(outcome).toEqual({ kind: 'success', revision: '2', position: `${last?.event?.position?.commit}` });
  });

  test('4.1: of events that are there already names theirs', async () => {
    const call = await openCall();
    const stream = freshStream();
    const events = [event(0), event(1)];
    const made = outcomeOf(await call.append({ stream, expected: 'no-stream', events }));
    await call.append({ stream, expected: 1n, events: [event(2)] });
    expect(outcomeOf(await call.append({ stream, expected: 'no-stream', events }))).toEqual(made);
  });

  test('4.1: of a wrong expected revision has code 6, of a tombstone code 5', async () => {
    const call = await openCall();
    const stream = freshStream();
    const refused = await call.append({ stream, expected: 3n, events: [event(0)] });
    expect(outcomeOf(refused)).toEqual({ kind: 'error', code: 6, details: 'WrongExpectedVersion' });
    await call.append({ stream, expected: 'no-stream', events: [event(0)] });
    await client().tombstoneStream(stream, { expectedRevision: 0n });
    const deleted = await call.append({ stream, expected: 0n, events: [event(1)] });
    expect(outcomeOf(deleted)).toEqual({ kind: 'error', code: 5, details: 'StreamDeleted' });
  });

  test('4.1: of a refusal says what was there and what was expected', async () => {
    const call = await openCall();
    const stream = freshStream();
    const details = async (expected: bigint | 'no-stream') => {
      const reply = await call.append({ stream, expected, events: [event(0)] });
      const parse = shared.WrongExpectedVersion.deserializeBinary;
      return reply.getError()?.getDetails()?.unpack(parse, 'event_store.client.WrongExpectedVersion');
    };
    const absent = await details(4n);
    expect(absent?.hasCurrentNoStream()).toBe(true);
    expect(absent?.getExpectedStreamPosition()).toBe('4');
    await call.append({ stream, expected: 'no-stream', events: [event(0), event(1)] });
    const present = await details('no-stream');
    expect(present?.getCurrentStreamRevision()).toBe('1');
    expect(present?.hasExpectedNoStream()).toBe(true);
  });

  test('4.1.4: of no events before the last revision is a refusal', async () => {
    const call = await openCall();
    const stream = freshStream();
    await call.append({ stream, expected: 'no-stream', events: [event(0), event(1)] });
    const outcome = outcomeOf(await call.append({ stream, expected: 0n, events: [] }));
    expect(outcome).toEqual({ kind: 'error', code: 6, details: 'WrongExpectedVersion' });
  });

  test('1: of a deadline that had passed is Timeout, and the call goes on', async () => {
    const call = await openCall();
    const stream = freshStream();
    const late = await call.append({ stream: freshStream(), expected: 'no-stream', events: [event(0)], deadlineMs: -60_000 });
    expect(outcomeOf(late)).toEqual({ kind: 'error', code: 4, details: 'Timeout' });
    expect(outcomeOf(await call.append({ stream, expected: 'no-stream', events: [event(0)] }))).toEqual(success(0));
  });
});

test('1: calls of one connection are independent: one that is cancelled leaves the other', async () => {
  const [one, other] = [await openCall(), await openCall()];
  await one.append({ stream: freshStream(), expected: 'no-stream', events: [event(0)] });
  one.close();
  const outcome = outcomeOf(await other.append({ stream: freshStream(), expected: 'no-stream', events: [event(0)] }));
  expect(outcome).toEqual(success(0));
});

test('4.7: what was answered before its call is cancelled stays', async () => {
  const call = await openCall();
  const stream = freshStream();
  await call.append({ stream, expected: 'no-stream', events: [event(0)] });
  call.close();
  expect(revisionsOf(await collect(client().readStream(stream)))).toEqual([0n]);
});
