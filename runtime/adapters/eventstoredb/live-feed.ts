import type streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import { errorText } from '../../core/errors.ts';
import type { Position, StoredTurn } from '../../core/record.ts';
import { nextDelayMs, type RetryPolicy } from '../../core/retry.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Tail } from '../shared/tail.ts';
import type { ReadCall } from './connection.ts';
import { follow } from './follow.ts';
import type { Forgotten } from './forgotten.ts';
import { FORGOTTEN_STREAM, SUBSCRIBED } from './names.ts';
import { followRequest } from './read-request.ts';
import type { Reads } from './reads.ts';
import type { ReadEvent } from './record-codec.ts';
import type { Turns } from './turns.ts';

/**
 * What is appended by anybody, as it comes: one subscription of the whole node, decoded once, that fills the tail from which all others are served.
 *
 * Invariants:
 * L1. The tail has no gap: after a loss the feed goes on behind the last event that it was handed, never from what the server says it has looked at,
 *     which may be ahead of events that are still on their way.
 * L2. An error, an end and a silence while something was appended that is subscribed to are one thing: lost. It comes back after a back-off, for ever,
 *     until it is closed.
 */
export interface LiveFeedParts {
  /** Opens calls, of the connection. */
  readonly open: (request: streamsPb.ReadReq) => Promise<ReadCall>;
  readonly reads: Reads;
  readonly turns: Turns;
  readonly forgotten: Forgotten;
  readonly tail: Tail;
  readonly clock: Clock;
  /** How long nothing may come while the log grows, in milliseconds. */
  readonly silenceMs: number;
  readonly notice: (message: string) => void;
}

const AGAIN: RetryPolicy = { initialMs: 50, factor: 2, maxMs: 2_000, attempts: Number.POSITIVE_INFINITY };
/** Records looked at by the server between two filtered ones before it reads on: large, because nearly all are wanted. */
const SEARCH_WINDOW = 512;

export class LiveFeed {
  readonly #parts: LiveFeedParts;
  /** Behind the last event that was handed over. */
  #reached: Position;
  #pending: (StoredTurn | Promise<StoredTurn | undefined>)[] = [];
  #pendingEnd: Position;
  #isFlushing = false;
  /** Ends the subscription. */
  #stop: (() => void) | undefined;
  /** In all, and since it was last whole. */
  #losses = 0;
  #failures = 0;
  #heardMs = 0;
  /** Behind the last event of which a look has shown that it is not wanted. */
  #looked: Position = 0;
  #isLooking = false;
  #isClosed = false;
  #stopWatching: (() => void) | undefined;

  /** Will follow the log from `head` on. */
  constructor(parts: LiveFeedParts, head: Position) {
    this.#parts = parts;
    this.#reached = head;
    this.#pendingEnd = head;
  }

  /** Follows it from now on: somebody wants to know. Again, it does nothing. */
  start(): void {
    if (this.#stopWatching !== undefined || this.#isClosed) return;
    this.#watch();
    this.#subscribe();
  }

  /** Times that the subscription was lost. */
  get losses(): number {
    return this.#losses;
  }

  close(): void {
    this.#isClosed = true;
    this.#stopWatching?.();
    this.#stop?.();
    this.#stop = undefined;
  }

  #subscribe(): void {
    if (this.#isClosed) return;
    this.#heardMs = this.#parts.clock.now();
    const request = followRequest(Math.max(0, this.#reached - 1), SUBSCRIBED, SEARCH_WINDOW);
    const stop: () => void = follow(
      this.#parts.open,
      request,
      (event) => this.#heard(event),
      (why) => this.#lost(stop, why),
    );
    this.#stop = stop;
  }

  #heard(event: ReadEvent): void {
    const position = Number(event.position?.commit ?? 0n);
    this.#heardMs = this.#parts.clock.now();
    if (position < this.#reached) return;
    try {
      this.#take(event);
    } catch (error) {
      // Damaged: the tail ends before it (L1).
      if (this.#stop !== undefined) this.#lost(this.#stop, errorText(error));
      return;
    }
    this.#reached = position + 1;
    this.#pendingEnd = position + 1;
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    // What one read of the socket brought makes one block.
    this.#parts.clock.soon(() => void this.#flush());
  }

  #take(event: ReadEvent): void {
    if (event.streamId === FORGOTTEN_STREAM) {
      this.#parts.forgotten.note(event.data);
      return;
    }
    const turn = this.#parts.turns.of(event);
    if (turn !== undefined) this.#pending.push(turn);
    // The flush that waits for it is told; one that fails before that must not end the process.
    if (turn instanceof Promise) turn.catch(() => undefined);
  }

  async #flush(): Promise<void> {
    const { tail } = this.#parts;
    const pending = this.#pending;
    const end = this.#pendingEnd;
    this.#pending = [];
    try {
      const turns = pending.some((turn) => turn instanceof Promise) ? await Promise.all(pending) : pending;
      const known = turns.filter((turn) => turn !== undefined && !(turn instanceof Promise)) as readonly StoredTurn[];
      tail.push(() => known, tail.end, end);
      this.#failures = 0;
      this.#isFlushing = false;
      if (this.#pending.length > 0) void this.#flush();
    } catch (error) {
      this.#isFlushing = false;
      this.#pending = [];
      // A payload could not be fetched: from the last block on everything is read again.
      this.#reached = tail.end;
      this.#pendingEnd = tail.end;
      if (this.#stop !== undefined) this.#lost(this.#stop, errorText(error));
    }
  }

  #lost(stop: () => void, why: string): void {
    if (this.#stop !== stop || this.#isClosed) return;
    stop();
    this.#stop = undefined;
    this.#losses += 1;
    this.#failures += 1;
    if (this.#failures === 1) this.#parts.notice(`the subscription to the log was lost (${why}); it is begun again`);
    this.#parts.clock.after(nextDelayMs(AGAIN, this.#failures, 0.5) ?? AGAIN.maxMs, () => this.#subscribe());
  }

  /** Silence is no proof of loss: only if something that is subscribed to was appended meanwhile. */
  #watch(): void {
    const { clock, silenceMs } = this.#parts;
    const isSilent = () => clock.now() - this.#heardMs >= silenceMs;
    this.#stopWatching = clock.after(silenceMs, () => {
      const stop = this.#stop;
      if (stop !== undefined && isSilent() && !this.#isLooking) {
        this.#isLooking = true;
        this.#hasMissed().then(
          (hasMissed) => {
            this.#isLooking = false;
            if (hasMissed && isSilent()) this.#lost(stop, 'it is silent, and the log has grown');
          },
          (error: unknown) => {
            this.#isLooking = false;
            this.#lost(stop, errorText(error));
          },
        );
      }
      this.#watch();
    });
  }

  /** Is there anything behind the last event that was handed over? What else was appended is looked at once. */
  async #hasMissed(): Promise<boolean> {
    let looked = 0;
    for await (const event of this.#parts.reads.all(Math.max(this.#reached, this.#looked))) {
      const position = Number(event.position?.commit ?? 0n);
      if (position >= this.#reached && SUBSCRIBED_NAME.test(event.streamId)) return true;
      this.#looked = position + 1;
      looked += 1;
      if (looked >= MAX_LOOKED) break;
    }
    return false;
  }
}

/** Events that are looked at each time that it is silent; the rest the next time. */
const MAX_LOOKED = 10_000;
const SUBSCRIBED_NAME = new RegExp(SUBSCRIBED);
