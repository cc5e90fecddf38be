import { expect, test } from 'vitest';
import type { AppendOutcome } from '../../../runtime/ports/event-store.ts';
import { append, commitOf, data, readAll } from '../../contract/event-store.ts';
import { crashCopy, type Fault, faultyFiles, openStore, tempDir } from './harness.ts';

const kinds = (outcomes: readonly AppendOutcome[]): string[] =>
  outcomes.map((outcome) => (outcome.kind === 'refused' ? outcome.code : outcome.kind));

for (const written of [0, 20, 100]) {
  test(`W3: a full disk (${written} bytes written) refuses, leaves nothing behind and heals`, async () => {
    const dir = await tempDir();
    let fault: Fault | undefined;
    const store = await openStore(dir, { files: faultyFiles(() => fault) });
    await append(store, commitOf('cart-1', -1, 'a'));
    fault = { code: 'ENOSPC', written };
    const refused = commitOf('cart-1', 0, 'never');
    expect(kinds(await append(store, refused, commitOf('cart-2', -1, 'never')))).toEqual(['store-full', 'store-full']);
    expect(await store.headRevision('cart-1')).toBe(0);
    const crashed = await openStore(await crashCopy(dir));
    expect(data(await readAll(crashed, 'cart-1'))).toEqual(['a']);
    fault = undefined;
    expect(kinds(await append(store, refused, commitOf('cart-2', -1, 'x')))).toEqual(['committed', 'committed']);
    await store.close();
    const again = await openStore(dir);
    expect(data(await readAll(again, 'cart-1'))).toEqual(['a', 'never']);
    expect(data(await readAll(again, 'cart-2'))).toEqual(['x']);
  });
}

test('W3: what was placed behind a refused block is refused with it', async () => {
  let fault: Fault | undefined;
  const store = await openStore(await tempDir(), { files: faultyFiles(() => fault) });
  await append(store, commitOf('cart-1', -1, 'a'));
  fault = { code: 'ENOSPC', written: 8 };
  const first = append(store, commitOf('cart-1', 0, 'b'));
  await Promise.resolve();
  await Promise.resolve();
  const second = append(store, commitOf('cart-1', 1, 'c'));
  expect(kinds([...(await first), ...(await second)])).toEqual(['store-full', 'store-full']);
  fault = undefined;
  expect(kinds(await append(store, commitOf('cart-1', 0, 'd')))).toEqual(['committed']);
  expect(data(await readAll(store, 'cart-1'))).toEqual(['a', 'd']);
});

test('W4: after a failed sync the block is unknown, everything later refused; reads go on', async () => {
  const dir = await tempDir();
  let fault: Fault | undefined;
  const notices: string[] = [];
  const store = await openStore(dir, { files: faultyFiles(() => fault), notice: (message) => notices.push(message) });
  await append(store, commitOf('cart-1', -1, 'a'));
  fault = { code: 'EIO', written: 1_000_000 };
  const unknown = commitOf('cart-1', 0, 'b');
  expect(kinds(await append(store, unknown))).toEqual(['unknown']);
  fault = undefined;
  expect(kinds(await append(store, unknown))).toEqual(['store-failed']);
  expect(data(await readAll(store, 'cart-1'))).toEqual(['a']);
  expect(notices.join()).toContain('EIO');
  await store.close();
  const again = await openStore(dir);
  expect(kinds(await append(again, unknown))).toEqual(['committed']);
  expect(data(await readAll(again, 'cart-1'))).toEqual(['a', 'b']);
});

test('W4: a full disk whose place cannot be cut is a failed store', async () => {
  let fault: Fault | undefined;
  let cut: string | undefined;
  const store = await openStore(await tempDir(), {
    files: faultyFiles(
      () => fault,
      () => cut,
    ),
  });
  fault = { code: 'ENOSPC', written: 50 };
  cut = 'EIO';
  expect(kinds(await append(store, commitOf('cart-1', -1, 'a')))).toEqual(['unknown']);
  cut = undefined;
  fault = undefined;
  expect(kinds(await append(store, commitOf('cart-1', -1, 'a')))).toEqual(['store-failed']);
});

test('S3: growing ahead may fail without harm', async () => {
  const store = await openStore(await tempDir(), {
    files: faultyFiles((bytes) => (bytes > 1_000_000 ? { code: 'ENOSPC', written: 0 } : undefined)),
  });
  for (let turn = 0; turn < 20; turn++) expect(kinds(await append(store, commitOf('cart-1', turn - 1, `${turn}`)))).toEqual(['committed']);
  expect((await readAll(store, 'cart-1')).length).toBe(20);
});

test('a turn that cannot be stored is refused alone', async () => {
  const store = await openStore(await tempDir(), { segmentBytes: 64 * 1024 });
  const outcomes = await append(
    store,
    commitOf('cart-1', -1, 'a'),
    commitOf('cart-2', -1, 'x'.repeat(65 * 1024)),
    commitOf('cart-3', -1),
    commitOf(`cart-${'x'.repeat(2_000)}`, -1, 'a'),
    commitOf('cart-1', 0, 'b'),
  );
  expect(kinds(outcomes)).toEqual(['committed', 'turn-too-large', 'invariant-violated', 'invariant-violated', 'committed']);
  expect(data(await readAll(store, 'cart-1'))).toEqual(['a', 'b']);
});
