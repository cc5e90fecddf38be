import { type EventStoreServer, startEventStore } from '../eventstoredb/server.ts';

/**
 * The store that nodes under test keep their streams in: the embedded one, or with `PERDURE_TEST_STORE=eventstoredb` a test server, one for each data
 * directory, so that a node that comes back to its directory finds its streams.
 */
const servers = new Map<string, Promise<EventStoreServer>>();

/** Shorter than a deployment would have it: a node that was killed leaves its lease behind, and the next one waits for its end. */
const LEASE = '1s';

/** What the environment of a node says of its store. The servers end with the process that runs the tests. */
export async function storeEnv(dataDir: string): Promise<Readonly<Record<string, string>>> {
  if (process.env['PERDURE_TEST_STORE'] !== 'eventstoredb') return {};
  let server = servers.get(dataDir);
  if (server === undefined) {
    server = startEventStore();
    servers.set(dataDir, server);
  }
  return { PERDURE_EVENTSTORE_URL: (await server).url, PERDURE_LEASE: LEASE };
}
