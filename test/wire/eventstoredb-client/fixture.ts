import { setTimeout as passed } from 'node:timers/promises';
import { EventStoreDBClient } from '@eventstore/db-client';
import { afterEach, beforeEach } from 'vitest';
import { type EventStoreServer, startEventStore } from '../../eventstoredb/server.ts';

/** A test server and clients of it, for one test. */
export interface Fixture {
  server(): EventStoreServer;
  /** A new client of that server, or of another one; disposed of after the test. */
  connect(url?: string): EventStoreDBClient;
}

/** Starts a server before each test; disposes of its clients and stops it afterwards. */
export function useFixture(): Fixture {
  let server: EventStoreServer | undefined;
  const clients: EventStoreDBClient[] = [];
  const started = (): EventStoreServer => {
    if (server === undefined) throw new Error('no test is running');
    return server;
  };
  beforeEach(async () => {
    server = await startEventStore();
  });
  afterEach(async () => {
    started().faults.reset();
    await Promise.all(clients.splice(0).map((client) => client.dispose()));
    await started().stop();
  });
  return {
    server: started,
    connect(url = started().url) {
      const client = EventStoreDBClient.connectionString(url);
      clients.push(client);
      return client;
    },
  };
}

/** How a promise stands after a while. */
export async function standingOf(promise: Promise<unknown>, afterMs: number): Promise<'pending' | 'fulfilled' | 'rejected'> {
  return Promise.race([
    promise.then(
      () => 'fulfilled' as const,
      () => 'rejected' as const,
    ),
    passed(afterMs, 'pending' as const),
  ]);
}
