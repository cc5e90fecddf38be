import { LIMITS } from '../../core/limits.ts';
import type { Position, Revision, StoredTurn, StreamName } from '../../core/record.ts';
import { type SubscribeOptions, type Subscription, type SubscriptionBatch, wants, wantsStream } from '../../ports/event-store.ts';
import { type Collected, collect, type Tail, trimmed } from '../shared/tail.ts';
import { BlockScan } from './block-scan.ts';
import { frameInfo, readTurn } from './frame.ts';
import type { Segments } from './segments.ts';

/**
 * A subscription: from disk while it is behind, from the tail when it has caught up, back to disk if it falls behind.
 *
 * Invariants:
 * U1. The cursor only moves forward over what has been handed out; both sources answer "everything from the cursor on", so
 *     changing between them neither misses nor repeats a turn.
 * U2. A forgotten record is not handed out, even before its bytes are blanked.
 */
export interface LogSubscriptionOptions {
  readonly subscribe: SubscribeOptions;
  readonly segments: Segments;
  readonly salt: number;
  readonly tail: Tail;
  /** Streams whose forgetting may not be on disk yet: first revision that can be read. */
  readonly forgotten: ReadonlyMap<StreamName, Revision>;
  /** The rewrite of frames under way, if any. */
  readonly rewriting: () => Promise<unknown> | undefined;
  readonly closed: (subscription: LogSubscription) => void;
}

export class LogSubscription implements Subscription {
  readonly #options: LogSubscriptionOptions;
  #done = false;
  #iterated = false;
  /** Where the block begins that holds the cursor, if a batch from disk ended within a block. */
  #within: Position | undefined;

  constructor(options: LogSubscriptionOptions) {
    this.#options = options;
    options.tail.reached(this, options.subscribe.from);
  }

  close(): void {
    if (this.#done) return;
    this.#done = true;
    this.#options.tail.unsubscribed(this);
    this.#options.closed(this);
    this.#options.tail.ring();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SubscriptionBatch> {
    if (this.#iterated) throw new Error('a subscription is iterated once');
    this.#iterated = true;
    const { tail, subscribe } = this.#options;
    const trim = (turn: StoredTurn) => this.#trim(turn);
    let cursor = subscribe.from;
    try {
      for (let first = true; !this.#done; ) {
        if (cursor >= tail.end && !first) {
          await new Promise<void>((resolve) => tail.wait(this, subscribe, resolve));
          cursor = Math.max(cursor, tail.cursorOf(this));
        }
        if (this.#done) break;
        first = false;
        const { turns, checkpoint } = collect(tail, subscribe, cursor, trim) ?? (await this.#fromDisk(cursor));
        cursor = checkpoint;
        yield { turns, checkpoint, caughtUp: checkpoint >= tail.end };
        if (!this.#done) tail.reached(this, cursor);
      }
    } finally {
      this.close();
    }
  }

  async #fromDisk(cursor: Position): Promise<Collected> {
    try {
      return await this.#scan(cursor);
    } catch {
      // A frame that is being blanked looks damaged for a moment: what is really damaged fails again.
      await this.#options.rewriting();
      return await this.#scan(cursor);
    }
  }

  async #scan(cursor: Position): Promise<Collected> {
    const { segments, salt, subscribe, tail } = this.#options;
    const turns: StoredTurn[] = [];
    let checkpoint = cursor;
    const until = cursor + LIMITS.maxSubscriptionBytes;
    const hint = this.#within;
    this.#within = undefined;
    for await (const block of new BlockScan(segments, salt).blocks(cursor, tail.end, hint)) {
      for (const position of block.frames) {
        if (position < cursor) continue;
        if (turns.length >= LIMITS.maxSubscriptionTurns || position > until) {
          this.#within = block.position;
          return { turns, checkpoint: position };
        }
        const info = frameInfo(block.extent, position);
        if (!wantsStream(subscribe, info.stream)) continue;
        const turn = readTurn(block.extent, info, this.#options.forgotten.get(info.stream) ?? 0);
        if (turn !== undefined && wants(subscribe, turn.stream, turn.records)) turns.push(turn);
      }
      checkpoint = block.end;
      if (checkpoint > until) break;
    }
    return { turns, checkpoint };
  }

  #trim(turn: StoredTurn): StoredTurn | undefined {
    const { forgotten } = this.#options;
    return forgotten.size === 0 ? turn : trimmed(turn, forgotten.get(turn.stream) ?? 0);
  }
}
