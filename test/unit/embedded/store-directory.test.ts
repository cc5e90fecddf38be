import { spawn } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { append, commitOf, data, readAll } from '../../contract/event-store.ts';
import { contentsOf, openStore, tempDir } from './harness.ts';

const CHILD = join(import.meta.dirname, 'child.mjs');

/** Runs the child until it ends or prints a line that `until` accepts; answers its lines. */
function child(args: readonly string[], until: (lines: readonly string[]) => boolean): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const running = spawn(process.execPath, [CHILD, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    running.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (until(text.split('\n'))) running.kill('SIGKILL');
    });
    running.on('error', reject);
    running.on('close', () => resolve(text.split('\n').slice(0, -1)));
  });
}

test('Y1: a second process is refused while the first holds the directory', async () => {
  const dir = await tempDir();
  const store = await openStore(dir);
  await append(store, commitOf('cart-1', -1, 'a'));
  expect(await child(['open', dir], () => false)).toEqual(['store-in-use']);
  await expect(openStore(dir)).rejects.toMatchObject({ code: 'store-in-use' });
  await store.close();
  expect(await child(['open', dir], () => false)).toEqual(['opened']);
}, 120_000);

test('E1: after a kill -9 under load everything acknowledged is there, and no stream has a gap', async () => {
  const dir = await tempDir();
  const lines = await child(['append', dir], (all) => all.length > 2_000);
  const acknowledged = lines.map((line) => line.split(' ')).map(([stream = '', revision = '']) => ({ stream, revision: Number(revision) }));
  expect(acknowledged.length).toBeGreaterThan(1_900);
  const store = await openStore(dir);
  const heads = new Map<string, number>();
  for (const { stream, revision } of acknowledged) heads.set(stream, Math.max(heads.get(stream) ?? -1, revision));
  for (const [stream, revision] of heads) {
    const records = await readAll(store, stream);
    expect(records.length).toBeGreaterThan(revision);
    expect(data(records)).toEqual(records.map((_, index) => `${stream}/${index}`));
  }
}, 120_000);

test('Y2: a newer format, another number of partitions, a missing identity: refused, nothing is changed', async () => {
  const dir = await tempDir();
  const store = await openStore(dir);
  await append(store, commitOf('cart-1', -1, 'a'));
  await store.close();
  const path = join(dir, 'store.json');
  const identity = await readFile(path, 'utf8');
  const untouched = await contentsOf(dir);
  await expect(openStore(dir, { partitions: 8 })).rejects.toMatchObject({ code: 'store-mismatch' });
  expect(await contentsOf(dir)).toEqual(untouched);
  for (const [text, code] of [
    [identity.replace('"format": 1', '"format": 2'), 'store-too-new'],
    ['{', 'store-corrupt'],
  ] as const) {
    await writeFile(path, text);
    const before = await contentsOf(dir);
    await expect(openStore(dir)).rejects.toMatchObject({ code });
    expect(await contentsOf(dir)).toEqual(before);
  }
  await rm(path);
  const before = await contentsOf(dir);
  await expect(openStore(dir)).rejects.toMatchObject({ code: 'store-corrupt' });
  expect(await contentsOf(dir)).toEqual(before);
});
