import { EventStoreDBClient, jsonEvent, NO_STREAM, START, streamNameFilter } from '@eventstore/db-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type EventStoreServer, startEventStore } from '../../eventstoredb/server.ts';

let server: EventStoreServer;
let client: EventStoreDBClient;

beforeEach(async () => {
  server = await startEventStore();
  client = EventStoreDBClient.connectionString(server.url);
});

afterEach(async () => {
  await client.dispose();
  await server.stop();
});

const event = (n: number) => jsonEvent({ type: 'tested', data: { n } });

test('the real client appends and reads what it appended', async () => {
  const appended = await client.appendToStream('cart-1', [event(1), event(2)], { expectedRevision: NO_STREAM });
  expect(appended).toMatchObject({ success: true, nextExpectedRevision: 1n });
  const read = [];
  for await (const { event } of client.readStream('cart-1')) read.push([event?.revision, event?.data, event?.position]);
  expect(read.map(([revision, data]) => [revision, data])).toEqual([
    [0n, { n: 1 }],
    [1n, { n: 2 }],
  ]);
  expect(read[1]?.[2]).toEqual(appended.position);
});

test('the real client subscribes to $all with a filter and is pushed what is appended', async () => {
  await client.appendToStream('cart-1', [event(1)]);
  const subscription = client.subscribeToAll({ fromPosition: START, filter: streamNameFilter({ prefixes: ['cart-'] }) });
  const seen: unknown[] = [];
  subscription.once('caughtUp', () => client.appendToStream('cart-2', [event(2)]));
  for await (const { event } of subscription) {
    seen.push(event?.data);
    if (seen.length === 2) break;
  }
  await subscription.unsubscribe();
  expect(seen).toEqual([{ n: 1 }, { n: 2 }]);
});
