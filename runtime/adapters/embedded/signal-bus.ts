import { failed } from '../../core/answer.ts';
import type { Delivery, SignalBus } from '../../ports/signal-bus.ts';

/**
 * The bus of a single node: straight to the mailbox. The event store is the only log, so a signal is answered when its turn is durable, and nothing is
 * kept here.
 */
export class EmbeddedSignalBus implements SignalBus {
  #receive: ((signal: Delivery) => void) | undefined;

  publish(signal: Delivery): void {
    if (this.#receive !== undefined) this.#receive(signal);
    else {
      setImmediate(() => {
        signal.state = 'answered';
        signal.done(failed('draining', 'nobody takes signals now'), signal);
      });
    }
  }

  async consume(receive: (signal: Delivery) => void): Promise<void> {
    this.#receive = receive;
  }

  async close(): Promise<void> {
    this.#receive = undefined;
  }
}
