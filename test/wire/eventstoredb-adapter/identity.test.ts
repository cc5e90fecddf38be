import { expect, test } from 'vitest';
import { openEventStoreDB } from '../../../runtime/adapters/eventstoredb/open.ts';
import { realClock } from '../../../runtime/adapters/real-clock.ts';
import { startEventStore } from '../../eventstoredb/server.ts';
import { useWorld, within } from './world.ts';

// What a store is known by, for ever, and what a configuration is told that does not fit it.

const { server, open } = useWorld();

test('a store that is opened again has the id it was made with', async () => {
  const first = await open();
  expect(first.storeId).toMatch(/^[0-9a-f-]{36}$/);
  await first.close();
  const second = await open();
  expect([second.storeId, second.partitions]).toEqual([first.storeId, 16]);
  await second.close();
  await server().restart();
  expect((await open()).storeId).toBe(first.storeId);
});

test('two stores have two ids', async () => {
  const other = await startEventStore();
  try {
    const elsewhere = await open({ url: other.url });
    expect(elsewhere.storeId).not.toBe((await open()).storeId);
    await elsewhere.close();
  } finally {
    await other.stop();
  }
});

test('another number of partitions is refused, and the message says what to set', async () => {
  const { storeId } = await open();
  await expect(open({ partitions: 8 })).rejects.toMatchObject({
    code: 'store-mismatch',
    message: expect.stringMatching(/16 partitions.*8.*PERDURE_PARTITIONS=16/),
  });
  expect((await open()).storeId).toBe(storeId);
});

test('nodes that open a new store at once agree on one identity', async () => {
  const stores = await Promise.all(Array.from({ length: 6 }, () => open()));
  expect(new Set(stores.map(({ storeId }) => storeId)).size).toBe(1);
  expect(server().log.stream('perdure.store').events.length).toBe(1);
});

test('nodes that open a new store at once with other partitions: one number stands, the other is refused', async () => {
  const opened = await Promise.allSettled([8, 16, 8, 16].map((partitions) => open({ partitions })));
  const stores = opened.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  expect(new Set(stores.map(({ partitions }) => partitions)).size).toBe(1);
  expect(new Set(stores.map(({ storeId }) => storeId)).size).toBe(1);
  expect(stores).toHaveLength(2);
});

test('an identity whose answer was lost is found; one that was not made fails the start, and the next start makes it', async () => {
  server().faults.dropBeforeCommit();
  await expect(open()).rejects.toMatchObject({ code: 'store-failed', message: expect.stringContaining('perdure.store') });
  server().faults.dropAfterCommit();
  const { storeId } = await open();
  expect((await open()).storeId).toBe(storeId);
});

test('what stands where the identity should and is none is said to be damaged', async () => {
  const event = { id: '11111111-2222-3333-4444-555555555555', type: 'other', contentType: 'application/json' };
  server().log.append('perdure.store', 'no-stream', [{ ...event, data: Buffer.from('{"a":1}'), metadata: new Uint8Array() }]);
  await expect(open()).rejects.toMatchObject({ code: 'store-corrupt', message: expect.stringContaining('perdure.store') });
});

test.each([
  ['no connection string', 'http://127.0.0.1:2113', 'invalid-config'],
  ['nobody listens', 'esdb://127.0.0.1:1?tls=false', 'store-failed'],
  ['nobody is discovered', 'esdb+discover://127.0.0.1:1?tls=false&maxDiscoverAttempts=2&discoveryInterval=10', 'store-failed'],
  ['none of several is there', 'esdb://127.0.0.1:1,127.0.0.1:2?tls=false&maxDiscoverAttempts=2&discoveryInterval=10', 'store-failed'],
] as const)('a store that cannot be reached is refused within its time: %s', async (_name, url, code) => {
  await expect(open({ url })).rejects.toMatchObject({ code });
});

test('the newer name of the store is understood', async () => {
  const { storeId } = await open();
  const url = server().url.replace('esdb:', 'kurrentdb:');
  const store = await within(
    openEventStoreDB({ url, partitions: 16, format: 'json', clock: realClock, notice: () => undefined }),
    'opening by the newer name',
  );
  expect(store.storeId).toBe(storeId);
  await store.close();
});
