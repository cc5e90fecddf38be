import type { JournalData, ReplyAddress } from './journal.ts';
import type { Revision } from './record.ts';

export interface ParkedState {
  readonly reason: JournalData['Parked']['reason'];
  readonly signal: string | null;
  readonly name: string;
  readonly message: string;
  readonly sinceMs: number;
}
export interface PausedState {
  readonly by: string;
  readonly why: string;
  readonly sinceMs: number;
}

/**
 * Why an entity stands still, and what it holds meanwhile: the messages themselves are in the stream.
 *
 * Invariants:
 * B3. While `parked` or `paused` stands, or `heldCount` > 0, no user code of the entity runs but for what `Released` releases.
 */
export class Holding {
  parked: ParkedState | undefined;
  paused: PausedState | undefined;
  /** Number of messages held and not yet released or skipped. */
  heldCount = 0;
  /** No held message before this revision is left: where the search for the next one starts. */
  heldFrom: Revision = 0;
  /** An operator's correction of the first held message, until it is released or skipped. */
  heldEdit: { readonly payload: unknown } | undefined;
  /** Made with the first: most entities in memory never hold a call. */
  #replies: Map<Revision, ReplyAddress> | undefined;

  /** Who waits for held messages, by their revision. */
  get heldReplies(): ReadonlyMap<Revision, ReplyAddress> {
    return this.#replies ?? NO_REPLIES;
  }

  /** Does user code have to wait (B3)? */
  get holding(): boolean {
    return this.parked !== undefined || this.paused !== undefined || this.heldCount > 0;
  }

  /** Somebody waits for the held message at this revision. */
  addHeldReply(held: Revision, by: ReplyAddress): void {
    this.#replies ??= new Map();
    this.#replies.set(held, by);
  }

  /** The held message at this revision is released or skipped. */
  letGo(held: Revision): void {
    this.heldCount -= 1;
    this.heldFrom = held + 1;
    this.heldEdit = undefined;
    this.#replies?.delete(held);
    this.parked = undefined;
  }

  /** Nothing stands still any more, and nothing is held: the entity is forgotten. */
  dropAll(): void {
    this.parked = undefined;
    this.paused = undefined;
    this.heldCount = 0;
    this.heldEdit = undefined;
    this.#replies = undefined;
  }
}

const NO_REPLIES: ReadonlyMap<Revision, ReplyAddress> = new Map();
