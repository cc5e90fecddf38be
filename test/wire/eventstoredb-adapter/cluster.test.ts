import { afterAll, beforeAll, expect, test } from 'vitest';
import { openEventStoreDB } from '../../../runtime/adapters/eventstoredb/open.ts';
import { realClock } from '../../../runtime/adapters/real-clock.ts';
import type { EventStore } from '../../../runtime/ports/event-store.ts';
import { append, commitOf, data, readAll } from '../../contract/event-store.ts';
import { type EventStoreServer, startEventStore } from '../../eventstoredb/server.ts';

// Connection strings of clusters: the client asks for the members and finds the one to talk to.

let server: EventStoreServer;
beforeAll(async () => {
  server = await startEventStore();
});
afterAll(() => server.stop());

function open(url: string): Promise<EventStore> {
  return openEventStoreDB({ url, partitions: 16, format: 'msgpack', clock: realClock, notice: () => undefined });
}

test.each([
  ['a name that is discovered', (port: number) => `esdb+discover://127.0.0.1:${port}?tls=false`],
  ['a list of members, of which one is away', (port: number) => `esdb://127.0.0.1:${port},127.0.0.1:1?tls=false`],
  ['the newer name of the store', (port: number) => `kurrentdb://127.0.0.1:${port}?tls=false`],
])('a node finds its store by %s', async (_, url) => {
  const store = await open(url(server.port));
  const stream = `cart-${Math.random().toString(36).slice(2)}`;
  expect((await append(store, commitOf(stream, -1, 'a', 'b'))).map(({ kind }) => kind)).toEqual(['committed']);
  expect(data(await readAll(store, stream))).toEqual(['a', 'b']);
  await store.close();
});

test('a connection string that is not understood is refused with what is wrong; a store that is away is an error, and leaves nothing open', async () => {
  await expect(open('esdb://127.0.0.1:1?tls=maybe')).rejects.toMatchObject({ code: 'invalid-config' });
  await expect(open('esdb://127.0.0.1:1?tls=false')).rejects.toMatchObject({ code: 'store-failed' });
  await expect(open('esdb://127.0.0.1:1,127.0.0.1:2?tls=false&maxDiscoverAttempts=2')).rejects.toMatchObject({ code: 'store-failed' });
});
