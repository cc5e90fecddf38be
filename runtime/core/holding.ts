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
  /** Who waits for held messages, by their revision. */
  readonly heldReplies = new Map<Revision, ReplyAddress>();

  /** Does user code have to wait (B3)? */
  get holding(): boolean {
    return this.parked !== undefined || this.paused !== undefined || this.heldCount > 0;
  }

  /** The held message at this revision is released or skipped. */
  letGo(held: Revision): void {
    this.heldCount -= 1;
    this.heldFrom = held + 1;
    this.heldEdit = undefined;
    this.heldReplies.delete(held);
    this.parked = undefined;
  }

  /** Nothing stands still any more, and nothing is held: the entity is forgotten. */
  dropAll(): void {
    this.parked = undefined;
    this.paused = undefined;
    this.heldCount = 0;
    this.heldEdit = undefined;
    this.heldReplies.clear();
  }
}
