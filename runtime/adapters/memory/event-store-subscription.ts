import { LIMITS } from '../../core/limits.ts';
import type { StoredTurn } from '../../core/record.ts';
import { type SubscribeOptions, type Subscription, type SubscriptionBatch, wants, wantsStream } from '../../ports/event-store.ts';
import { firstTurn, type MemoryLog, unpackTurn } from './event-store-log.ts';

/**
 * A subscription over a memory log: woken by the log's listeners, each batch read from the log itself.
 *
 * Invariants:
 * M3. The cursor only moves forward, over what has been handed out: no turn is missed, none comes twice.
 */
export class MemorySubscription implements Subscription {
  readonly #log: MemoryLog;
  readonly #options: SubscribeOptions;
  readonly #closed: (subscription: MemorySubscription) => void;
  #done = false;
  #iterated = false;
  #wake: (() => void) | undefined;
  readonly #listener = (): void => this.#wake?.();

  /** `closed` is called once, when the subscription ends. */
  constructor(log: MemoryLog, options: SubscribeOptions, closed: (subscription: MemorySubscription) => void) {
    this.#log = log;
    this.#options = options;
    this.#closed = closed;
    log.listeners.add(this.#listener);
  }

  close(): void {
    if (this.#done) return;
    this.#done = true;
    this.#log.listeners.delete(this.#listener);
    this.#closed(this);
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SubscriptionBatch> {
    if (this.#iterated) throw new Error('a subscription is iterated once');
    this.#iterated = true;
    let cursor = this.#options.from;
    let first = true;
    try {
      while (!this.#done) {
        if (!first && cursor >= this.#log.next) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
          this.#wake = undefined;
          continue;
        }
        first = false;
        const batch = this.#read(cursor);
        cursor = batch.checkpoint;
        yield batch;
      }
    } finally {
      this.close();
    }
  }

  #read(from: number): SubscriptionBatch {
    const { turns: all, next } = this.#log;
    const turns: StoredTurn[] = [];
    let bytes = 0;
    let index = firstTurn(all, (turn) => turn.position >= from);
    for (; index < all.length && turns.length < LIMITS.maxSubscriptionTurns && bytes < LIMITS.maxSubscriptionBytes; index++) {
      const packed = all[index];
      if (packed === undefined || !wantsStream(this.#options, packed.stream)) continue;
      const turn = unpackTurn(this.#log, packed);
      if (turn !== undefined && wants(this.#options, turn.stream, turn.records)) turns.push(turn);
      bytes += packed.size;
    }
    const checkpoint = all[index]?.position ?? Math.max(next, from);
    return { turns, checkpoint, caughtUp: checkpoint >= next };
  }
}
