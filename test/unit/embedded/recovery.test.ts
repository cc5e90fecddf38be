import { open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { append, commitOf, data, readAll, take } from '../../contract/event-store.ts';
import { contentsOf, crashCopy, FIRST_SEGMENT, openStore, tempDir } from './harness.ts';

/** A store with one turn in its index and two behind it, as a crash leaves it. */
async function crashed(): Promise<{ readonly dir: string; readonly blocks: readonly number[] }> {
  const dir = await tempDir();
  const first = await openStore(dir);
  await append(first, commitOf('cart-1', -1, 'a'));
  const blocks = [0, await first.headPosition()];
  await first.close();
  const store = await openStore(dir);
  for (const [index, value] of ['b', 'c'].entries()) {
    await append(store, commitOf('cart-1', index, value));
    blocks.push(await store.headPosition());
  }
  return { dir: await crashCopy(dir), blocks };
}

async function patch(dir: string, change: (log: Buffer) => void): Promise<void> {
  const path = join(dir, FIRST_SEGMENT);
  const log = await readFile(path);
  change(log);
  await writeFile(path, log);
}

test('V2: a tail torn at any byte is cut, what was acknowledged before it stays, and appends go on', async () => {
  const { dir, blocks } = await crashed();
  const [, , start = 0, end = 0] = blocks;
  for (let kept = start; kept < end; kept++) {
    const copy = await crashCopy(dir);
    let whole = true;
    await patch(copy, (log) => {
      whole = log.subarray(kept, end).every((byte) => byte === 0);
      log.fill(0, kept, end);
    });
    const notices: string[] = [];
    const store = await openStore(copy, { notice: (message) => notices.push(message) });
    expect(data(await readAll(store, 'cart-1'))).toEqual(whole ? ['a', 'b', 'c'] : ['a', 'b']);
    expect(notices.length).toBe(whole || kept === start ? 0 : 1);
    const [outcome] = await append(store, commitOf('cart-1', whole ? 2 : 1, 'd'));
    expect(outcome?.kind).toBe('committed');
    await store.close();
  }
}, 120_000);

test('V2: whatever sectors of the last write are missing or wrong, the rest is sound', async () => {
  const { dir, blocks } = await crashed();
  const [, , start = 0, end = 0] = blocks;
  const damage = fc.array(fc.record({ at: fc.integer({ min: start, max: end - 1 }), byte: fc.integer({ min: 0, max: 255 }) }), {
    minLength: 1,
  });
  await fc.assert(
    fc.asyncProperty(damage, async (bytes) => {
      const copy = await crashCopy(dir);
      let same = true;
      await patch(copy, (log) => {
        const before = Buffer.from(log);
        for (const { at, byte } of bytes) log[at] = byte;
        same = log.equals(before);
      });
      const store = await openStore(copy);
      expect(data(await readAll(store, 'cart-1'))).toEqual(same ? ['a', 'b', 'c'] : ['a', 'b']);
      await store.close();
      const again = await openStore(copy);
      expect(data(await readAll(again, 'cart-1'))).toEqual(same ? ['a', 'b', 'c'] : ['a', 'b']);
      await again.close();
    }),
    { numRuns: 50 },
  );
}, 120_000);

test('V1: a damaged block with a valid one behind it is refused, named, and nothing is changed', async () => {
  const { dir, blocks } = await crashed();
  const [, start = 0, end = 0] = blocks;
  for (const at of [start, start + 5, start + 16, start + 40, end - 20]) {
    const copy = await crashCopy(dir);
    await patch(copy, (log) => {
      log[at] = (log[at] ?? 0) ^ 0xff;
    });
    await (await open(join(copy, 'lock'), 'a')).close();
    const before = await contentsOf(copy);
    await expect(openStore(copy)).rejects.toMatchObject({
      code: 'store-corrupt',
      details: { file: '0000000000000000.log', position: start },
    });
    expect(await contentsOf(copy)).toEqual(before);
    await rm(join(copy, 'index'), { recursive: true });
    await expect(openStore(copy)).rejects.toMatchObject({ code: 'store-corrupt' });
    expect([...(await contentsOf(copy)).keys()].filter((name) => name.startsWith('index'))).toEqual([]);
  }
});

test('V1: the log ends before a place that was durable: refused, nothing is changed', async () => {
  const dir = await tempDir();
  const store = await openStore(dir);
  await append(store, commitOf('cart-1', -1, 'a'));
  const end = await store.headPosition();
  await append(store, commitOf('cart-1', 0, 'b'));
  await store.close();
  await truncate(join(dir, FIRST_SEGMENT), end);
  const before = await contentsOf(dir);
  await expect(openStore(dir)).rejects.toMatchObject({ code: 'store-corrupt' });
  expect(await contentsOf(dir)).toEqual(before);
});

test('T1: damage in what is indexed is found when it is read, not before, and named', async () => {
  const dir = await tempDir();
  const store = await openStore(dir);
  const [outcome] = await append(store, commitOf('cart-1', -1, 'a'));
  await append(store, commitOf('cart-2', -1, 'b'));
  await store.close();
  const position = outcome?.kind === 'committed' ? outcome.position : -1;
  await patch(dir, (log) => {
    log[position + 20] = (log[position + 20] ?? 0) ^ 1;
  });
  const again = await openStore(dir);
  expect(data(await readAll(again, 'cart-2'))).toEqual(['b']);
  await expect(readAll(again, 'cart-1')).rejects.toMatchObject({ code: 'store-corrupt', details: { position } });
  await expect(take(again.subscribe({ from: 0 }), () => false)).rejects.toMatchObject({ code: 'store-corrupt' });
});

test('V3: what is not indexed yet is found again, over several starts', async () => {
  const dir = await tempDir();
  let at = dir;
  for (let start = 0; start < 4; start++) {
    const store = await openStore(at);
    for (let turn = 0; turn < 150; turn++) await append(store, commitOf('cart-1', start * 150 + turn - 1, `${start * 150 + turn}`));
    at = await crashCopy(at);
  }
  const store = await openStore(at);
  expect(data(await readAll(store, 'cart-1'))).toEqual(Array.from({ length: 600 }, (_, turn) => `${turn}`));
  expect(data(await readAll(store, 'cart-1', 500))).toContain('599');
});
