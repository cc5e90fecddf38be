import type { Answer } from '../../core/answer.ts';
import { streamOf } from '../../core/record.ts';
import type { Delivery, SignalBus } from '../../ports/signal-bus.ts';

/** What the bus keeps: outlives the adapter, as a broker outlives its clients. Signals in publication order. */
export interface MemoryBusLog {
  readonly signals: KeptSignal[];
}
interface KeptSignal {
  readonly signal: Delivery;
  done: boolean;
}

/** What an empty bus keeps: nothing yet. */
export function createBusLog(): MemoryBusLog {
  return { signals: [] };
}

/**
 * A bus that keeps signals itself, as a broker does: published means kept; received again after a restart until its consumer has answered it.
 *
 * Invariants:
 * M1. At most one signal of an entity is with the consumer at a time, so order survives whatever the consumer does with it.
 */
export class MemorySignalBus implements SignalBus {
  readonly #log: MemoryBusLog;
  readonly #defer: (run: () => void) => void;
  /** Streams with a signal at the consumer. */
  readonly #busy = new Set<string>();
  #receive: ((signal: Delivery) => void) | undefined;

  constructor(log: MemoryBusLog, defer: (run: () => void) => void = setImmediate) {
    this.#log = log;
    this.#defer = defer;
  }

  publish(signal: Delivery): void {
    this.#log.signals.push({ signal, done: false });
    this.#defer(() => signal.done(KEPT, signal));
    this.#defer(() => this.#next());
  }

  async consume(receive: (signal: Delivery) => void): Promise<void> {
    this.#receive = receive;
    this.#defer(() => this.#next());
  }

  async close(): Promise<void> {
    this.#receive = undefined;
  }

  #next(): void {
    const receive = this.#receive;
    if (receive === undefined) return;
    const passed = new Set(this.#busy);
    for (const kept of this.#log.signals) {
      const stream = streamOf(kept.signal.type, kept.signal.id);
      if (kept.done || passed.has(stream)) continue;
      passed.add(stream);
      this.#busy.add(stream);
      receive({ ...kept.signal, state: 'waiting', done: () => this.#answered(kept, stream) });
    }
  }

  #answered(kept: KeptSignal, stream: string): void {
    if (this.#receive === undefined) return;
    kept.done = true;
    this.#busy.delete(stream);
    while (this.#log.signals[0]?.done === true) this.#log.signals.shift();
    this.#defer(() => this.#next());
  }
}

const KEPT: Answer = { kind: 'done', result: null, revision: -1, position: -1, repeated: false };
