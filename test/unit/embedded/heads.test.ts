import { expect, test } from 'vitest';
import { Heads } from '../../../runtime/adapters/embedded/heads.ts';
import { IndexFlusher, MAX_DIRTY } from '../../../runtime/adapters/embedded/index-flusher.ts';

function advance(heads: Heads, stream: string): void {
  const head = heads.get(stream);
  head.nextRevision++;
  heads.advance(head, head.nextRevision, 100, 50);
}

test('H2: a head that is not in the index is never loaded from it again; H3: one that is, leaves', () => {
  const loaded: string[] = [];
  const heads = new Heads((stream) => {
    loaded.push(stream);
    return undefined;
  }, 100);
  const streams = Array.from({ length: 20_000 }, (_, index) => `cart-${index}`);
  for (const stream of streams) advance(heads, stream);
  for (const stream of streams) expect(heads.get(stream).revision).toBe(0);
  expect(loaded.length).toBe(20_000);
  heads.flushed(heads.takeDirty(), false);
  for (let index = 0; index < 40_000; index++) heads.get(`other-${index}`);
  loaded.length = 0;
  for (const stream of streams) heads.get(stream);
  expect(loaded.length).toBe(20_000);
}, 5_000);

test('K2: what an index does not take is kept, writing is held back and refused, and it heals', async () => {
  const heads = new Heads(() => undefined, 100);
  let broken = true;
  const taken = new Set<string>();
  const index = {
    write: async (flushed: readonly { readonly stream: string }[]) => {
      if (broken) throw new Error('the disk is full');
      for (const { stream } of flushed) taken.add(stream);
    },
  };
  const notices: string[] = [];
  const flusher = new IndexFlusher({
    index,
    heads,
    through: () => ({ end: 0, lastBlock: -1 }),
    intervalMs: 3_600_000,
    notice: (message) => notices.push(message),
  });
  for (let stream = 0; stream < MAX_DIRTY - 1; stream++) advance(heads, `cart-${stream}`);
  expect(flusher.admitted()).toBeUndefined();
  advance(heads, 'cart-last');
  await expect(flusher.admitted()).rejects.toMatchObject({ code: 'ENOSPC' });
  expect(heads.dirtyCount).toBe(MAX_DIRTY);
  broken = false;
  await flusher.admitted();
  expect(heads.dirtyCount).toBe(0);
  expect(taken.size).toBe(MAX_DIRTY);
  expect(flusher.admitted()).toBeUndefined();
  expect(notices).toEqual([]);
  await flusher.close();
});
