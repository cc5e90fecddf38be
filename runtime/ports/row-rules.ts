/**
 * The rules of the read store that are the same wherever rows live: which values, keys, tables and queries it takes, and with which
 * error it refuses the others. Pure. Adapters add only how they store and order.
 *
 * Invariants:
 * A1. What one adapter refuses, all do: the sizes are those of the tightest store, an lmdb key of 1 978 bytes.
 * A2. A cursor belongs to its query whatever the page size: two queries with one identity have the same rows in the same order.
 */
import { PerdureError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Checkpoint, IndexValue, Row, RowQuery, TableDefinition } from './read-store.ts';

/** Bytes of an index entry, its table, values and row key included. */
const MAX_ENTRY_BYTES = 1_900;
/** What an entry has beside its values. */
const ENTRY_PREFIX_BYTES = 7;
/** Longer texts are refused before they are measured. */
const MAX_TEXT_UNITS = 4_096;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Index name and its fields, sorted by name: what a store keeps of a table to compare a later declaration with. */
export type IndexList = readonly (readonly [string, readonly string[]])[];

/** The indexes of a definition. Throws `invalid-definition` for a table without a name or an index without fields. */
export function indexListOf({ table, indexes }: TableDefinition): IndexList {
  if (table === '') throw new PerdureError('invalid-definition', 'A table needs a name.');
  const list = Object.keys(indexes)
    .sort()
    .map((name) => [name, [...(indexes[name] ?? [])]] as const);
  const empty = list.find(([, fields]) => fields.length === 0);
  if (empty) throw new PerdureError('invalid-definition', `Index ${empty[0]} of ${table} has no fields.`);
  return list;
}

/** Throws `invalid-definition` unless a table is declared with the indexes it is stored with. */
export function checkSameIndexes(table: string, stored: IndexList, declared: IndexList): void {
  if (JSON.stringify(stored) === JSON.stringify(declared)) return;
  throw new PerdureError('invalid-definition', `Table ${table} is stored with other indexes: raise its version.`);
}

/** `value` of a table that was found. Throws `unknown-table` for undefined: it was not declared. */
export function declared<T>(table: string, value: T | undefined): T {
  if (value === undefined) throw new PerdureError('unknown-table', `Table ${table} is used before it is declared.`);
  return value;
}

/** Are they the same place in the log, or both none? */
export function sameCheckpoint(one: Checkpoint | undefined, other: Checkpoint | undefined): boolean {
  return one?.storeId === other?.storeId && one?.position === other?.position;
}

/** Can it be ordered: null, boolean, finite number, or a text that UTF-8 can hold and that is not absurdly long? */
export function isIndexValue(value: unknown): value is IndexValue {
  if (typeof value === 'string') return value.length <= MAX_TEXT_UNITS && !LONE_SURROGATE.test(value);
  return value === null || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));
}

/** Is it a key that a row may have? */
export function isRowKey(key: string): boolean {
  return key.length <= LIMITS.maxRowKeyLength && !LONE_SURROGATE.test(key);
}

/** Throws `index-value-invalid`, details `{table, key, field: 'key'}`, for a key that no row can have. */
export function checkRowKey(table: string, key: string): void {
  if (!isRowKey(key)) throw valueInvalid(table, key, 'key');
}

/**
 * The values that order a row in an index: one per field, absent ones null, then its key.
 * Throws `index-value-invalid`, details `{table, key, field}`, for a value that cannot be ordered or makes the entry too long.
 */
export function orderValues(table: string, fields: readonly string[], key: string, row: Row): readonly IndexValue[] {
  const values: IndexValue[] = [];
  let bytes = ENTRY_PREFIX_BYTES;
  for (const field of fields) {
    const value = fieldOf(row, field);
    if (!isIndexValue(value)) throw valueInvalid(table, key, field);
    bytes += valueBytes(value);
    if (bytes > MAX_ENTRY_BYTES) throw valueInvalid(table, key, field);
    values.push(value);
  }
  if (bytes + valueBytes(key) > MAX_ENTRY_BYTES) throw valueInvalid(table, key, longestField(fields, row));
  values.push(key);
  return values;
}

/** Fields that a query is ordered by, without the key: none without an index. Throws `unknown-index`. */
export function queryFields(query: RowQuery, fieldsOf: (index: string) => readonly string[] | undefined): readonly string[] {
  const fields = query.index === undefined ? [] : fieldsOf(query.index);
  if (fields === undefined) throw new PerdureError('unknown-index', `${query.table} declares no index "${query.index}".`);
  return fields;
}

/** Throws `invalid-page` for a limit, value or bound that no page can have. `fields` as `queryFields` has them. */
export function checkQuery(query: RowQuery, fields: readonly string[]): void {
  const { limit, equals = [], from, to } = query;
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMITS.maxPage) invalid(`limit must be 1 to ${LIMITS.maxPage}`);
  if (equals.length > fields.length) invalid('more values to equal than the index has fields');
  const bounded = from !== undefined || to !== undefined;
  if (bounded && query.index !== undefined && equals.length === fields.length) invalid('a bound needs a field after `equals`');
  for (const value of [...equals, from, to]) {
    if (value !== undefined && !isIndexValue(value)) invalid('a value of the query cannot be indexed');
  }
  for (const bound of query.index === undefined ? [from, to] : []) {
    if (typeof bound === 'string' && !isRowKey(bound)) invalid('a bound is longer than a row key may be');
  }
}

/** What a cursor must have been made for (A2). */
export function queryIdentity(query: RowQuery): string {
  const { table, index = null, equals = [], from, to, descending = false } = query;
  return JSON.stringify([table, index, equals, from === undefined ? [] : [from], to === undefined ? [] : [to], descending]);
}

function valueInvalid(table: string, key: string, field: string): PerdureError {
  const message = `Row ${JSON.stringify(key)} of ${table}: the value of "${field}" cannot be indexed.`;
  return new PerdureError('index-value-invalid', message, { table, key, field });
}

/** A top-level property of a row; null if the row has none of that name. */
function fieldOf(row: Row, field: string): unknown {
  if (typeof row !== 'object' || row === null || !Object.hasOwn(row, field)) return null;
  return Reflect.get(row, field) ?? null;
}

/** Bytes of a value in an entry: a tag, and for texts a terminator and a byte more per NUL. */
function valueBytes(value: IndexValue): number {
  if (typeof value === 'number') return 9;
  return typeof value === 'string' ? Buffer.byteLength(value, 'utf8') + value.split('\0').length + 2 : 1;
}

function longestField(fields: readonly string[], row: Row): string {
  const size = (field: string) => String(fieldOf(row, field)).length;
  return fields.reduce((longest, field) => (size(field) > size(longest) ? field : longest));
}

function invalid(why: string): never {
  throw new PerdureError('invalid-page', `The page is not valid: ${why}.`);
}
