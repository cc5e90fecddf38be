import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { append, commitOf, data, placed, readAll, take } from '../../contract/event-store.ts';
import { crashCopy, faultyFiles, openStore, tempDir } from './harness.ts';

const numbers = (length: number): string[] => Array.from({ length }, (_, turn) => `${turn}`);

test('F1: blocks roll over to the next segment; streams, subscriptions and recovery cross it', async () => {
  const dir = await tempDir();
  const store = await openStore(dir, { segmentBytes: 16 * 1024 });
  for (let turn = 0; turn < 400; turn++)
    await append(store, commitOf('cart-1', turn - 1, { data: `${turn}`, meta: { run: 'x'.repeat(turn % 200) } }));
  expect((await readdir(join(dir, 'log'))).length).toBeGreaterThan(4);
  const copy = await crashCopy(dir);
  for (const each of [store, await openStore(copy)]) {
    expect(data(await readAll(each, 'cart-1'))).toEqual(numbers(400));
    const all = await readAll(each, 'cart-1');
    const { turns } = await take(each.subscribe({ from: all[177]?.position ?? 0 }), (got) => got.length >= 223);
    expect(data(turns)).toEqual(numbers(400).slice(177));
  }
});

test('F1: a large turn at the end of a segment begins the next one', async () => {
  const dir = await tempDir();
  const store = await openStore(dir, { segmentBytes: 64 * 1024 });
  const texts = [1, 2, 3, 4, 5].map((digit) => `${digit}`.repeat(40 * 1024));
  for (const [index, text] of texts.entries())
    expect((await append(store, commitOf('cart-1', index - 1, text)))[0]?.kind).toBe('committed');
  const again = await openStore(await crashCopy(dir));
  expect(data(await readAll(again, 'cart-1'))).toEqual(texts);
});

test('more in one call than a block holds becomes several blocks', async () => {
  const store = await openStore(await tempDir(), { segmentBytes: 64 * 1024 });
  const commits = numbers(100).map((each, index) => commitOf('cart-1', index - 1, each + 'x'.repeat(5_000)));
  const outcomes = await append(store, ...commits);
  expect(outcomes.every((outcome) => outcome.kind === 'committed')).toBe(true);
  expect((await readAll(store, 'cart-1')).length).toBe(100);
  expect(store.stats().blocks).toBeGreaterThan(8);
});

test('U1: a subscriber that falls behind the tail reads from disk and joins again, without gap or duplicate', async () => {
  const store = await openStore(await tempDir());
  const slow = store.subscribe({ from: 0, prefixes: ['cart-'] })[Symbol.asyncIterator]();
  const seen: unknown[] = [];
  const read = async (): Promise<void> => {
    const { value, done } = await slow.next();
    if (done === true) throw new Error('ended');
    seen.push(...data(placed(value.turns)));
  };
  await read();
  let revision = -1;
  for (const count of [10, 1_500, 5, 1_100, 3]) {
    for (let turn = 0; turn < count; turn++, revision++) await append(store, commitOf('cart-1', revision, `${revision + 1}`));
    await read();
  }
  while (seen.length <= revision) await read();
  expect(seen).toEqual(numbers(revision + 1));
  await slow.return?.();
});

test('U1: batches from disk are bounded and continue within a block', async () => {
  const dir = await tempDir();
  const first = await openStore(dir);
  await append(first, ...numbers(5_000).map((each) => commitOf(`cart-${each}`, -1, each)));
  await first.close();
  const store = await openStore(dir);
  const sizes: number[] = [];
  const { turns } = await take(store.subscribe({ from: 0 }), (got, batch) => {
    sizes.push(batch.turns.length);
    return got.length >= 5_000;
  });
  expect(Math.max(...sizes)).toBeLessThanOrEqual(2_048);
  expect(data(turns)).toEqual(numbers(5_000));
});

test('H2, H3: with a small cache and constant flushing every head stays right', async () => {
  const dir = await tempDir();
  const store = await openStore(dir, { cachedStreams: 8, flushIntervalMs: 1 });
  for (let turn = 0; turn < 10; turn++) {
    for (let part = 0; part < 5; part++) {
      const commits = numbers(100).map((each) => commitOf(`cart-${part}-${each}`, turn - 1, `${turn}`));
      expect((await append(store, ...commits)).every((outcome) => outcome.kind === 'committed')).toBe(true);
    }
  }
  for (const each of [0, 17, 99]) expect(data(await readAll(store, `cart-3-${each}`))).toEqual(numbers(10));
});

test('Q2: an index that is lost, damaged or of another store is built again from the log', async () => {
  const dir = await tempDir();
  const store = await openStore(dir);
  for (let turn = 0; turn < 300; turn++)
    await append(store, commitOf('cart-1', turn - 1, `${turn}`), commitOf('cart-2', turn - 1, `${turn}`));
  await store.forget('cart-2', 200);
  await store.close();
  const other = await tempDir();
  await (await openStore(other)).close();
  for (const damage of [
    (index: string) => rm(index, { recursive: true }),
    (index: string) => writeFile(join(index, 'data.mdb'), 'x'.repeat(100_000)),
    (index: string) => writeFile(join(index, 'data.mdb'), new Uint8Array(100_000)),
    (index: string) => truncate(join(index, 'data.mdb'), 12_288),
    (index: string) => writeFile(join(index, 'data.mdb'), ''),
    async (index: string) => writeFile(join(index, 'data.mdb'), await readFile(join(other, 'index', 'data.mdb'))),
  ]) {
    const copy = await crashCopy(dir);
    await damage(join(copy, 'index'));
    const notices: string[] = [];
    const again = await openStore(copy, { notice: (message) => notices.push(message) });
    expect(notices.join()).toContain('built again');
    expect(data(await readAll(again, 'cart-1'))).toEqual(numbers(300));
    expect(data(await readAll(again, 'cart-2'))).toEqual(numbers(300).slice(200));
    expect((await append(again, commitOf('cart-2', 299, 'next')))[0]?.kind).toBe('committed');
  }
});

async function logText(dir: string): Promise<string> {
  return (await readFile(join(dir, 'log', '0000000000000000.log'))).toString('latin1');
}

test('O1, O2: a crash at any step of forgetting is mended at the next start; the bytes are gone', async () => {
  for (const failAt of ['none', 'redo', 'rewrite'] as const) {
    const dir = await tempDir();
    let broken = false;
    const files = faultyFiles(() => (broken && failAt === 'rewrite' ? { code: 'EIO', written: 30 } : undefined));
    const replace = files.replace;
    const store = await openStore(dir, {
      files: {
        ...files,
        replace: (path, bytes) => (broken && failAt === 'redo' ? Promise.reject(new Error('crash')) : replace(path, bytes)),
      },
    });
    for (let turn = 0; turn < 200; turn++)
      await append(store, commitOf('cart-1', turn - 1, `SECRET-${turn}-`), commitOf('cart-2', turn - 1, `${turn}`));
    broken = true;
    const forgotten = store.forget('cart-1', 150);
    if (failAt === 'none') await forgotten;
    else await expect(forgotten).rejects.toThrow();
    const copy = await crashCopy(dir);
    const again = await openStore(copy);
    expect(data(await readAll(again, 'cart-1'))).toEqual(
      numbers(200)
        .slice(150)
        .map((turn) => `SECRET-${turn}-`),
    );
    expect(data(await readAll(again, 'cart-2'))).toEqual(numbers(200));
    const { turns } = await take(again.subscribe({ from: 0 }), (got) => got.length >= 250);
    expect(turns.filter((record) => record.stream === 'cart-1').length).toBe(50);
    const text = await logText(copy);
    expect(text).not.toContain('SECRET-149-');
    expect(text).toContain('SECRET-150-');
    expect(await readdir(copy)).not.toContain('redo');
  }
});

test('K1: what was flushed is not read from the log again', async () => {
  const dir = await tempDir();
  const store = await openStore(dir);
  for (let turn = 0; turn < 500; turn++) await append(store, commitOf('cart-1', turn - 1, `${turn}`));
  await store.close();
  let bytes = 0;
  const files = faultyFiles(() => undefined);
  const counting = { ...files, open: async (path: string, create: boolean) => count(await files.open(path, create)) };
  const count = <T extends { read(into: Uint8Array, offset: number): Promise<number> }>(file: T): T => {
    const read = file.read.bind(file);
    file.read = async (into, offset) => {
      const got = await read(into, offset);
      bytes += got;
      return got;
    };
    return file;
  };
  await openStore(dir, { files: counting });
  expect(bytes).toBeLessThan(10_000);
});
