import type { Position, Revision } from '../../core/record.ts';
import type { ReadCall } from './connection.ts';
import { isBadPosition, storeFailed } from './failures.ts';
import { type ReadRange, readRequest } from './read-request.ts';
import type { ReadEvent } from './record-codec.ts';

/**
 * Reads of streams and of the whole log.
 *
 * Invariants:
 * R1. Every read is drained or cancelled: one that is merely left stays open on the connection.
 * R2. Reads go to the leader: another node may not have what was just acknowledged.
 * R3. What reads a known number of events drains it, also where there is no stream: a cancelled call is a reset on the wire, and a server that is sent
 *     many of them ends the whole connection, with everything else that is read on it.
 */
export class Reads {
  readonly #open: (request: ReturnType<typeof readRequest>) => Promise<ReadCall>;

  /** With what opens calls, of the connection. */
  constructor(open: (request: ReturnType<typeof readRequest>) => Promise<ReadCall>) {
    this.#open = open;
  }

  /** Events of a stream from a revision on, in order; none if there is no such stream. Throws `store-failed`. */
  stream(stream: string, from: Revision): AsyncGenerator<ReadEvent> {
    return this.#events({ of: { stream, from: Math.max(0, from) } });
  }

  /** Events of a stream from its end backwards, at most `count`. Throws `store-failed`. */
  backwards(stream: string, count: number): AsyncGenerator<ReadEvent> {
    return this.#events({ of: { stream, from: 'end' }, isBackwards: true, count });
  }

  /** The last event of a stream, undefined if there is none. Throws `store-failed`. */
  last(stream: string): Promise<ReadEvent | undefined> {
    return this.#one({ of: { stream, from: 'end' }, isBackwards: true, count: 1 });
  }

  /** The event at a revision, undefined if there is none. Throws `store-failed`. */
  at(stream: string, revision: Revision): Promise<ReadEvent | undefined> {
    return this.#one({ of: { stream, from: revision }, count: 1 });
  }

  /**
   * Events of all streams, the server's own too, at positions >= `from`, up to the end of the log. The server begins at places of events only: `from` is
   * the place of one, or directly behind one. Throws `store-failed`.
   */
  async *all(from: Position): AsyncGenerator<ReadEvent> {
    try {
      yield* this.#allFrom(from, Math.max(0, from - 1));
    } catch (error) {
      if (!isBadPosition(error instanceof Error ? error.cause : error)) throw error;
      yield* this.#allFrom(from, from);
    }
  }

  async *#allFrom(from: Position, place: Position): AsyncGenerator<ReadEvent> {
    for await (const event of this.#events({ of: { stream: undefined, from: place } })) {
      if (Number(event.position?.commit ?? 0n) >= from) yield event;
    }
  }

  /** Position behind the last event of all, 0 for an empty log. Throws `store-failed`. */
  async head(): Promise<Position> {
    const last = await this.#one({ of: { stream: undefined, from: 'end' }, isBackwards: true, count: 1 });
    return Number(last?.position?.commit ?? -1n) + 1;
  }

  /** R3. */
  async #one(range: ReadRange): Promise<ReadEvent | undefined> {
    let one: ReadEvent | undefined;
    for await (const event of this.#events(range)) one ??= event;
    return one;
  }

  async *#events(range: ReadRange): AsyncGenerator<ReadEvent> {
    let call: ReadCall | undefined;
    let isOver = false;
    try {
      call = await this.#open(readRequest(range));
      // The iteration throws it; a call that is cancelled errs once more, when nobody iterates.
      call.on('error', () => undefined);
      for await (const { event } of call) if (event !== undefined) yield event;
      isOver = true;
    } catch (error) {
      isOver = true;
      throw storeFailed(error);
    } finally {
      if (!isOver) call?.cancel();
    }
  }
}
