/**
 * What the HTTP edge costs: POSTs over keep-alive connections against a host that answers in the same tick, beside a bare fastify handler that
 * answers from setImmediate. The load comes from a child process; figures are the server's CPU per request (the edge's own, whatever the load) and
 * requests per second on a machine with a core for each.
 *
 * `node dist/test/bench/http-edge.js [connections] [seconds]`
 */
import { spawn } from 'node:child_process';
import { type AddressInfo, connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { fastify } from 'fastify';
import type { HostSurface } from '../../runtime/host/surface.ts';
import { createHttpServer } from '../../runtime/http/server.ts';
import type { Clock } from '../../runtime/ports/clock.ts';
import type { Delivery } from '../../runtime/ports/signal-bus.ts';

const PAYLOAD = JSON.stringify({ sku: 'tea-earl-grey-250g', quantity: 2, unitPrice: 1_299, note: 'x'.repeat(130) });
const [role = 'server', ...rest] = process.argv.slice(2).filter((argument) => argument !== 'server');

/** Answers every delivery of a round of the event loop at its end. */
function instantHost(answered: { count: number }): HostSurface {
  let waiting: Delivery[] = [];
  const tick = () => {
    const taken = waiting;
    waiting = [];
    for (const delivery of taken) {
      answered.count += 1;
      delivery.done({ kind: 'done', result: { total: 7 }, revision: 3, position: 123_456_789, repeated: false }, delivery);
    }
  };
  const unused = () => Promise.reject(new Error('not part of this measurement'));
  return {
    storeId: 'f0Zk3Qm1S7eYp2Lw',
    definitions: new Map(),
    deliver: (delivery) => {
      if (waiting.push(delivery) === 1) setImmediate(tick);
    },
    withdraw: () => true,
    query: () => {},
    view: unused,
    history: unused,
    run: unused,
    callback: unused,
    admin: unused,
    status: () => ({ state: 'running', reasons: [] }),
    metrics: () => ({ counters: {}, gauges: {} }),
  };
}

const clock: Clock = {
  now: Date.now,
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
  soon: setImmediate,
};

async function measureAll(connections: number, seconds: number): Promise<void> {
  const answered = { count: 0 };
  const bare = fastify({ logger: false });
  bare.post('/v1/entities/:type/:id/signals/:name', (_request, reply) => {
    setImmediate(() => {
      answered.count += 1;
      reply.code(202).send({ signalId: '3f2f5a2e-9a53-4c1c-a7c9-1d9a4c0f0b11', position: 'WyJmMFprMw.2s' });
    });
  });
  await bare.listen({ port: 0, host: '127.0.0.1' });
  const host = instantHost(answered);
  const edge = createHttpServer({
    host,
    signals: { publish: (signal) => host.deliver(signal) },
    reader: {
      projections: new Map(),
      get: () => Promise.resolve(undefined),
      find: () => Promise.resolve({ rows: [] }),
      reached: () => Promise.resolve(),
      status: () => [],
      head: () => Number.MAX_SAFE_INTEGER,
    },
    config: { port: 0, host: '127.0.0.1', maxBodyBytes: 1_048_576, apiKeys: [] },
    log: console,
    clock,
  });
  const edgePort = await edge.listen();
  const barePort = (bare.server.address() as AddressInfo).port;
  for (const [name, port, path] of [
    ['bare fastify', barePort, 'signals'],
    ['edge: signal', edgePort, 'signals'],
    ['edge: update', edgePort, 'updates'],
    ['bare fastify', barePort, 'signals'],
    ['edge: signal', edgePort, 'signals'],
    ['edge: update', edgePort, 'updates'],
  ] as const) {
    const child = spawn(process.execPath, [
      fileURLToPath(import.meta.url),
      'load',
      String(port),
      `/v1/entities/cart/42/${path}/addItem`,
      String(connections),
      String(seconds + 1),
    ]);
    await new Promise((resolve) => setTimeout(resolve, 800));
    const [cpu, count, startedMs] = [process.cpuUsage(), answered.count, performance.now()];
    await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
    const { user, system } = process.cpuUsage(cpu);
    const done = answered.count - count;
    const perSecond = Math.round((done / (performance.now() - startedMs)) * 1_000);
    console.log(`${name.padEnd(14)} ${String(perSecond).padStart(7)} requests/s, ${((user + system) / done).toFixed(1)} µs CPU each`);
    await new Promise((resolve) => child.once('exit', resolve));
  }
  await bare.close();
  await edge.close(0);
}

/** Every connection has one request under way. */
function load(port: number, path: string, connections: number, seconds: number): void {
  const head = `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${PAYLOAD.length}\r\n\r\n`;
  const request = Buffer.from(head + PAYLOAD);
  for (let n = 0; n < connections; n += 1) {
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    socket.on('data', () => socket.write(request));
  }
  setTimeout(() => process.exit(0), seconds * 1_000);
}

if (role === 'load') load(Number(rest[0]), rest[1] ?? '', Number(rest[2]), Number(rest[3]));
else await measureAll(Number(role === 'server' ? 64 : role), Number(rest[0] ?? 3));
