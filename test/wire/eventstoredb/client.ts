import { EventStoreDBClient } from '@eventstore/db-client';
import { afterAll, beforeAll } from 'vitest';
import { type Address, findServer } from './address.ts';

/**
 * Connects the tests of a file to the server. Returns what gives the client while a test runs; it has one connection, which the
 * calls of `batch-call.ts` and `read-call.ts` share.
 */
export function useClient(): () => EventStoreDBClient {
  let address: Address | undefined;
  let client: EventStoreDBClient | undefined;
  beforeAll(async () => {
    address = await findServer();
    client = EventStoreDBClient.connectionString(address.url);
  });
  afterAll(async () => {
    await client?.dispose();
    await address?.release();
  });
  return () => {
    if (client === undefined) throw new Error('no test is running');
    return client;
  };
}
