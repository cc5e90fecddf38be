import { randomUUID } from 'node:crypto';
import {
  type AppendExpectedRevision,
  type AppendResult,
  type EventData,
  StreamDeletedError,
  WrongExpectedVersionError,
} from '@eventstore/db-client';
import { describe, expect, test } from 'vitest';
import { useClient } from './client.ts';
import { collect, failureOf, freshStream, manyNumbered, numbered, numbersOf } from './events.ts';

// Section 4.1: which appends are made, which are found to be there already, and which are refused.

const client = useClient();

function append(stream: string, expectedRevision: AppendExpectedRevision, events: readonly EventData[]): Promise<AppendResult> {
  return client().appendToStream(stream, [...events], { expectedRevision });
}

async function wrong(stream: string, expected: AppendExpectedRevision, events: readonly EventData[]): Promise<WrongExpectedVersionError> {
  const error = await failureOf(append(stream, expected, events));
  expect(error).toBeInstanceOf(WrongExpectedVersionError);
  return error as WrongExpectedVersionError;
}

async function held(stream: string): Promise<readonly unknown[]> {
  return numbersOf(await collect(client().readStream(stream)));
}

describe('an exact expected revision', () => {
  test('4.1.6: at the last revision the append is made, and answered with the revision of its last event', async () => {
    const stream = freshStream();
    const first = await append(stream, 'no_stream', manyNumbered(2));
    expect(first).toMatchObject({ success: true, nextExpectedRevision: 1n });
    const second = await append(stream, 1n, manyNumbered(3));
    expect(second.nextExpectedRevision).toBe(4n);
    expect(await held(stream)).toEqual([0, 1, 0, 1, 2]);
  });

  test('4.1.5: beyond the last revision it is refused, with the revision that there is', async () => {
    const stream = freshStream();
    await append(stream, 'no_stream', manyNumbered(2));
    const error = await wrong(stream, 7n, [numbered(9)]);
    expect(error).toMatchObject({ streamName: stream, expectedVersion: 7n, actualVersion: 1n });
    expect(await held(stream)).toEqual([0, 1]);
  });

  test('4.1.5: of a stream that is not there it is refused, as no stream', async () => {
    const stream = freshStream();
    const error = await wrong(stream, 0n, [numbered(9)]);
    expect(error).toMatchObject({ expectedVersion: 0n, actualVersion: 'no_stream' });
  });

  test('4.1.4: before the last revision other events are refused', async () => {
    const stream = freshStream();
    await append(stream, 'no_stream', manyNumbered(3));
    const error = await wrong(stream, 0n, [numbered(9)]);
    expect(error).toMatchObject({ expectedVersion: 0n, actualVersion: 2n });
    expect(await held(stream)).toEqual([0, 1, 2]);
  });

  test('4.1: of two appends that expect the same revision one is made', async () => {
    const stream = freshStream();
    await append(stream, 'no_stream', [numbered(0)]);
    const racing = Array.from({ length: 20 }, (_, n) => append(stream, 0n, [numbered(n), numbered(n)]));
    const outcomes = await Promise.allSettled(racing);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ type: 'wrong-expected-version', actualVersion: 2n });
    }
    expect(await held(stream)).toHaveLength(3);
  });
});

describe('no stream expected', () => {
  test('4.1.4: a stream that is there refuses other events', async () => {
    const stream = freshStream();
    await append(stream, 'no_stream', manyNumbered(3));
    const error = await wrong(stream, 'no_stream', [numbered(9)]);
    expect(error).toMatchObject({ expectedVersion: 'no_stream', actualVersion: 2n });
  });

  test('4.1.4: the same batch again is found, at its revision and position', async () => {
    const stream = freshStream();
    const events = manyNumbered(3);
    const made = await append(stream, 'no_stream', events);
    expect(await append(stream, 'no_stream', events)).toEqual(made);
    expect(await held(stream)).toEqual([0, 1, 2]);
  });
});

describe('the same ids again', () => {
  test('4.1.4: a batch is found after other events, too, and answered with its own last revision and position', async () => {
    const stream = freshStream();
    await append(stream, 'no_stream', manyNumbered(2));
    const events = manyNumbered(3);
    const made = await append(stream, 1n, events);
    await append(stream, 4n, manyNumbered(40));
    expect(await append(stream, 1n, events)).toEqual(made);
    expect(made.nextExpectedRevision).toBe(4n);
    expect(await held(stream)).toHaveLength(45);
  });

  test('4.1.4: a prefix of a batch is found, and answered with the last event of the prefix', async () => {
    const stream = freshStream();
    const events = manyNumbered(3);
    await append(stream, 'no_stream', events);
    const again = await append(stream, 'no_stream', events.slice(0, 2));
    expect(again.nextExpectedRevision).toBe(1n);
    const [, second] = await collect(client().readStream(stream));
    expect(again.position).toEqual(second?.event?.position);
    expect(await held(stream)).toEqual([0, 1, 2]);
  });

  test('4.1.4: a batch that goes on after those that are there is refused', async () => {
    const stream = freshStream();
    const events = manyNumbered(2);
    await append(stream, 'no_stream', events);
    const error = await wrong(stream, 'no_stream', [...events, numbered(2)]);
    expect(error.actualVersion).toBe(1n);
    expect(await held(stream)).toEqual([0, 1]);
  });

  test('4.1.4: a batch whose first event is there and whose second is another is refused', async () => {
    const stream = freshStream();
    const events = manyNumbered(3);
    await append(stream, 'no_stream', events);
    await wrong(stream, 'no_stream', [...events.slice(0, 1), numbered(1), ...events.slice(2)]);
    expect(await held(stream)).toEqual([0, 1, 2]);
  });

  test('4.1.4: the ids must stand at their place, one revision off is refused', async () => {
    const stream = freshStream();
    const events = manyNumbered(3);
    await append(stream, 'no_stream', events);
    await wrong(stream, 0n, events.slice(0, 1));
    await wrong(stream, 'no_stream', events.slice(1));
    expect(await append(stream, 0n, events.slice(1))).toMatchObject({ nextExpectedRevision: 2n });
  });

  test('4.1.6: ids compare at revisions before the last only: at the last the append is made, with ids that are there', async () => {
    const stream = freshStream();
    const id = randomUUID();
    await append(stream, 'no_stream', [numbered(0, id)]);
    expect(await append(stream, 0n, [numbered(1, id)])).toMatchObject({ nextExpectedRevision: 1n });
    expect(await held(stream)).toEqual([0, 1]);
  });

  test('4.1.6: only ids are compared, other contents under them are told to be there and are not', async () => {
    const stream = freshStream();
    const id = randomUUID();
    const made = await append(stream, 'no_stream', [numbered(1, id)]);
    expect(await append(stream, 'no_stream', [numbered(2, id)])).toEqual(made);
    expect(await held(stream)).toEqual([1]);
  });

  test('4.1.4: ids of one stream are unknown to another', async () => {
    const events = manyNumbered(2);
    const [one, other] = [freshStream(), freshStream()];
    await append(one, 'no_stream', events);
    await append(other, 'no_stream', events);
    expect(await held(other)).toEqual([0, 1]);
  });

  test('4.1.7: of copies in flight together one is made; the others find it, or have no answer before it is replicated', async () => {
    const stream = freshStream();
    const events = manyNumbered(2);
    const copies = await Promise.allSettled(Array.from({ length: 8 }, () => append(stream, 'no_stream', events)));
    const answered = copies.flatMap((copy) => (copy.status === 'fulfilled' ? [copy.value] : []));
    const unknown = copies.flatMap((copy) => (copy.status === 'rejected' ? [copy.reason] : []));
    expect(answered.length).toBeGreaterThan(0);
    expect(answered).toEqual(answered.map(() => answered[0]));
    for (const error of unknown) expect(error).toMatchObject({ type: 'deadline-exceeded' });
    expect(await append(stream, 'no_stream', events)).toEqual(answered[0]);
    expect(await held(stream)).toEqual([0, 1]);
  });
});

describe('any revision expected', () => {
  test('4.1.3: unknown ids are appended, whatever the stream is', async () => {
    const stream = freshStream();
    expect(await append(stream, 'any', manyNumbered(2))).toMatchObject({ nextExpectedRevision: 1n });
    expect(await append(stream, 'any', [numbered(2)])).toMatchObject({ nextExpectedRevision: 2n });
  });

  test('4.1.3: ids that were just appended are found', async () => {
    const stream = freshStream();
    const events = manyNumbered(2);
    const made = await append(stream, 'any', events);
    expect(await append(stream, 'any', events)).toEqual(made);
    expect(await held(stream)).toEqual([0, 1]);
  });

  test('4.1.3: known ids with an unknown one behind them are refused', async () => {
    const stream = freshStream();
    const events = manyNumbered(2);
    await append(stream, 'any', events);
    const error = await wrong(stream, 'any', [...events, numbered(2)]);
    expect(error).toMatchObject({ expectedVersion: 'any', actualVersion: 1n });
    expect(await held(stream)).toEqual([0, 1]);
  });
});

describe('a stream expected', () => {
  test('4.1.2: a stream that was never there is refused', async () => {
    const stream = freshStream();
    const error = await wrong(stream, 'stream_exists', [numbered(0)]);
    expect(error).toMatchObject({ expectedVersion: 'stream_exists', actualVersion: 'no_stream' });
  });

  test('4.1.2: one that is there is appended to', async () => {
    const stream = freshStream();
    await append(stream, 'no_stream', [numbered(0)]);
    expect(await append(stream, 'stream_exists', [numbered(1)])).toMatchObject({ nextExpectedRevision: 1n });
  });

  test('4.1.2: one that has only metadata is appended to', async () => {
    const stream = freshStream();
    await client().setStreamMetadata(stream, { maxCount: 10 }, { expectedRevision: 'no_stream' });
    expect(await append(stream, 'stream_exists', [numbered(0)])).toMatchObject({ nextExpectedRevision: 0n });
  });

  test('4.1.2: one that was deleted softly is refused as deleted', async () => {
    const stream = freshStream();
    await append(stream, 'no_stream', [numbered(0)]);
    await client().deleteStream(stream, { expectedRevision: 0n });
    expect(await failureOf(append(stream, 'stream_exists', [numbered(1)]))).toBeInstanceOf(StreamDeletedError);
  });
});

test.each(['any', 'no_stream', 'stream_exists', 0n] as const)('4.1.1: a tombstone refuses an append that expects %s', async (expected) => {
  const stream = freshStream();
  await append(stream, 'no_stream', [numbered(0)]);
  await client().tombstoneStream(stream, { expectedRevision: 0n });
  const error = await failureOf(append(stream, expected, [numbered(1)]));
  expect(error).toBeInstanceOf(StreamDeletedError);
  expect(error).toMatchObject({ streamName: stream });
});
