import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Load, Measured } from '../lib/closed-loop.ts';
import { type Peer, startPeer } from '../lib/peer.ts';
import { freePort, type Service, startService } from '../lib/service.ts';
import type { TouchRequest } from './system.ts';

/** A system and a server that it has for itself: whoever follows the log would otherwise be handed what the others append. */
export interface Pair {
  measure(load: Load): Promise<PairMeasured>;
  ask<T>(request: unknown): Promise<T>;
  close(): Promise<void>;
}
export interface PairMeasured extends Measured {
  /** Share of one core that the server took: near 1 it is what is measured. */
  readonly serverShare: number;
}

const SERVER = fileURLToPath(new URL('../../eventstoredb/main.js', import.meta.url));

/** Starts both and sends a signal to each of `keys`, so that streams exist and entities are in memory. Rejects if the server does not listen within a minute. */
export async function startPair(name: string, scratch: string, keys: number): Promise<Pair> {
  const port = await freePort();
  const server = await startService(process.execPath, [SERVER, '--port', String(port)], {}, () => listens(port));
  const rows = join(scratch, `${name}-${port}`);
  mkdirSync(rows);
  const peer: Peer = startPeer(import.meta.url, './system.js', [name, `esdb://127.0.0.1:${port}?tls=false`, rows]);
  const touch: TouchRequest = { touch: keys };
  await peer.ask(touch);
  return {
    measure: (load) => measured(peer, server, load),
    ask: (request) => peer.ask(request),
    close: async () => {
      await peer.close();
      await server.stop();
    },
  };
}

async function measured(peer: Peer, server: Service, load: Load): Promise<PairMeasured> {
  const [began, cpu] = [performance.now(), server.cpuSeconds()];
  const of = await peer.ask<Measured>(load);
  return { ...of, serverShare: ((server.cpuSeconds() - cpu) * 1_000) / (performance.now() - began) };
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
