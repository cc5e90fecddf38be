import type { Answer } from '../../../runtime/core/answer.ts';
import type { Delivery } from '../../../runtime/host/delivery.ts';
import type { HostSurface } from '../../../runtime/host/surface.ts';
import { closedLoop, type Load, type Sink, touchAll } from '../lib/closed-loop.ts';
import { startBareNode } from '../lib/node.ts';
import { serveAsPeer } from '../lib/peer.ts';
import { decoded, ledger, payloads, zodLedger } from './work.ts';

/** Signals into a host, as an edge would make them: decoded here, answered when durable. */
class HostSink implements Sink {
  done: (slot: number) => void = () => undefined;
  readonly #host: HostSurface;
  readonly #type: string;
  #sent = 0;

  constructor(host: HostSurface, type: string) {
    this.#host = host;
    this.#type = type;
  }

  submit(key: number, bytes: Buffer, slot: number): void {
    this.#sent += 1;
    const delivery: Delivery = {
      kind: 'signal',
      type: this.#type,
      id: `${key}`,
      name: 'book',
      payload: decoded(bytes),
      wants: 'durability',
      signalId: `s${this.#sent}`,
      idChosen: false,
      mark: undefined,
      context: undefined,
      bytes: bytes.length,
      state: 'waiting',
      done: (answer) => this.#answered(answer, slot),
    };
    this.#host.deliver(delivery);
  }

  #answered(answer: Answer, slot: number): void {
    if (answer.kind !== 'done') throw new Error(`answered ${JSON.stringify(answer)}`);
    this.done(slot);
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
