import { BACKWARDS, END, type EventStoreDBClient, FORWARDS, START } from '@eventstore/db-client';
import type { Position, Revision } from '../../core/record.ts';
import { isBadPosition, isNoStream, storeFailed } from './failures.ts';
import type { ReadEvent } from './record-codec.ts';

/**
 * Reads of streams and of the whole log.
 *
 * Invariants:
 * R1. Every read is drained or cancelled: one that is merely left stays open on the connection.
 * R2. Reads go to the leader: another node may not have what was just acknowledged.
 */
export class Reads {
  readonly #client: EventStoreDBClient;

  constructor(client: EventStoreDBClient) {
    this.#client = client;
  }

  /** Events of a stream from a revision on, in order; none if there is no such stream. Throws `store-failed`. */
  async *stream(stream: string, from: Revision): AsyncGenerator<ReadEvent> {
    const options = { direction: FORWARDS, fromRevision: BigInt(Math.max(0, from)), requiresLeader: true } as const;
    yield* this.#events(() => this.#client.readStream(stream, options, BUFFERED));
  }

  /** Events of a stream from its end backwards, at most `count`. Throws `store-failed`. */
  async *backwards(stream: string, count: number): AsyncGenerator<ReadEvent> {
    const options = { direction: BACKWARDS, fromRevision: END, maxCount: count, requiresLeader: true } as const;
    yield* this.#events(() => this.#client.readStream(stream, options, BUFFERED));
  }

  /** The last event of a stream, undefined if there is none. Throws `store-failed`. */
  async last(stream: string): Promise<ReadEvent | undefined> {
    for await (const event of this.backwards(stream, 1)) return event;
    return undefined;
  }

  /** The event at a revision, undefined if there is none. Throws `store-failed`. */
  async at(stream: string, revision: Revision): Promise<ReadEvent | undefined> {
    const options = { direction: FORWARDS, fromRevision: BigInt(revision), maxCount: 1, requiresLeader: true } as const;
    for await (const event of this.#events(() => this.#client.readStream(stream, options))) return event;
    return undefined;
  }

  /**
   * Events of all streams, the server's own too, at positions >= `from`, up to the end of the log. The server begins at places of events only: `from` is
   * the place of one, or directly behind one. Throws `store-failed`.
   */
  async *all(from: Position): AsyncGenerator<ReadEvent> {
    try {
      yield* this.#allFrom(from, from === 0 ? START : placeOf(from - 1));
    } catch (error) {
      if (!isBadPosition(error instanceof Error ? error.cause : error)) throw error;
      yield* this.#allFrom(from, placeOf(from));
    }
  }

  async *#allFrom(from: Position, fromPosition: typeof START | ReturnType<typeof placeOf>): AsyncGenerator<ReadEvent> {
    const options = { direction: FORWARDS, fromPosition, requiresLeader: true } as const;
    for await (const event of this.#events(() => this.#client.readAll(options, BUFFERED))) {
      if (Number(event.position?.commit ?? 0n) >= from) yield event;
    }
  }

  /** Position behind the last event of all, 0 for an empty log. Throws `store-failed`. */
  async head(): Promise<Position> {
    const options = { direction: BACKWARDS, fromPosition: END, maxCount: 1, requiresLeader: true } as const;
    for await (const { position } of this.#events(() => this.#client.readAll(options))) return Number(position?.commit ?? -1n) + 1;
    return 0;
  }

  async *#events(open: () => Streaming): AsyncGenerator<ReadEvent> {
    const read = open();
    try {
      // A link whose target is gone has no event.
      for await (const { event } of read) if (event !== undefined) yield event;
    } catch (error) {
      if (!isNoStream(error)) throw storeFailed(error);
    } finally {
      // One that never began has said so above, and cannot be cancelled either.
      await read.cancel().catch(() => undefined);
    }
  }
}

/** Larger buffers than the client's own: a fold reads many small events. */
const BUFFERED = { highWaterMark: 512 };

/** A read under way. */
interface Streaming extends AsyncIterable<{ readonly event?: ReadEvent | undefined }> {
  cancel(): Promise<void>;
}

/** The place of an event in the log: events that were appended one by one have one number for both. */
export function placeOf(position: Position) {
  return { commit: BigInt(position), prepare: BigInt(position) };
}
