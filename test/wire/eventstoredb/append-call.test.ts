import { type AppendExpectedRevision, type EventData, StreamDeletedError, WrongExpectedVersionError } from '@eventstore/db-client';
import { expect, test } from 'vitest';
import { useClient } from './client.ts';
import { collect, failureOf, freshStream, manyNumbered, numbersOf } from './events.ts';

// Section 1 and 4.1: the Append call, which the client takes when an append brings its own credentials. A server without TLS ignores them.

const client = useClient();
const credentials = { username: 'admin', password: 'changeit' };

function append(stream: string, expectedRevision: AppendExpectedRevision, events: readonly EventData[]) {
  return client().appendToStream(stream, [...events], { expectedRevision, credentials });
}

test('4.1.6: makes an append, and answers as BatchAppend does', async () => {
  const stream = freshStream();
  const made = await append(stream, 'no_stream', manyNumbered(3));
  const last = (await collect(client().readStream(stream))).at(-1);
  expect(made).toEqual({ success: true, nextExpectedRevision: 2n, position: last?.event?.position });
});

test('4.1.4: finds what BatchAppend made, and the other way round', async () => {
  const stream = freshStream();
  const [first, second] = [manyNumbered(2), manyNumbered(2)];
  const batch = await client().appendToStream(stream, first, { expectedRevision: 'no_stream' });
  expect(await append(stream, 'no_stream', first)).toEqual(batch);
  const single = await append(stream, 1n, second);
  expect(await client().appendToStream(stream, second, { expectedRevision: 1n })).toEqual(single);
  expect(numbersOf(await collect(client().readStream(stream)))).toEqual([0, 1, 0, 1]);
});

test('4.1.5: refuses a wrong expected revision with what there is', async () => {
  const stream = freshStream();
  const absent = await failureOf(append(stream, 3n, manyNumbered(1)));
  expect(absent).toBeInstanceOf(WrongExpectedVersionError);
  expect(absent).toMatchObject({ streamName: stream, expectedVersion: 3n, actualVersion: 'no_stream' });
  await append(stream, 'no_stream', manyNumbered(2));
  const present = await failureOf(append(stream, 'no_stream', manyNumbered(1)));
  expect(present).toMatchObject({ expectedVersion: 'no_stream', actualVersion: 1n });
});

test('4.2: tells of a tombstone', async () => {
  const stream = freshStream();
  await append(stream, 'no_stream', manyNumbered(1));
  await client().tombstoneStream(stream, { expectedRevision: 0n });
  expect(await failureOf(append(stream, 0n, manyNumbered(1)))).toBeInstanceOf(StreamDeletedError);
});
