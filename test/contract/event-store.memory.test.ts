import { MemoryEventStore } from '../../runtime/adapters/memory/event-store.ts';
import { createMemoryLog, type MemoryLog } from '../../runtime/adapters/memory/event-store-log.ts';
import type { EventStore } from '../../runtime/ports/event-store.ts';
import { eventStoreContract } from './event-store.ts';

const logs = new Map<EventStore, MemoryLog>();

function openOn(log: MemoryLog): EventStore {
  const store = new MemoryEventStore(log);
  logs.set(store, log);
  return store;
}

eventStoreContract('memory', {
  open: async () => openOn(createMemoryLog('memory')),
  reopen: async (store) => openOn(logs.get(store) ?? createMemoryLog('lost')),
  dispose: (store) => store.close(),
});
