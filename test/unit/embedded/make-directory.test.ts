import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeDirectory } from '../../../runtime/adapters/embedded/make-directory.ts';
import { openEmbeddedReadStore } from '../../../runtime/adapters/embedded/read-store.ts';
import { openStore, tempDir } from './harness.ts';

test('a directory is made with all that is missing above it, by several at once and again', async () => {
  const path = join(await tempDir(), 'a', 'b', 'c');
  await Promise.all([makeDirectory(path), makeDirectory(path), makeDirectory(join(path, 'd'))]);
  await makeDirectory(path);
  expect((await stat(join(path, 'd'))).isDirectory()).toBe(true);
});

test('a path that leads through a file is refused with its name', async () => {
  const file = join(await tempDir(), 'file');
  await writeFile(file, '');
  for (const path of [file, join(file, 'beneath')]) {
    await expect(makeDirectory(path)).rejects.toMatchObject({ code: 'invalid-config', message: expect.stringContaining(path) });
  }
});

test('a store where no directory can be made is refused, not waited for (Linux: only there is /proc)', async () => {
  if (process.platform !== 'linux') return;
  const refusal = { code: 'invalid-config', message: expect.stringMatching(/^The directory \/proc\/perdure\/\S+ cannot be made .*ENOENT/) };
  await expect(openStore('/proc/perdure/data')).rejects.toMatchObject(refusal);
  await expect(openEmbeddedReadStore({ dir: '/proc/perdure/rows' })).rejects.toMatchObject(refusal);
});
