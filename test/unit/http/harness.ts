import { afterEach } from 'vitest';
import type { EdgeConfig } from '../../../runtime/http/edge.ts';
import { createHttpServer, type HttpServer } from '../../../runtime/http/server.ts';
import type { Clock } from '../../../runtime/ports/clock.ts';
import { FakeHost } from './fake-host.ts';
import { FakeReader } from './fake-reader.ts';

export const realClock: Clock = {
  now: () => Date.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
  soon: (run) => {
    setImmediate(run);
  },
};

export interface Setup {
  readonly host: FakeHost;
  readonly reader: FakeReader;
  readonly server: HttpServer;
  /** What the edge logged as its own fault. */
  readonly errors: object[];
}

const open: HttpServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close(0)));
});

/** A server over the fakes, closed after the test. Not listening yet: `server.app.inject` works, `server.listen()` gives a port. */
export function setup(config: Partial<EdgeConfig> = {}): Setup {
  const host = new FakeHost();
  const reader = new FakeReader();
  const errors: object[] = [];
  const log = { error: (details: object) => errors.push(details), warn: () => {} };
  const server = createHttpServer({
    host,
    signals: { publish: (signal) => host.deliver(signal) },
    reader,
    config: { port: 0, host: '127.0.0.1', maxBodyBytes: 64 * 1024, apiKeys: [], ...config },
    log,
    clock: realClock,
  });
  open.push(server);
  return { host, reader, server, errors };
}

export const JSON_TYPE = { 'content-type': 'application/json' };
