import { startEventStore } from '../../eventstoredb/server.ts';

/** A server to hold the specification against. */
export interface Address {
  /** Connection string of the client. */
  readonly url: string;
  /** Stops what was started; a server that was there before goes on. */
  release(): Promise<void>;
}

/** The server that `PERDURE_TEST_EVENTSTORE` names, or the test server in this process. */
export async function findServer(): Promise<Address> {
  const given = process.env['PERDURE_TEST_EVENTSTORE'];
  if (given !== undefined && given !== '') {
    // The client knows the protocol by its older name only.
    return { url: given.replace(/^kurrentdb/, 'esdb'), release: async () => {} };
  }
  const server = await startEventStore();
  return { url: server.url, release: () => server.stop() };
}
