import { expect, test } from 'vitest';
import { append, commitOf } from '../../contract/event-store.ts';
import { useWorld } from './world.ts';

// What the adapter reads, as the connection sees it.

const world = useWorld();

/** More than a server of HTTP/2 takes resets of calls before it ends the connection. */
const READS = 1_500;
const AT_ONCE = 50;

async function many(read: (stream: string) => Promise<unknown>, stream: (n: number) => string): Promise<void> {
  let next = 0;
  const reader = async () => {
    while (next < READS) await read(stream(next++));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, reader));
}

test('R3: reads of heads and of snapshots, there or not, reset no call: the connection stands, and the feed on it', async () => {
  const store = await world.open({ silenceMs: 60_000 });
  await append(store, commitOf('cart-1', -1, 'a', 'b'));
  await store.saveSnapshot('cart-1', new Uint8Array([1]));
  await many(
    (stream) => store.headRevision(stream),
    (n) => (n % 2 === 0 ? 'cart-1' : `none-${n}`),
  );
  await many(
    (stream) => store.loadSnapshot(stream),
    (n) => (n % 2 === 0 ? 'cart-1' : `none-${n}`),
  );
  await many(
    async (stream) => {
      for await (const _page of store.readStream(stream, 0));
    },
    (n) => `none-${n}`,
  );
  expect(world.notices).toEqual([]);
  expect(store.stats().feedLosses).toBe(0);
});
