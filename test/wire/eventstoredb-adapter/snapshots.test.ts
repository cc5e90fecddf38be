import { expect, test } from 'vitest';
import { freshStream } from './sending.ts';
import { useWorld } from './world.ts';

// Snapshots are a cache in streams of their own: large ones in parts, and only whole ones are read (N1 of snapshots.ts).

const { server, open } = useWorld();

/** Bytes that differ from place to place and from one `seed` to another. */
function snapshotOf(bytes: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, index) => (index * 31 + (index >> 8) + seed) & 255);
}
const MIB = 1024 * 1024;
const parts = (stream: string) => server().log.stream(`perdure.snapshot-${stream}`).events.length;

test.each([0, 1, 900 * 1024, 900 * 1024 + 1, 3 * MIB])('a snapshot of %i bytes comes back as it was', async (bytes) => {
  const [store, other] = [await open(), await open()];
  const stream = freshStream();
  await store.saveSnapshot(stream, snapshotOf(10, 1));
  await store.saveSnapshot(stream, snapshotOf(bytes, 2));
  for (const each of [store, other])
    expect(Buffer.compare((await each.loadSnapshot(stream)) ?? Buffer.from('none'), snapshotOf(bytes, 2))).toBe(0);
});

test.each([1, 2, 3])('N1: a snapshot that a crash cut off after part %i of 4 is passed over, as often as it happens', async (written) => {
  const [store, crashing] = [await open(), await open()];
  const stream = freshStream();
  await store.saveSnapshot(stream, snapshotOf(3 * MIB, 1));
  expect(parts(stream)).toBe(4);
  const stop = server().log.onAppended(() => {
    if (parts(stream) === 4 + written) server().faults.dropBeforeCommit(2);
  }, `perdure.snapshot-${stream}`);
  await expect(crashing.saveSnapshot(stream, snapshotOf(3 * MIB, 2))).rejects.toMatchObject({ code: 'store-failed' });
  stop();
  server().faults.reset();
  expect(parts(stream)).toBe(4 + written);
  for (const each of [store, crashing]) {
    expect(Buffer.compare((await each.loadSnapshot(stream)) ?? Buffer.from('none'), snapshotOf(3 * MIB, 1))).toBe(0);
  }
  await store.saveSnapshot(stream, snapshotOf(3 * MIB, 3));
  expect(Buffer.compare((await crashing.loadSnapshot(stream)) ?? Buffer.from('none'), snapshotOf(3 * MIB, 3))).toBe(0);
});

test('N1: two nodes that save a snapshot in parts at once leave a whole one or none, never a mixture', async () => {
  const [one, two] = [await open(), await open()];
  const stream = freshStream();
  await Promise.all([one.saveSnapshot(stream, snapshotOf(3 * MIB, 1)), two.saveSnapshot(stream, snapshotOf(3 * MIB, 2))]);
  const found = await one.loadSnapshot(stream);
  const isEither = found === undefined || [1, 2].some((seed) => Buffer.compare(found, snapshotOf(3 * MIB, seed)) === 0);
  expect(isEither).toBe(true);
});

test('what is kept of snapshots is bounded', async () => {
  const store = await open();
  const stream = freshStream();
  for (let times = 0; times < 70; times += 1) await store.saveSnapshot(stream, snapshotOf(100, times));
  const { metadata } = server().log.stream(`perdure.snapshot-${stream}`);
  expect(metadata.maxCount).toBe(4n);
  expect([...((await store.loadSnapshot(stream)) ?? [])]).toEqual([...snapshotOf(100, 69)]);
  await store.forget(stream, 0);
  expect(await store.loadSnapshot(stream)).toBeUndefined();
  await store.saveSnapshot(stream, snapshotOf(100, 70));
  expect([...((await store.loadSnapshot(stream)) ?? [])]).toEqual([...snapshotOf(100, 70)]);
});
