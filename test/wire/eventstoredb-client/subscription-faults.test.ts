import { once } from 'node:events';
import { Readable } from 'node:stream';
import { type AllStreamSubscription, type EventStoreDBClient, type Position, streamNameFilter } from '@eventstore/db-client';
import type { StatusObject } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { freshPrefix, freshStream, manyNumbered, take } from '../eventstoredb/events.ts';
import { standingOf, useFixture } from './fixture.ts';
import { unhandledDuring } from './unhandled.ts';

// Section 3: what subscriptions and reads of the client 6.2.1 do when a server or a line fails, and what they tell too early.

const { server, connect } = useFixture();
const WHILE_MS = 300;

async function append(client: EventStoreDBClient, stream: string, count: number): Promise<void> {
  await client.appendToStream(stream, manyNumbered(count), { expectedRevision: 'any' });
}

/** Names of the events that tell an end, in the order they come. */
function endsOf(subscription: AllStreamSubscription): string[] {
  const told: string[] = [];
  subscription.on('error', () => told.push('error'));
  subscription.on('end', () => told.push('end'));
  subscription.on('close', () => told.push('close'));
  return told;
}

describe('the end of a subscription', () => {
  test('B9: with nobody listening for errors a lost connection ends the process', async () => {
    const subscription = connect().subscribeToAll();
    subscription.resume();
    await once(subscription, 'caughtUp');
    const unhandled = await unhandledDuring(async () => server().faults.killConnections(), WHILE_MS);
    expect(unhandled).toMatchObject([{ kind: 'uncaughtException', error: { type: 'unavailable' } }]);
  });

  test('B9: after an error neither end nor close comes', async () => {
    const subscription = connect().subscribeToAll();
    const told = endsOf(subscription);
    subscription.resume();
    await once(subscription, 'caughtUp');
    const lost = new Promise((resolve) => subscription.on('error', resolve));
    server().faults.killConnections();
    await lost;
    expect(await standingOf(once(subscription, 'close'), WHILE_MS)).toBe('pending');
    expect(told).toEqual(['error']);
  });

  test('B9: an end by the server is end and close, and no error', async () => {
    const subscription = connect().subscribeToAll();
    const told = endsOf(subscription);
    subscription.resume();
    await once(subscription, 'caughtUp');
    server().faults.endSubscriptions();
    await once(subscription, 'close');
    expect(told).toEqual(['end', 'close']);
  });

  test('B18: a silent server is not told of at all', async () => {
    const client = connect();
    const prefix = freshPrefix();
    const subscription = client.subscribeToAll({ filter: streamNameFilter({ prefixes: [prefix] }) });
    const told = endsOf(subscription);
    await once(subscription, 'caughtUp');
    server().faults.holdSubscriptions(true);
    await append(client, freshStream(prefix), 1);
    const next = take(subscription, 1);
    expect(await standingOf(next, WHILE_MS)).toBe('pending');
    expect(told).toEqual([]);
    server().faults.holdSubscriptions(false);
    expect(await next).toHaveLength(1);
  });
});

describe('checkpoints', () => {
  test('B10: a callback that throws raises an unhandled rejection, and nothing is delivered any more', async () => {
    const client = connect();
    const prefix = freshPrefix();
    await append(client, freshStream(prefix), 50);
    let delivered = 0;
    const unhandled = await unhandledDuring(async () => {
      const filter = streamNameFilter({
        prefixes: [prefix],
        maxSearchWindow: 10,
        checkpointReached: () => {
          throw new Error('no');
        },
      });
      const subscription = client.subscribeToAll({ filter });
      subscription.on('data', () => {
        delivered += 1;
      });
    }, WHILE_MS);
    expect(unhandled.map(({ kind, error }) => `${kind}: ${error}`)).toEqual(['unhandledRejection: Error: no']);
    expect(delivered).toBeLessThan(50);
  });

  test('B11: are told while events before them are unread, so resuming there loses those', async () => {
    const client = connect();
    const prefix = freshPrefix();
    await append(client, freshStream(prefix), 100);
    const { unread, position, delivered } = await firstCheckpoint(client, prefix);
    expect(delivered).toBe(0);
    expect(unread).toBeGreaterThan(0);
    const rest = await take(
      client.subscribeToAll({ fromPosition: position, filter: streamNameFilter({ prefixes: [prefix] }) }),
      100 - unread,
    );
    expect(rest[0]?.event?.revision).toBe(BigInt(unread));
  });

  test('B11: caught-up is told while events before it are unread', async () => {
    const client = connect();
    const prefix = freshPrefix();
    await append(client, freshStream(prefix), 10);
    const subscription = client.subscribeToAll({ filter: streamNameFilter({ prefixes: [prefix] }) });
    await once(subscription, 'caughtUp');
    expect(subscription.readableLength).toBe(10);
    expect(await take(subscription, 10)).toHaveLength(10);
  });

  test('6.5: events handed out and unread together are those before a checkpoint', async () => {
    const client = connect();
    const prefix = freshPrefix();
    await append(client, freshStream(prefix), 200);
    let received = 0;
    const notes: { readonly after: number; readonly commit: bigint }[] = [];
    const filter = streamNameFilter({
      prefixes: [prefix],
      maxSearchWindow: 10,
      checkpointReached: (subscription, { commit }) => {
        notes.push({ after: received + subscription.readableLength, commit });
      },
    });
    const commits: bigint[] = [];
    const subscription = client.subscribeToAll({ filter });
    for await (const { event } of subscription) {
      received += 1;
      commits.push(event?.position.commit ?? -1n);
      if (received === 200) break;
    }
    await subscription.unsubscribe();
    expect(notes.length).toBeGreaterThan(5);
    for (const { after, commit } of notes) expect(commits.filter((each) => each <= commit)).toHaveLength(after);
  });

  /** What a subscription that nobody reads tells first. */
  async function firstCheckpoint(client: EventStoreDBClient, prefix: string) {
    let delivered = 0;
    const reached = new Promise<{ readonly unread: number; readonly position: Position }>((resolve) => {
      const filter = streamNameFilter({
        prefixes: [prefix],
        maxSearchWindow: 10,
        checkpointReached: (subscription, position) => resolve({ unread: subscription.readableLength, position }),
      });
      client.subscribeToAll({ filter }).on('end', () => {
        delivered += 1;
      });
    });
    return { ...(await reached), delivered };
  }
});

describe('reads', () => {
  test('B16: leaving a loop over a subscription leaves its call open until it is unsubscribed', async () => {
    const client = connect();
    const prefix = freshPrefix();
    await append(client, freshStream(prefix), 3);
    const subscription = client.subscribeToAll({ filter: streamNameFilter({ prefixes: [prefix] }) });
    for await (const _ of subscription) break;
    const open = [...client['disposableStreams']].find((call) => call instanceof Readable && !('write' in call));
    if (open === undefined) throw new Error('the call of the subscription is gone');
    const over = new Promise((resolve) => open.on('status', ({ code }: StatusObject) => resolve(code)));
    expect(await standingOf(over, WHILE_MS)).toBe('pending');
    await subscription.unsubscribe();
    expect(await over).toBe(1);
  });

  test('B12: the revision that getStreamMetadata tells of is a position', async () => {
    const client = connect();
    const stream = freshStream();
    const { position } = await client.setStreamMetadata(stream, { maxCount: 3 }, { expectedRevision: 'no_stream' });
    const { metastreamRevision } = await client.getStreamMetadata(stream);
    expect(metastreamRevision).toBe(position?.commit);
    expect(metastreamRevision).not.toBe(0n);
  });
});
