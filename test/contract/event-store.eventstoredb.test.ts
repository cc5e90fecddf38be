import { afterAll, beforeAll } from 'vitest';
import { openEventStoreDB } from '../../runtime/adapters/eventstoredb/open.ts';
import { realClock } from '../../runtime/adapters/real-clock.ts';
import type { EventStore } from '../../runtime/ports/event-store.ts';
import { type EventStoreServer, startEventStore } from '../eventstoredb/server.ts';
import { eventStoreContract } from './event-store.ts';

/** A real server at `PERDURE_TEST_EVENTSTORE` (started with `--insecure`), the test server if there is none. */
const given = process.env['PERDURE_TEST_EVENTSTORE'];
let server: EventStoreServer | undefined;
beforeAll(async () => {
  if (given === undefined) server = await startEventStore();
});
afterAll(async () => {
  await server?.stop();
});

for (const format of ['msgpack', 'json'] as const) {
  const open = (): Promise<EventStore> =>
    openEventStoreDB({
      url: given ?? server?.url ?? '',
      partitions: 16,
      format,
      clock: realClock,
      notice: (message) => console.warn(message),
    });
  eventStoreContract(`eventstoredb, payloads in ${format}`, { open, reopen: open, dispose: (store) => store.close() });
}
