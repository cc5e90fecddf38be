import { once } from 'node:events';
import { eventTypeFilter, jsonEvent, type Position, START, StreamDeletedError, streamNameFilter } from '@eventstore/db-client';
import { describe, expect, test } from 'vitest';
import { useClient } from './client.ts';
import {
  collect,
  failureOf,
  freshPrefix,
  freshStream,
  manyNumbered,
  numbersOf,
  placeOfNow,
  positionOf,
  revisionsOf,
  take,
} from './events.ts';

// Section 4.5 as the client shows it: what is delivered, and from where on.

const client = useClient();

async function append(stream: string, count: number): Promise<Position> {
  return positionOf(await client().appendToStream(stream, manyNumbered(count), { expectedRevision: 'any' }));
}

const only = (prefix: string) => streamNameFilter({ prefixes: [prefix] });
const END_OF_TEST = 'wireend';

describe('of the log', () => {
  test('4.5: from the start, what there was, and then what comes', async () => {
    const prefix = freshPrefix();
    await append(freshStream(prefix), 40);
    const subscription = client().subscribeToAll({ fromPosition: START, filter: only(prefix) });
    const caughtUp = once(subscription, 'caughtUp');
    const reading = take(subscription, 43);
    await caughtUp;
    await append(freshStream(prefix), 3);
    expect(numbersOf(await reading)).toEqual([...Array.from({ length: 40 }, (_, n) => n), 0, 1, 2]);
  });

  test('4.5: from a position, that one excluded', async () => {
    const prefix = freshPrefix();
    await append(freshStream(prefix), 2);
    const position = await append(freshStream(prefix), 1);
    const next = freshStream(prefix);
    await append(next, 2);
    const events = await take(client().subscribeToAll({ fromPosition: position, filter: only(prefix) }), 2);
    expect(events.map(({ event }) => [event?.streamId, event?.revision])).toEqual([
      [next, 0n],
      [next, 1n],
    ]);
  });

  test('4.5: from a position within an append, the rest of it', async () => {
    const stream = freshStream();
    await append(stream, 3);
    const [first] = await take(client().subscribeToAll({ filter: only(stream) }), 1);
    const fromPosition = first?.event?.position as Position;
    expect(revisionsOf(await take(client().subscribeToAll({ fromPosition, filter: only(stream) }), 2))).toEqual([1n, 2n]);
  });

  test('4.5: without a filter, everything of everybody in order', async () => {
    const fromPosition = await placeOfNow(client());
    const stream = freshStream();
    await append(stream, 40);
    await client().setStreamMetadata(stream, { maxCount: 100 }, { expectedRevision: 'no_stream' });
    const events = await take(client().subscribeToAll({ fromPosition }), 41);
    const commits = events.map(({ event }) => event?.position.commit ?? -1n);
    expect(commits).toEqual([...new Set(commits)].sort((one, other) => (one < other ? -1 : 1)));
    expect(commits[0]).toBeGreaterThan(fromPosition.commit);
    expect(events.filter(({ event }) => event?.streamId === stream).length).toBeGreaterThan(30);
  });

  test('4.5: several are independent; one that is not read holds back nobody and loses nothing', async () => {
    const prefix = freshPrefix();
    const fromPosition = await placeOfNow(client());
    const idle = client().subscribeToAll({ fromPosition, filter: only(prefix) }, { highWaterMark: 1 });
    await once(idle, 'confirmation');
    const busy = take(client().subscribeToAll({ fromPosition, filter: only(prefix) }), 400);
    // More than fits between a server and a client that does not read.
    const padding = 'x'.repeat(2_000);
    const events = () => Array.from({ length: 20 }, (_, n) => jsonEvent({ type: 'Padded', data: { n, padding } }));
    for (let n = 0; n < 20; n += 1) await client().appendToStream(freshStream(prefix), events(), { expectedRevision: 'no_stream' });
    const expected = Array.from({ length: 400 }, (_, n) => n % 20);
    expect(numbersOf(await busy)).toEqual(expected);
    expect(numbersOf(await take(idle, 400))).toEqual(expected);
  });

  test('4.5: that begins beyond the head is accepted, and told nothing of what comes before its place', async () => {
    const prefix = freshPrefix();
    const { commit } = await placeOfNow(client());
    const beyond = { commit: commit + 1_000_000_000n, prepare: commit + 1_000_000_000n };
    const subscription = client().subscribeToAll({ fromPosition: beyond, filter: only(prefix) });
    const told: unknown[] = [];
    subscription.on('data', (event) => told.push(event));
    await once(subscription, 'caughtUp');
    const other = take(client().subscribeToAll({ fromPosition: { commit, prepare: commit }, filter: only(prefix) }), 100);
    await append(freshStream(prefix), 100);
    await other;
    // What was not delivered shows only by what comes later: one more round trip on the same connection.
    await take(client().subscribeToAll({ fromPosition: { commit, prepare: commit }, filter: only(prefix) }), 100);
    expect(told).toEqual([]);
    await subscription.unsubscribe();
  });

  test('4.5: that begins between two events is refused', async () => {
    const { commit } = await placeOfNow(client());
    await placeOfNow(client());
    const subscription = client().subscribeToAll({ fromPosition: { commit: commit + 1n, prepare: commit + 1n } });
    expect(await failureOf(take(subscription, 1))).toMatchObject({ code: 3 });
  });

  test('4.5: ends for the subscriber who unsubscribes, without an error', async () => {
    const subscription = client().subscribeToAll({ filter: only(freshPrefix()) });
    const errors: unknown[] = [];
    subscription.on('error', (error) => errors.push(error));
    await once(subscription, 'caughtUp');
    await subscription.unsubscribe();
    const prefix = freshPrefix();
    await append(freshStream(prefix), 1);
    expect(await take(client().subscribeToAll({ filter: only(prefix) }), 1)).toHaveLength(1);
    expect(errors).toEqual([]);
  });
});

describe('filters', () => {
  /** Three streams, then an event that every filter of these tests lets pass. */
  async function threeStreams(): Promise<{ readonly prefix: string; readonly from: Position }> {
    const prefix = freshPrefix();
    const from = await placeOfNow(client());
    const events = (kind: string) => [jsonEvent({ type: `${kind}Opened`, data: {} }), jsonEvent({ type: `${kind}Closed`, data: {} })];
    for (const kind of ['cart', 'order', 'stock']) {
      await client().appendToStream(`${prefix}${kind}-1`, events(`${prefix}${kind}`), { expectedRevision: 'no_stream' });
    }
    const end = jsonEvent({ type: `${prefix}${END_OF_TEST}`, data: {} });
    await client().appendToStream(`${prefix}${END_OF_TEST}`, end, { expectedRevision: 'no_stream' });
    return { prefix, from };
  }

  const streams = (prefix: string, events: readonly { readonly event?: { readonly streamId: string } }[]) =>
    events.map(({ event }) => event?.streamId.slice(prefix.length));
  const types = (prefix: string, events: readonly { readonly event?: { readonly type: string } }[]) =>
    events.map(({ event }) => event?.type.slice(prefix.length));

  test('4.5: by prefixes of the name of the stream, any of them', async () => {
    const { prefix, from } = await threeStreams();
    const filter = streamNameFilter({ prefixes: [`${prefix}cart-`, `${prefix}stock-`, `${prefix}${END_OF_TEST}`] });
    const events = await take(client().subscribeToAll({ fromPosition: from, filter }), 5);
    expect(streams(prefix, events)).toEqual(['cart-1', 'cart-1', 'stock-1', 'stock-1', END_OF_TEST]);
  });

  test('4.5: by a regular expression on the name of the stream', async () => {
    const { prefix, from } = await threeStreams();
    const filter = streamNameFilter({ regex: `^${prefix}(order-[0-9]+|${END_OF_TEST})$` });
    const events = await take(client().subscribeToAll({ fromPosition: from, filter }), 3);
    expect(streams(prefix, events)).toEqual(['order-1', 'order-1', END_OF_TEST]);
  });

  test('4.5: by prefixes of the type', async () => {
    const { prefix, from } = await threeStreams();
    const filter = eventTypeFilter({ prefixes: [`${prefix}cartO`, `${prefix}stockC`, `${prefix}${END_OF_TEST}`] });
    const events = await take(client().subscribeToAll({ fromPosition: from, filter }), 3);
    expect(types(prefix, events)).toEqual(['cartOpened', 'stockClosed', END_OF_TEST]);
  });

  test('4.5: by a regular expression on the type', async () => {
    const { prefix, from } = await threeStreams();
    const filter = eventTypeFilter({ regex: `^${prefix}(.*Closed|${END_OF_TEST})$` });
    const events = await take(client().subscribeToAll({ fromPosition: from, filter }), 4);
    expect(types(prefix, events)).toEqual(['cartClosed', 'orderClosed', 'stockClosed', END_OF_TEST]);
  });

  test('4.5: are applied to what comes live, too', async () => {
    const prefix = freshPrefix();
    const subscription = client().subscribeToAll({ fromPosition: await placeOfNow(client()), filter: only(prefix) });
    await once(subscription, 'caughtUp');
    const reading = take(subscription, 2);
    await append(freshStream(), 3);
    await append(freshStream(prefix), 1);
    await append(freshStream(), 3);
    await append(freshStream(prefix), 1);
    for (const { event } of await reading) expect(event?.streamId.startsWith(prefix)).toBe(true);
  });
});

describe('of a stream', () => {
  test('4.5: from the start, and on with what comes', async () => {
    const stream = freshStream();
    await append(stream, 40);
    const subscription = client().subscribeToStream(stream);
    const caughtUp = once(subscription, 'caughtUp');
    const reading = take(subscription, 42);
    await caughtUp;
    await append(stream, 2);
    expect(revisionsOf(await reading)).toEqual(Array.from({ length: 42 }, (_, n) => BigInt(n)));
  });

  test('4.5: from a revision, that one excluded', async () => {
    const stream = freshStream();
    await append(stream, 5);
    expect(revisionsOf(await take(client().subscribeToStream(stream, { fromRevision: 2n }), 2))).toEqual([3n, 4n]);
  });

  test('4.5: that is not there yet waits for it', async () => {
    const stream = freshStream();
    const subscription = client().subscribeToStream(stream);
    await once(subscription, 'confirmation');
    const reading = take(subscription, 1);
    await append(stream, 1);
    expect(revisionsOf(await reading)).toEqual([0n]);
  });

  test('4.4: shows its visible window only', async () => {
    const stream = freshStream();
    await append(stream, 5);
    await client().setStreamMetadata(stream, { truncateBefore: 3 }, { expectedRevision: 'no_stream' });
    expect(revisionsOf(await take(client().subscribeToStream(stream), 2))).toEqual([3n, 4n]);
  });

  test('4.5: ends with a tombstone: its event, then an error', async () => {
    const stream = freshStream();
    await append(stream, 1);
    const subscription = client().subscribeToStream(stream, { fromRevision: 0n });
    const ended = failureOf(take(subscription, 2));
    const shown = new Promise<string>((resolve) => subscription.on('data', ({ event }) => resolve(event?.type ?? '')));
    await once(subscription, 'caughtUp');
    await client().tombstoneStream(stream, { expectedRevision: 0n });
    expect(await shown).toBe('$streamDeleted');
    expect(await ended).toBeInstanceOf(StreamDeletedError);
  });
});

test('4.5: what is delivered live can be read at once', async () => {
  const prefix = freshPrefix();
  const subscription = client().subscribeToAll({ fromPosition: await placeOfNow(client()), filter: only(prefix) });
  await once(subscription, 'caughtUp');
  const stream = freshStream(prefix);
  const appending = append(stream, 1);
  const [delivered] = await take(subscription, 1);
  const [read] = await collect(client().readStream(stream));
  expect(read?.event).toEqual(delivered?.event);
  expect(await appending).toEqual(delivered?.event?.position);
});
