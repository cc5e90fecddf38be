/**
 * Writes to one table, each at the checkpoint that the last one left.
 *
 * Invariants:
 * C1. Only the writer whose checkpoint is the stored one changes the table. A write that was tried again and finds exactly its own
 *     checkpoint there is `found`: it took effect, or another writer's did that came as far.
 * C2. A failed write is sent again as it was until it is written, lost, refused for good or given up.
 */
import { errorSpec, isPerdureError, PerdureError } from '../core/errors.ts';
import type { Position } from '../core/record.ts';
import type { Checkpoint, RowChange, WriteBatch } from '../ports/read-store.ts';
import { EventFailure, type EventPlace } from './folding.ts';
import type { Flushed, TableParts } from './table.ts';

/** The event that last changed the row of that key. */
export type Blame = (key: string) => EventPlace | undefined;

export class Checkpointed {
  readonly #table: string;
  readonly #parts: TableParts;
  #stored: Checkpoint | undefined;
  #stopping = false;

  constructor(table: string, parts: TableParts) {
    this.#table = table;
    this.#parts = parts;
  }

  get position(): Position {
    return this.#stored?.position ?? 0;
  }

  /** Reads the checkpoint. Throws `store-mismatch` if it is not one of this log, which ends at `head`. */
  async load(head: Position): Promise<void> {
    const stored = await this.#parts.rows.checkpoint(this.#table);
    const { storeId } = this.#parts;
    if (stored !== undefined && stored.storeId !== storeId) {
      throw new PerdureError(
        'store-mismatch',
        `The rows of ${this.#table} come from store ${stored.storeId}, the log is store ${storeId}.`,
      );
    }
    if (stored !== undefined && stored.position > head) {
      throw new PerdureError('store-mismatch', `The rows of ${this.#table} are at ${stored.position}, but the log ends at ${head}.`);
    }
    this.#stored = stored;
  }

  /** Writes rows and the checkpoint `position`. Throws an EventFailure for a row refused for good, if `blame` knows its event. */
  async write(changes: readonly RowChange[], position: Position, blame: Blame): Promise<Flushed | 'found'> {
    const { rows, listener, backoff, storeId } = this.#parts;
    const batch: WriteBatch = { table: this.#table, expected: this.#stored, next: { storeId, position }, changes };
    for (let attempt = 1; ; attempt++) {
      try {
        const outcome = await rows.write(batch);
        if (outcome === 'lost' && !(attempt > 1 && (await this.#isStored(batch.next)))) return 'lost';
        if (attempt > 1) listener.recovered();
        backoff.reset();
        this.#stored = batch.next;
        return outcome === 'lost' ? 'found' : 'written';
      } catch (error) {
        refuse(error, blame);
        listener.trouble(error);
        if (this.#stopping) return 'stopped';
        await backoff.wait();
        if (this.#stopping) return 'stopped';
      }
    }
  }

  /** A write that fails from now on is given up: `stopped`. */
  stop(): void {
    this.#stopping = true;
    this.#parts.backoff.cancel();
  }

  async #isStored(next: Checkpoint): Promise<boolean> {
    const stored = await this.#parts.rows.checkpoint(this.#table);
    return stored?.storeId === next.storeId && stored.position === next.position;
  }
}

/** Throws if sending the batch again cannot help, blaming the event that last changed the row which the error names. */
function refuse(error: unknown, blame: Blame): void {
  if (!isPerdureError(error) || errorSpec(error.code).retry !== 'never') return;
  const { details } = error;
  const key = typeof details === 'object' && details !== null && 'key' in details ? details.key : undefined;
  const blamed = typeof key === 'string' ? blame(key) : undefined;
  throw blamed === undefined ? error : new EventFailure(blamed, error);
}
