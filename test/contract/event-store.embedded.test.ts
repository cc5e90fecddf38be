import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedStore } from '../../runtime/adapters/embedded/open.ts';
import type { EventStore } from '../../runtime/ports/event-store.ts';
import { eventStoreContract } from './event-store.ts';

const dirs = new Map<EventStore, string>();

async function openIn(dir: string): Promise<EventStore> {
  const store = await openEmbeddedStore({ dir, partitions: 16 });
  dirs.set(store, dir);
  return store;
}

eventStoreContract('embedded', {
  open: async () => openIn(await mkdtemp(join(tmpdir(), 'perdure-'))),
  reopen: (store) => openIn(dirs.get(store) ?? ''),
  dispose: async (store) => {
    await store.close();
    await rm(dirs.get(store) ?? '', { recursive: true, force: true });
  },
});
