/** What the engine and its pump know of the rows of one table between the log and the read store. */
import type { Position } from '../core/record.ts';
import type { Clock } from '../ports/clock.ts';
import type { SubscriptionBatch } from '../ports/event-store.ts';
import type { ReadStore, Row, TableDefinition } from '../ports/read-store.ts';
import type { Backoff } from './backoff.ts';

/** `lost`: another writer moved the checkpoint; `stopped`: given up because the table was told to stop. */
export type Flushed = 'written' | 'lost' | 'stopped';

/** What a table reports to. */
export interface TableListener {
  /** A write failed and is tried again. */
  trouble(error: unknown): void;
  /** It went through. */
  recovered(): void;
  /** Something an operator should know, though the table goes on. */
  warn(message: string, fields: Readonly<Record<string, unknown>>): void;
}

export interface TableParts {
  readonly rows: ReadStore;
  readonly storeId: string;
  readonly clock: Clock;
  readonly backoff: Backoff;
  readonly listener: TableListener;
}

export interface FoldOptions {
  /** Turns at this position and behind it are left alone. */
  readonly before: Position;
  /** Positions of events to pass over. */
  readonly skipped: ReadonlySet<Position>;
}

export interface Table {
  /** Everything before this position is folded. */
  readonly covered: Position;
  /** How far readers of the table see the log. */
  readonly visible: Position;
  /** Position of the stored checkpoint. */
  readonly storedPosition: Position;
  /** Records folded into rows that are not written yet. */
  readonly pendingEvents: number;
  readonly dirtyRows: number;
  /** As many changed rows wait as may. */
  readonly full: boolean;
  /** Reads the checkpoint and forgets everything else. Throws `store-mismatch` if it is not one of this log, which ends at `head`. */
  load(head: Position): Promise<void>;
  /** Back to the stored checkpoint: what is not written is dropped. */
  rewind(): void;
  /** Folds a batch. Anything but `written` ends the table's work. Throws an EventFailure, after which the caller must rewind. */
  fold(batch: SubscriptionBatch, options: FoldOptions): Promise<Flushed>;
  /** One write: all that changed, or a part of it; the caller goes on until `visible` is where it wants it. Throws an EventFailure. */
  flush(): Promise<Flushed>;
  /** A write that fails from now on is given up. */
  stop(): void;
}

/** A table that follows the log: the user's projections and the built-in entity rows are the two kinds. */
export interface Folding {
  /** Public name: a projection's, or `entity.{type}`. */
  readonly name: string;
  readonly table: TableDefinition;
  readonly entityTypes: readonly string[];
  /** Only turns with a record of one of these types concern it; absent: all do, so that a token's event always arrives. */
  readonly recordTypes?: readonly string[] | undefined;
  /** Rows are written at most once per this time, unless a reader waits or too many changed. */
  readonly coalesceMs: number;
  /** The index that finds the rows of a forgotten stream, if their keys do not follow from its name. */
  readonly sourceIndex: string | undefined;
  /** The row as readers see it. */
  visible(row: Row): Row;
  open(parts: TableParts): Table;
}
