import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedReadStore } from '../../runtime/adapters/embedded/read-store.ts';
import { emptyReadContents, MemoryReadStore } from '../../runtime/adapters/memory/read-store.ts';
import { readStoreContract } from './read-store.ts';

readStoreContract('memory', async () => {
  const contents = emptyReadContents();
  return { open: async () => new MemoryReadStore(contents), destroy: async () => {} };
});

readStoreContract('embedded', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'perdure-rows-'));
  return { open: () => openEmbeddedReadStore({ dir }), destroy: () => rm(dir, { recursive: true, force: true }) };
});
