/**
 * The read store of one node, on lmdb: an ordered map in its own environment. Knows tables and keys, not projections.
 *
 * Invariants:
 * L1. One `write` is one lmdb transaction that reads the old rows it replaces; the commit syncs before the write resolves.
 * L2. Whatever can be wrong with a batch is found before its transaction changes anything; an error inside aborts it whole.
 * L3. A table's number is never used again, so what a crash leaves of a dropped table can be swept at the next open.
 */
import { open, type RootDatabase } from 'lmdb';
import { Packr } from 'msgpackr';
import { PerdureError } from '../../core/errors.ts';
import type { Checkpoint, ReadStore, Row, RowChange, RowPage, RowQuery, TableDefinition, WriteBatch } from '../../ports/read-store.ts';
import {
  checkQuery,
  checkRowKey,
  checkSameIndexes,
  declared,
  type IndexList,
  indexListOf,
  isRowKey,
  queryFields,
  sameCheckpoint,
} from '../../ports/row-rules.ts';
import { makeDirectory } from './make-directory.ts';
import { writeFailure } from './read-store-failure.ts';
import { decodeRowKey, type Entry, encodeEntry, encodeKey, indexPrefix, ROWS } from './read-store-keys.ts';
import { encodeCursor, rangeOf } from './read-store-query.ts';

/** Keys removed per transaction when a table is swept. */
const SWEEP_KEYS = 10_000;

const SPACE_TABLE = 0x00;
const SPACE_CHECKPOINT = 0x01;
const SPACE_NEXT_ID = 0x02;
const SPACE_DROPPED = 0x03;

interface IndexPlace {
  readonly table: string;
  readonly prefix: Buffer;
  readonly fields: readonly string[];
}

interface Table {
  readonly name: string;
  readonly id: number;
  readonly rows: Buffer;
  readonly indexes: ReadonlyMap<string, IndexPlace>;
}

/** A change, encoded. `packed` and `entries` are absent for a removal. */
interface PreparedChange {
  readonly key: string;
  readonly rowKey: Buffer;
  readonly packed: Buffer | undefined;
  readonly entries: readonly Entry[];
}

/** What is stored about a table: its number and its indexes, `[name, fields]`, sorted by name; index i has number i + 1. */
interface StoredTable {
  readonly id: number;
  readonly indexes: IndexList;
}

/**
 * Opens (or makes) a read store in the directory `dir`, and sweeps what a crash left of dropped tables.
 */
export async function openEmbeddedReadStore({ dir }: { readonly dir: string }): Promise<ReadStore> {
  await makeDirectory(dir);
  const env = open<Buffer, Buffer>({
    path: dir,
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
    // With it a transaction that fails, as on a full disk, leaves a promise rejected that nobody can handle, which ends the process.
    eventTurnBatching: false,
  });
  const store = new EmbeddedReadStore(env);
  await store.sweep();
  return store;
}

class EmbeddedReadStore implements ReadStore {
  readonly #env: RootDatabase<Buffer, Buffer>;
  readonly #packr = new Packr({ useRecords: false });
  readonly #tables = new Map<string, Table>();
  #closed = false;

  constructor(env: RootDatabase<Buffer, Buffer>) {
    this.#env = env;
  }

  async declare(definition: TableDefinition): Promise<void> {
    this.#open();
    const indexes = indexListOf(definition);
    const stored = await this.#transaction(() => {
      const known = this.#storedTable(definition.table);
      if (known !== undefined) return known;
      const nextKey = Buffer.from([SPACE_NEXT_ID]);
      const made: StoredTable = { id: this.#env.getBinary(nextKey)?.readUInt32BE() ?? 1, indexes };
      this.#env.putSync(nextKey, u32(made.id + 1));
      this.#env.putSync(tableKey(definition.table), toJson(made));
      return made;
    });
    checkSameIndexes(definition.table, stored.indexes, indexes);
    this.#tables.set(definition.table, tableOf(definition.table, stored));
  }

  async checkpoint(table: string): Promise<Checkpoint | undefined> {
    return this.#checkpoint(this.#table(table));
  }

  async write(batch: WriteBatch): Promise<'written' | 'lost'> {
    const table = this.#table(batch.table);
    const changes = batch.changes.map((change) => this.#prepare(table, change));
    return this.#transaction(() => {
      if (!sameCheckpoint(this.#checkpoint(table), batch.expected)) return 'lost';
      for (const change of changes) this.#apply(table, change);
      this.#env.putSync(numberKey(SPACE_CHECKPOINT, table.id), toJson(batch.next));
      return 'written';
    });
  }

  async get(table: string, key: string): Promise<Row | undefined> {
    return this.#row(rowKeyOf(this.#table(table), key));
  }

  async getMany(table: string, keys: readonly string[]): Promise<readonly (Row | undefined)[]> {
    const known = this.#table(table);
    return keys.map((key) => this.#row(rowKeyOf(known, key)));
  }

  async find(query: RowQuery): Promise<RowPage> {
    const table = this.#table(query.table);
    const index = query.index === undefined ? undefined : table.indexes.get(query.index);
    checkQuery(
      query,
      queryFields(query, () => index?.fields),
    );
    const target = index ?? { prefix: table.rows };
    const { low, high } = rangeOf(query, target);
    const ends = query.descending ? { start: high, end: low, reverse: true } : { start: low, end: high };
    const rows: { key: string; row: Row }[] = [];
    let last: Buffer | undefined;
    for (const { key, value } of this.#env.getRange({ ...ends, limit: query.limit + 1 })) {
      if (rows.length === query.limit && last) return { rows, cursor: encodeCursor(query, last, target.prefix) };
      last = key;
      rows.push(query.index === undefined ? this.#fromRow(key, value) : this.#fromEntry(table, key, value));
    }
    return { rows };
  }

  async drop(name: string): Promise<void> {
    const table = this.#table(name);
    this.#tables.delete(name);
    await this.#transaction(() => {
      this.#env.removeSync(tableKey(name));
      this.#env.removeSync(numberKey(SPACE_CHECKPOINT, table.id));
      this.#env.putSync(numberKey(SPACE_DROPPED, table.id), Buffer.alloc(0));
    });
    await this.sweep();
  }

  /** Removes what is left of dropped tables, a bounded number of keys per transaction. */
  async sweep(): Promise<void> {
    const dropped = [...this.#env.getKeys({ start: Buffer.from([SPACE_DROPPED]), end: Buffer.from([SPACE_DROPPED + 1]) })];
    for (const marker of dropped) {
      const id = marker.readUInt32BE(1);
      const range = { start: indexPrefix(id, 0), end: Buffer.concat([indexPrefix(id, 0xffff), Buffer.from([0xff])]), limit: SWEEP_KEYS };
      for (let keys = [...this.#env.getKeys(range)]; keys.length > 0; keys = [...this.#env.getKeys(range)]) {
        await this.#transaction(() => {
          for (const key of keys) this.#env.removeSync(key);
        });
      }
      await this.#transaction(() => this.#env.removeSync(marker));
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#env.close();
  }

  #prepare(table: Table, { key, row }: RowChange): PreparedChange {
    checkRowKey(table.name, key);
    const rowKey = rowKeyOf(table, key);
    if (row === undefined) return { key, rowKey, packed: undefined, entries: [] };
    return { key, rowKey, packed: this.#packr.pack(row), entries: entriesOf(table, key, row) };
  }

  #apply(table: Table, { key, rowKey, packed, entries }: PreparedChange): void {
    if (table.indexes.size > 0) {
      const old = this.#row(rowKey);
      const oldEntries = old === undefined ? [] : entriesOf(table, key, old);
      for (let at = 0; at < table.indexes.size; at++) {
        const was = oldEntries[at];
        const is = entries[at];
        if (was && is && was.bytes.equals(is.bytes)) continue;
        if (was) this.#env.removeSync(was.bytes);
        if (is) this.#env.putSync(is.bytes, u16(is.keyAt));
      }
    }
    if (packed === undefined) this.#env.removeSync(rowKey);
    else this.#env.putSync(rowKey, packed);
  }

  #fromRow(key: Buffer, value: Buffer): { key: string; row: Row } {
    return { key: decodeRowKey(key, indexPrefix(0, ROWS).length), row: this.#packr.unpack(value) };
  }

  #fromEntry(table: Table, entry: Buffer, value: Buffer): { key: string; row: Row } {
    const keyAt = value.readUInt16BE();
    const row = this.#row(Buffer.concat([table.rows, entry.subarray(keyAt)]));
    if (row === undefined) throw new PerdureError('invariant-violated', `An index entry of ${table.name} has no row.`);
    return { key: decodeRowKey(entry, keyAt), row };
  }

  #row(rowKey: Buffer): Row | undefined {
    const packed = this.#env.getBinary(rowKey);
    return packed === undefined ? undefined : this.#packr.unpack(packed);
  }

  #checkpoint(table: Table): Checkpoint | undefined {
    return fromJson<Checkpoint>(this.#env.getBinary(numberKey(SPACE_CHECKPOINT, table.id)));
  }

  #storedTable(name: string): StoredTable | undefined {
    return fromJson<StoredTable>(this.#env.getBinary(tableKey(name)));
  }

  #table(name: string): Table {
    this.#open();
    return declared(name, this.#tables.get(name));
  }

  #open(): void {
    if (this.#closed) throw new PerdureError('store-closed');
  }

  async #transaction<T>(run: () => T): Promise<T> {
    try {
      return await this.#env.childTransaction(run);
    } catch (error) {
      if (error instanceof PerdureError) throw error;
      throw await writeFailure(error);
    }
  }
}

function tableOf(name: string, stored: StoredTable): Table {
  const indexes = new Map<string, IndexPlace>();
  for (const [at, [index, fields]] of stored.indexes.entries()) {
    indexes.set(index, { table: name, prefix: indexPrefix(stored.id, at + 1), fields });
  }
  return { name, id: stored.id, rows: indexPrefix(stored.id, ROWS), indexes };
}

function entriesOf(table: Table, key: string, row: Row): Entry[] {
  const entries: Entry[] = [];
  for (const place of table.indexes.values()) entries.push(encodeEntry(place, key, row));
  return entries;
}

/** The key of a row; a key that no row can have is looked up as one that none has. */
function rowKeyOf(table: Table, key: string): Buffer {
  return isRowKey(key) ? encodeKey(table.rows, [key]) : encodeKey(table.rows, []);
}

function tableKey(name: string): Buffer {
  return Buffer.concat([Buffer.from([SPACE_TABLE]), Buffer.from(name, 'utf8')]);
}

function numberKey(space: number, id: number): Buffer {
  return Buffer.concat([Buffer.from([space]), u32(id)]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function toJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

function fromJson<T>(bytes: Buffer | undefined): T | undefined {
  return bytes === undefined ? undefined : (JSON.parse(bytes.toString('utf8')) as T);
}
