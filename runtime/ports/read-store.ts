import type { Position } from '../core/record.ts';

/**
 * Where projection rows live. Every adapter passes `test/contract/read-store.ts`.
 *
 * Promises:
 * P1. One `write` is one transaction: rows, index entries and checkpoint, all or nothing, durable when it resolves.
 * P2. A write whose `expected` checkpoint is not the stored one changes nothing and answers `lost`.
 * P3. A page read with a cursor continues where the last ended; rows that did not change in between are seen exactly once.
 */
export interface ReadStore {
  /** Makes a table (and its indexes) known before its first use. May be repeated. Throws `invalid-definition`. */
  declare(table: TableDefinition): Promise<void>;
  /** The checkpoint of a table, undefined before its first write. */
  checkpoint(table: string): Promise<Checkpoint | undefined>;
  /** Applies one batch (P1, P2). Throws `index-value-invalid` for a value that cannot be indexed, naming row and field. */
  write(batch: WriteBatch): Promise<'written' | 'lost'>;
  /** One row, undefined if absent. */
  get(table: string, key: string): Promise<Row | undefined>;
  /** Rows for several keys, in the order of the keys. */
  getMany(table: string, keys: readonly string[]): Promise<readonly (Row | undefined)[]>;
  /** A page of rows. Throws `invalid-cursor`, `unknown-index`, `invalid-page`. */
  find(query: RowQuery): Promise<RowPage>;
  /** Removes a table with its rows and checkpoint. */
  drop(table: string): Promise<void>;
  close(): Promise<void>;
}

/** Place of a projection in the log of one store. */
export interface Checkpoint {
  readonly storeId: string;
  /** First position not yet applied. */
  readonly position: Position;
}

export interface TableDefinition {
  /** `{projection}@{version}`. */
  readonly table: string;
  /** Index name to the fields it is ordered by. A field is a top-level property of the row. */
  readonly indexes: Readonly<Record<string, readonly string[]>>;
}

/** A row is plain data. */
export type Row = unknown;

export interface RowChange {
  readonly key: string;
  /** The new row, or undefined to remove it. */
  readonly row: Row | undefined;
}

export interface WriteBatch {
  readonly table: string;
  readonly expected: Checkpoint | undefined;
  readonly next: Checkpoint;
  /** At most one change per key. */
  readonly changes: readonly RowChange[];
}

export interface RowQuery {
  readonly table: string;
  /** Absent: ordered by key. */
  readonly index?: string;
  /** Values of the index's first fields (or, without an index, absent). */
  readonly equals?: readonly IndexValue[];
  /** Inclusive bounds of the next field after `equals` (without an index: of the key). */
  readonly from?: IndexValue;
  readonly to?: IndexValue;
  readonly descending?: boolean;
  /** 1 to 1 000. */
  readonly limit: number;
  /** From the page before; belongs to the same query. */
  readonly cursor?: string;
}

/** Order: null, false, true, numbers, strings (by code unit or UTF-8: adapters agree for what they both hold). Absent fields count as null. */
export type IndexValue = string | number | boolean | null;

export interface RowPage {
  readonly rows: readonly { readonly key: string; readonly row: Row }[];
  /** Absent on the last page. */
  readonly cursor?: string;
}
