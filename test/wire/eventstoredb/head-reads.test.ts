import { BACKWARDS, END } from '@eventstore/db-client';
import { expect, test } from 'vitest';
import { useClient } from './client.ts';
import { collect, freshStream, manyNumbered, numbered, positionOf, type Resolved, revisionsOf } from './events.ts';

// Section 6.3 and 4.4: how the last revision of a stream and the last position of the log are asked for.

const client = useClient();

function headOf(stream: string): Promise<readonly Resolved[]> {
  return collect(client().readStream(stream, { direction: BACKWARDS, fromRevision: END, maxCount: 1, requiresLeader: true }));
}

test('4.4: the last event of a stream, right after each append of it', async () => {
  const stream = freshStream();
  await client().appendToStream(stream, manyNumbered(3), { expectedRevision: 'no_stream' });
  expect(revisionsOf(await headOf(stream))).toEqual([2n]);
  await client().appendToStream(stream, numbered(9), { expectedRevision: 2n });
  expect(revisionsOf(await headOf(stream))).toEqual([3n]);
});

test('4.4: a stream that is truncated whole has no event to tell its revision by', async () => {
  const stream = freshStream();
  await client().appendToStream(stream, manyNumbered(3), { expectedRevision: 'no_stream' });
  await client().setStreamMetadata(stream, { truncateBefore: 3 }, { expectedRevision: 'no_stream' });
  expect(await headOf(stream)).toEqual([]);
});

test('4.4: a stream truncated up to its last event still tells it', async () => {
  const stream = freshStream();
  await client().appendToStream(stream, manyNumbered(3), { expectedRevision: 'no_stream' });
  await client().setStreamMetadata(stream, { truncateBefore: 2 }, { expectedRevision: 'no_stream' });
  expect(revisionsOf(await headOf(stream))).toEqual([2n]);
});

test('6.5: the last event of the log is not before one that was answered', async () => {
  const appended = positionOf(await client().appendToStream(freshStream(), numbered(0), { expectedRevision: 'no_stream' }));
  const [last] = await collect(client().readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 1 }));
  expect(last?.event?.position.commit).toBeGreaterThanOrEqual(appended.commit);
});
