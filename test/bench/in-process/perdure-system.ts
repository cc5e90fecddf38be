import type { HostSurface } from '../../../runtime/host/surface.ts';
import { closedLoop, type Load, type Sink, touchAll } from '../lib/closed-loop.ts';
import { delivery } from '../lib/host-sink.ts';
import { startBareNode } from '../lib/node.ts';
import { serveAsPeer } from '../lib/peer.ts';
import { decoded, ledger, payloads, zodLedger } from './work.ts';

/** Signals into a host, as an edge would make them: decoded here, answered when durable. */
class HostSink implements Sink {
  done: (slot: number) => void = () => undefined;
  readonly #host: HostSurface;
  readonly #type: string;

  constructor(host: HostSurface, type: string) {
    this.#host = host;
    this.#type = type;
  }

  submit(key: number, bytes: Buffer, slot: number): void {
    const to = { type: this.#type, id: String(key), name: 'book' };
    this.#host.deliver(delivery(to, decoded(bytes), bytes.length, () => this.done(slot)));
  }
}

const [directory = '.', type = 'ledger'] = process.argv.slice(2);
const node = await startBareNode(directory, [type === 'ledger' ? ledger : zodLedger]);
const sink = new HostSink(node.host, type);
const messages = payloads(1_024);
serveAsPeer<Load | { readonly touch: number }>(
  (request) => ('touch' in request ? touchAll(sink, messages, request.touch, 1_000) : closedLoop(sink, messages, request)),
  () => node.stop(),
);
