import { afterEach, beforeEach, expect } from 'vitest';
import type { EventStoreDBStore } from '../../../runtime/adapters/eventstoredb/event-store.ts';
import { type EventStoreDBOptions, openEventStoreDB } from '../../../runtime/adapters/eventstoredb/open.ts';
import { realClock } from '../../../runtime/adapters/real-clock.ts';
import { type EventStoreServer, type EventStoreServerOptions, startEventStore } from '../../eventstoredb/server.ts';

/** Until an append without an answer is unknown, and how long a subscription may be silent while the log grows: short, so that faults are noticed within a test. */
export const APPEND_TIMEOUT_MS = 300;
export const SILENCE_MS = 500;
/** More than anything here may take, but for the client's own keepalive. */
const LIMIT_MS = 5_000;

/** A test server and stores on it, for one test. */
export interface World {
  server(): EventStoreServer;
  /** Opens a store on that server, or on another one; closed after the test. */
  open(options?: Partial<EventStoreDBOptions>): Promise<EventStoreDBStore>;
  /** What the stores told an operator. */
  readonly notices: string[];
}

/**
 * Starts a server before each test. Afterwards it takes back all faults, closes the stores within a limit, and fails if anything was rejected or thrown
 * that nobody handled.
 */
export function useWorld(options: EventStoreServerOptions = {}): World {
  let server: EventStoreServer | undefined;
  const stores: EventStoreDBStore[] = [];
  const notices: string[] = [];
  const unhandled: unknown[] = [];
  const note = (error: unknown) => void unhandled.push(error);
  const started = (): EventStoreServer => {
    if (server === undefined) throw new Error('no test is running');
    return server;
  };
  beforeEach(async () => {
    process.on('unhandledRejection', note);
    process.on('uncaughtExceptionMonitor', note);
    server = await startEventStore(options);
  });
  afterEach(async () => {
    started().faults.reset();
    await within(Promise.all(stores.splice(0).map((store) => store.close())), 'closing the stores');
    await within(started().stop(), 'stopping the server');
    await new Promise((resolve) => setImmediate(resolve));
    process.removeListener('unhandledRejection', note);
    process.removeListener('uncaughtExceptionMonitor', note);
    notices.splice(0);
    expect(unhandled.splice(0), 'nobody handled these').toEqual([]);
  });
  return {
    server: started,
    notices,
    async open(given = {}) {
      const store = await within(openEventStoreDB({ ...settings(started().url, notices), ...given }), 'opening a store');
      stores.push(store);
      return store;
    },
  };
}

function settings(url: string, notices: string[]): EventStoreDBOptions {
  return {
    ...{ url, partitions: 16, format: 'msgpack', clock: realClock, appendTimeoutMs: APPEND_TIMEOUT_MS, silenceMs: SILENCE_MS },
    notice: (message) => void notices.push(message),
  };
}

/** The promise, or a failure when a time limit is over: what hangs fails the test and names itself. */
export async function within<T>(promise: Promise<T>, what: string, limitMs = LIMIT_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([promise, over]);
  } finally {
    clearTimeout(timer);
  }
}
