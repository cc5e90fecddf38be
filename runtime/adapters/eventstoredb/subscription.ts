import { errorText } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Position, StoredTurn } from '../../core/record.ts';
import { nextDelayMs, type RetryPolicy } from '../../core/retry.ts';
import type { Clock } from '../../ports/clock.ts';
import { type SubscribeOptions, type Subscription, type SubscriptionBatch, wants, wantsStream } from '../../ports/event-store.ts';
import { type Collected, collect, type Tail } from '../shared/tail.ts';
import type { Forgotten } from './forgotten.ts';
import type { Reads } from './reads.ts';
import type { Turns } from './turns.ts';

/**
 * A subscription: from the log until it has reached its end once, then from the tail, back to the log if it falls behind.
 *
 * Invariants:
 * S1. The cursor only moves forward over what has been handed out. Both sources answer "everything from the cursor on", so changing between them neither
 *     misses nor repeats a turn.
 * S2. It has caught up when a read of the log has come to its end, or when it has all of a tail that it reached that way.
 * S3. A read that fails is tried again, after a back-off, until it is closed.
 */
export interface SubscriptionParts {
  readonly reads: Reads;
  readonly turns: Turns;
  readonly forgotten: Forgotten;
  readonly tail: Tail;
  readonly clock: Clock;
  readonly notice: (message: string) => void;
  readonly closed: (subscription: LogSubscription) => void;
}

const AGAIN: RetryPolicy = { initialMs: 50, factor: 2, maxMs: 5_000, attempts: Number.POSITIVE_INFINITY };

export class LogSubscription implements Subscription {
  readonly #parts: SubscriptionParts;
  readonly #options: SubscribeOptions;
  #isDone = false;
  #isIterated = false;
  #failures = 0;

  constructor(parts: SubscriptionParts, options: SubscribeOptions) {
    this.#parts = parts;
    this.#options = options;
    parts.tail.reached(this, options.from);
  }

  close(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#parts.tail.unsubscribed(this);
    this.#parts.closed(this);
    this.#parts.tail.ring();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SubscriptionBatch> {
    if (this.#isIterated) throw new Error('a subscription is iterated once');
    this.#isIterated = true;
    const { tail } = this.#parts;
    let cursor = this.#options.from;
    try {
      let isFollowing = false;
      while (!this.#isDone) {
        if (isFollowing && cursor >= tail.end) await this.#woken();
        if (isFollowing) cursor = Math.max(cursor, tail.cursorOf(this));
        if (this.#isDone) return;
        const followed: Read | undefined = isFollowing ? this.#followed(cursor) : undefined;
        const { turns, checkpoint, isEnd }: Read = followed ?? (await this.#read(cursor));
        if (this.#isDone) return;
        isFollowing = isEnd || followed !== undefined;
        cursor = checkpoint;
        yield { turns, checkpoint, caughtUp: isEnd };
        if (!this.#isDone) tail.reached(this, cursor);
      }
    } finally {
      this.close();
    }
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => this.#parts.tail.wait(this, this.#options, resolve));
  }

  #followed(cursor: Position): Read | undefined {
    const { forgotten, tail } = this.#parts;
    const found = collect(tail, this.#options, cursor, (turn) => forgotten.trim(turn));
    return found === undefined ? undefined : { ...found, isEnd: found.checkpoint >= tail.end };
  }

  /** From the log; a failure is an empty batch that has not moved, after a while (S3). */
  async #read(cursor: Position): Promise<Read> {
    try {
      const read = await this.#fromLog(cursor);
      this.#failures = 0;
      return read;
    } catch (error) {
      // The connection was closed under a read.
      if (this.#isDone) return { turns: [], checkpoint: cursor, isEnd: false };
      this.#failures += 1;
      if (this.#failures === 1)
        this.#parts.notice(`the log cannot be read from position ${cursor} on (${errorText(error)}); it is tried again`);
      await new Promise<void>((resolve) => this.#parts.clock.after(nextDelayMs(AGAIN, this.#failures, 0.5) ?? AGAIN.maxMs, resolve));
      return { turns: [], checkpoint: cursor, isEnd: false };
    }
  }

  async #fromLog(cursor: Position): Promise<Read> {
    const turns: StoredTurn[] = [];
    let checkpoint = cursor;
    let looked = 0;
    for await (const event of this.#parts.reads.all(cursor)) {
      if (
        this.#isDone ||
        turns.length >= LIMITS.maxSubscriptionTurns ||
        checkpoint - cursor > LIMITS.maxSubscriptionBytes ||
        looked >= MAX_LOOKED
      ) {
        return { turns, checkpoint, isEnd: false };
      }
      looked += 1;
      if (wantsStream(this.#options, event.streamId) && isEntity(event.streamId)) {
        const turn = await this.#parts.turns.of(event);
        if (turn !== undefined && wants(this.#options, turn.stream, turn.records)) turns.push(turn);
      }
      checkpoint = Number(event.position?.commit ?? 0n) + 1;
    }
    return { turns, checkpoint, isEnd: true };
  }
}

/** Events looked at for one batch, wanted or not. */
const MAX_LOOKED = 20_000;

interface Read extends Collected {
  readonly isEnd: boolean;
}

/** The server's own streams and the runtime's are nobody's. */
function isEntity(stream: string): boolean {
  return !stream.startsWith('$') && !stream.startsWith('perdure.');
}
