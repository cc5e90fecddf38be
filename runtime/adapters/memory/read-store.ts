/**
 * A read store in memory, for tests and the simulation.
 *
 * Invariants:
 * V1. Everything durable is in `contents`, which outlives the adapter: opening another adapter on it is a restart.
 * V2. A write takes effect in one deferred step and is answered in a second; a `defer` that drops the first loses the write,
 *     one that drops the second loses the answer. `close` waits for writes, so a crash is simulated by not calling it.
 * V3. Rows are kept packed, so nobody can change a stored row by holding a reference to it.
 */
import { Packr } from 'msgpackr';
import { PerdureError } from '../../core/errors.ts';
import type { Checkpoint, ReadStore, Row, RowPage, RowQuery, TableDefinition, WriteBatch } from '../../ports/read-store.ts';
import {
  checkQuery,
  checkRowKey,
  checkSameIndexes,
  declared,
  indexListOf,
  orderValues,
  queryFields,
  sameCheckpoint,
} from '../../ports/row-rules.ts';
import { compareOrder, decodeCursor, encodeCursor, matches } from './read-store-query.ts';

interface MemoryTable {
  readonly indexes: TableDefinition['indexes'];
  checkpoint: Checkpoint | undefined;
  /** Row key to the packed row. */
  readonly rows: Map<string, Uint8Array>;
}

/** What a memory read store holds. */
export interface MemoryReadContents {
  readonly tables: Map<string, MemoryTable>;
}

/** Contents of a new store. */
export function emptyReadContents(): MemoryReadContents {
  return { tables: new Map() };
}

/** Calls `run` later, once (or never, in a simulation that loses it). */
export type Defer = (run: () => void) => void;

/** `contents` is shared by successive adapters, `defer` completes writes; see V1 and V2. */
export class MemoryReadStore implements ReadStore {
  readonly #contents: MemoryReadContents;
  readonly #defer: Defer;
  readonly #packr = new Packr({ useRecords: false });
  readonly #declared = new Set<string>();
  readonly #underWay = new Set<Promise<unknown>>();
  #closed = false;

  constructor(contents: MemoryReadContents = emptyReadContents(), options: { readonly defer?: Defer } = {}) {
    this.#contents = contents;
    this.#defer = options.defer ?? ((run) => setImmediate(run));
  }

  async declare(definition: TableDefinition): Promise<void> {
    this.#open();
    const { table, indexes } = definition;
    const list = indexListOf(definition);
    const known = this.#contents.tables.get(table);
    if (known === undefined) this.#contents.tables.set(table, { indexes, checkpoint: undefined, rows: new Map() });
    else checkSameIndexes(table, indexListOf({ table, indexes: known.indexes }), list);
    this.#declared.add(table);
  }

  async checkpoint(table: string): Promise<Checkpoint | undefined> {
    return this.#table(table).checkpoint;
  }

  async write(batch: WriteBatch): Promise<'written' | 'lost'> {
    const table = this.#table(batch.table);
    const changes = batch.changes.map(({ key, row }) => {
      checkRowKey(batch.table, key);
      if (row !== undefined) for (const fields of Object.values(table.indexes)) orderValues(batch.table, fields, key, row);
      return { key, packed: row === undefined ? undefined : Uint8Array.from(this.#packr.pack(row)) };
    });
    return this.#later(() => {
      if (!sameCheckpoint(table.checkpoint, batch.expected)) return 'lost';
      for (const { key, packed } of changes) {
        if (packed === undefined) table.rows.delete(key);
        else table.rows.set(key, packed);
      }
      table.checkpoint = batch.next;
      return 'written';
    });
  }

  async get(table: string, key: string): Promise<Row | undefined> {
    return this.#row(this.#table(table), key);
  }

  async getMany(table: string, keys: readonly string[]): Promise<readonly (Row | undefined)[]> {
    const known = this.#table(table);
    return keys.map((key) => this.#row(known, key));
  }

  async find(query: RowQuery): Promise<RowPage> {
    const table = this.#table(query.table);
    const fields = queryFields(query, (index) => (Object.hasOwn(table.indexes, index) ? table.indexes[index] : undefined));
    checkQuery(query, fields);
    const sign = query.descending ? -1 : 1;
    const after = query.cursor === undefined ? undefined : decodeCursor(query, query.cursor, fields);
    const found = [...table.rows.keys()]
      .map((key) => {
        const row = this.#row(table, key);
        return { key, row, order: orderValues(query.table, fields, key, row) };
      })
      .filter(({ order }) => matches(query, order) && (after === undefined || sign * compareOrder(order, after) > 0))
      .sort((one, other) => sign * compareOrder(one.order, other.order));
    const rows = found.slice(0, query.limit).map(({ key, row }) => ({ key, row }));
    const last = found[query.limit - 1];
    return found.length > query.limit && last ? { rows, cursor: encodeCursor(query, last.order) } : { rows };
  }

  async drop(table: string): Promise<void> {
    this.#table(table);
    this.#declared.delete(table);
    await this.#later(() => this.#contents.tables.delete(table));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([...this.#underWay]);
  }

  #later<T>(apply: () => T): Promise<T> {
    const settled = new Promise<T>((resolve) => {
      this.#defer(() => {
        const answer = apply();
        this.#defer(() => resolve(answer));
      });
    });
    this.#underWay.add(settled);
    return settled.finally(() => this.#underWay.delete(settled));
  }

  #row(table: MemoryTable, key: string): Row | undefined {
    const packed = table.rows.get(key);
    return packed === undefined ? undefined : this.#packr.unpack(packed);
  }

  #table(name: string): MemoryTable {
    this.#open();
    return declared(name, this.#declared.has(name) ? this.#contents.tables.get(name) : undefined);
  }

  #open(): void {
    if (this.#closed) throw new PerdureError('store-closed');
  }
}
