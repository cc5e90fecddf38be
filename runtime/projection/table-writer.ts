/**
 * The rows of one table between the log and the read store: changed rows wait here until one write takes them all.
 *
 * Invariants:
 * T1. `covered` is how far the log is folded into rows here, `stored` how far it is in the read store; the table at a checkpoint
 *     is a function of the log before it. Hence a lost write that left exactly our checkpoint left exactly our rows.
 * T2. Only the writer whose checkpoint is the stored one changes the table, so what it remembers is never stale; after a
 *     lost write it remembers nothing.
 * T3. A failed write is sent again as it was until it is written, lost or refused for good: nothing is folded meanwhile.
 */
import { errorSpec, isPerdureError, PerdureError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Position, StreamName } from '../core/record.ts';
import type { Checkpoint, ReadStore, Row, WriteBatch } from '../ports/read-store.ts';
import type { Backoff } from './backoff.ts';
import { EventFailure, type EventPlace, type Folding, type Step } from './folding.ts';

/** Rows remembered beyond the changed ones. */
const MAX_CLEAN_ROWS = 4_096;

export type Flushed = 'written' | 'lost' | 'stopped';

interface Dirty {
  readonly row: Row | undefined;
  /** The last event that changed it. */
  readonly event: EventPlace;
}

/** What a writer reports to: `trouble` for a failed write that is tried again, `recovered` when it went through. */
export interface WriterListener {
  trouble(error: unknown): void;
  recovered(): void;
}

export class TableWriter {
  readonly #rows: ReadStore;
  readonly #storeId: string;
  readonly #folding: Folding;
  readonly #backoff: Backoff;
  readonly #listener: WriterListener;
  readonly #dirty = new Map<string, Dirty>();
  readonly #clean = new Map<string, Row | undefined>();
  #stored: Checkpoint | undefined;
  #covered: Position = 0;
  #events = 0;
  #stopping = false;

  constructor(rows: ReadStore, storeId: string, folding: Folding, backoff: Backoff, listener: WriterListener) {
    this.#rows = rows;
    this.#storeId = storeId;
    this.#folding = folding;
    this.#backoff = backoff;
    this.#listener = listener;
  }

  get covered(): Position {
    return this.#covered;
  }

  /** How far readers of the table see the log: beyond the stored checkpoint if nothing in between changed a row. */
  get visible(): Position {
    return this.#dirty.size === 0 ? this.#covered : (this.#stored?.position ?? 0);
  }

  get storedPosition(): Position {
    return this.#stored?.position ?? 0;
  }

  get dirtyRows(): number {
    return this.#dirty.size;
  }

  /** Events folded into rows that are not written yet. */
  get pendingEvents(): number {
    return this.#events;
  }

  /** Reads the checkpoint and forgets everything else. Throws `store-mismatch` if it is not one of this log, which ends at `head`. */
  async load(head: Position): Promise<void> {
    const stored = await this.#rows.checkpoint(this.#folding.table.table);
    const name = this.#folding.table.table;
    if (stored !== undefined && stored.storeId !== this.#storeId) {
      throw new PerdureError('store-mismatch', `The rows of ${name} come from store ${stored.storeId}, the log is store ${this.#storeId}.`);
    }
    if (stored !== undefined && stored.position > head) {
      throw new PerdureError('store-mismatch', `The rows of ${name} are at ${stored.position}, but the log ends at ${head}.`);
    }
    this.#stored = stored;
    this.rewind();
  }

  /** Back to the stored checkpoint: what is not written is dropped. */
  rewind(): void {
    this.#dirty.clear();
    this.#clean.clear();
    this.#events = 0;
    this.#covered = this.storedPosition;
  }

  /** Folds steps into rows. Throws an EventFailure, after which the caller must rewind. */
  async fold(steps: readonly Step[]): Promise<void> {
    await this.#fetch(steps);
    this.#events += steps.length;
    for (const { event, keys, apply } of steps) {
      for (const key of keys) {
        const before = this.#dirty.get(key)?.row ?? (this.#dirty.has(key) ? undefined : this.#clean.get(key));
        const row = applied(apply, before, key, event);
        if (row !== before || this.#dirty.has(key)) this.#dirty.set(key, { row, event });
      }
    }
  }

  /** Everything before `position` is folded. */
  advance(position: Position): void {
    this.#covered = Math.max(this.#covered, position);
  }

  /** Writes what changed and the checkpoint. Throws an EventFailure for a row that the store refuses for good. */
  async flush(): Promise<Flushed> {
    if (this.#dirty.size === 0 && this.#covered === this.storedPosition) return 'written';
    const changes = [...this.#dirty].map(([key, { row }]) => ({ key, row }));
    const flushed = await this.#write(changes);
    if (flushed !== 'written') return flushed;
    for (const [key, { row }] of this.#dirty) this.#remember(key, row);
    this.#dirty.clear();
    this.#events = 0;
    return 'written';
  }

  /** Removes every row that `stream` alone has made, a page per write; the checkpoint stays before the event that asks for it. */
  async forget(stream: StreamName): Promise<Flushed> {
    const index = this.#folding.sourceIndex;
    if (index === undefined) return 'written';
    const flushed = await this.flush();
    if (flushed !== 'written') return flushed;
    for (;;) {
      const page = await this.#rows.find({ table: this.#folding.table.table, index, equals: [stream], limit: LIMITS.maxPage });
      if (page.rows.length === 0) return 'written';
      const removed = await this.#write(page.rows.map(({ key }) => ({ key, row: undefined })));
      if (removed !== 'written') return removed;
      for (const { key } of page.rows) this.#clean.delete(key);
    }
  }

  /** A write that fails from now on is given up: `stopped`. */
  stop(): void {
    this.#stopping = true;
    this.#backoff.cancel();
  }

  async #write(changes: WriteBatch['changes']): Promise<Flushed> {
    const next = { storeId: this.#storeId, position: this.#covered };
    const batch = { table: this.#folding.table.table, expected: this.#stored, next, changes };
    for (let attempt = 1; ; attempt++) {
      try {
        const outcome = await this.#rows.write(batch);
        if (outcome === 'lost' && !(attempt > 1 && (await this.#isStored(next)))) return 'lost';
        if (attempt > 1) this.#listener.recovered();
        this.#backoff.reset();
        this.#stored = next;
        return 'written';
      } catch (error) {
        this.#refuse(error);
        this.#listener.trouble(error);
        if (this.#stopping) return 'stopped';
        await this.#backoff.wait();
        if (this.#stopping) return 'stopped';
      }
    }
  }

  /** After a write of unknown outcome: was it ours that took effect (T1)? */
  async #isStored(next: Checkpoint): Promise<boolean> {
    const stored = await this.#rows.checkpoint(this.#folding.table.table);
    return stored?.storeId === next.storeId && stored.position === next.position;
  }

  /** Throws if sending the batch again cannot help, blaming the event that last changed the row which the error names. */
  #refuse(error: unknown): void {
    if (!isPerdureError(error) || errorSpec(error.code).retry !== 'never') return;
    const { details } = error;
    const key = typeof details === 'object' && details !== null && 'key' in details ? details.key : undefined;
    const blamed = typeof key === 'string' ? this.#dirty.get(key)?.event : undefined;
    throw blamed === undefined ? error : new EventFailure(blamed, error);
  }

  async #fetch(steps: readonly Step[]): Promise<void> {
    this.#shrink();
    const missing = new Set<string>();
    for (const { keys } of steps) {
      for (const key of keys) if (!this.#dirty.has(key) && !this.#clean.has(key)) missing.add(key);
    }
    if (missing.size === 0) return;
    const keys = [...missing];
    const rows = await this.#rows.getMany(this.#folding.table.table, keys);
    for (const [index, key] of keys.entries()) this.#clean.set(key, rows[index]);
  }

  /** Last used, last out; the bound is kept between folds, so that a fold finds all it fetched. */
  #remember(key: string, row: Row | undefined): void {
    this.#clean.delete(key);
    this.#clean.set(key, row);
  }

  #shrink(): void {
    for (const key of this.#clean.keys()) {
      if (this.#clean.size <= MAX_CLEAN_ROWS) return;
      this.#clean.delete(key);
    }
  }
}

function applied(apply: Step['apply'], before: Row | undefined, key: string, event: EventPlace): Row | undefined {
  try {
    return apply(before, key);
  } catch (error) {
    throw new EventFailure(event, error);
  }
}
