import type { Delivery } from '../ports/signal-bus.ts';
import type { HostLimits } from './context.ts';

/**
 * What waits in all mailboxes, counted: the bound that keeps memory finite. A message counts from `deliver` to its answer.
 */
export class Backlog {
  messages = 0;
  bytes = 0;
  readonly #limits: HostLimits;

  constructor(limits: HostLimits) {
    this.#limits = limits;
  }

  /** Is there room for another message? Those from a source are always taken: their source bounds itself and relies on order. */
  admits(delivery: Delivery, inMailbox: number): boolean {
    if (delivery.mark !== undefined) return true;
    return (
      this.messages < this.#limits.maxQueuedMessages &&
      this.bytes + delivery.bytes <= this.#limits.maxQueuedBytes &&
      inMailbox < this.#limits.maxMailboxMessages
    );
  }

  add(delivery: Delivery): void {
    this.messages += 1;
    this.bytes += delivery.bytes;
  }

  remove(delivery: Delivery): void {
    this.messages -= 1;
    this.bytes -= delivery.bytes;
  }
}
