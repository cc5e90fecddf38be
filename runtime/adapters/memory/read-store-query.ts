/**
 * Order, queries and cursors of the memory read store: the port's rules written plainly, as an oracle for the others.
 *
 * Invariants:
 * M1. null < false < true < numbers (-0 is 0) < strings by code point, as UTF-8 bytes sort; ties by row key.
 * M2. A cursor carries the ordering values of the last row, so rows changed between pages neither move nor repeat the rest.
 */
import { PerdureError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { IndexValue, Row, RowQuery } from '../../ports/read-store.ts';

/** Bytes of an index entry as the embedded store would write it, so that both refuse the same rows. */
const MAX_ENTRY_BYTES = 1_900;
const MAX_TEXT_UNITS = 4_096;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Ordering values of a row: those of the index's fields, then its key. */
export type OrderKey = readonly IndexValue[];

/** The ordering values of a row. Throws `index-value-invalid`, details `{table, key, field}`. */
export function orderKeyOf(table: string, fields: readonly string[], key: string, row: Row): OrderKey {
  const values: IndexValue[] = [];
  let bytes = 7;
  for (const field of fields) {
    const value = fieldOf(row, field);
    if (!isIndexValue(value)) throw valueInvalid(table, key, field);
    bytes += entryBytes(value);
    if (bytes > MAX_ENTRY_BYTES) throw valueInvalid(table, key, field);
    values.push(value);
  }
  if (bytes + entryBytes(key) > MAX_ENTRY_BYTES) throw valueInvalid(table, key, longestField(fields, row));
  return [...values, key];
}

/** Is it a key that a row may have? */
export function isRowKey(key: string): boolean {
  return key.length <= LIMITS.maxRowKeyLength && !LONE_SURROGATE.test(key);
}

/** The error of a row whose `field` (or whose key, field `key`) cannot be ordered. */
export function valueInvalid(table: string, key: string, field: string): PerdureError {
  const message = `Row ${JSON.stringify(key)} of ${table}: the value of "${field}" cannot be indexed.`;
  return new PerdureError('index-value-invalid', message, { table, key, field });
}

/** Negative, 0 or positive, field by field (M1). */
export function compareOrder(one: OrderKey, other: OrderKey): number {
  for (let at = 0; at < Math.min(one.length, other.length); at++) {
    const difference = compareValues(one[at] ?? null, other[at] ?? null);
    if (difference !== 0) return difference;
  }
  return one.length - other.length;
}

/** Throws `invalid-page` for a limit, value or bound that no page can have. `fields` of the index, none for the rows. */
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

/** Does a row with these ordering values answer the query? */
export function matches(query: RowQuery, order: OrderKey): boolean {
  const equals = query.equals ?? [];
  if (equals.some((value, at) => compareValues(value, order[at] ?? null) !== 0)) return false;
  const next = order[equals.length] ?? null;
  if (query.from !== undefined && compareValues(next, query.from) < 0) return false;
  return query.to === undefined || compareValues(next, query.to) <= 0;
}

/** The cursor after a page whose last row has these ordering values. */
export function encodeCursor(query: RowQuery, last: OrderKey): string {
  return Buffer.from(JSON.stringify([identity(query), last]), 'utf8').toString('base64url');
}

/** The ordering values in a cursor of this query. Throws `invalid-cursor`. */
export function decodeCursor(query: RowQuery, cursor: string, fields: readonly string[]): OrderKey {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch (error) {
    throw new PerdureError('invalid-cursor', undefined, undefined, { cause: error });
  }
  const [whose, last] = Array.isArray(parsed) ? (parsed as unknown[]) : [];
  const genuine = whose === identity(query) && Array.isArray(last) && last.length === fields.length + 1 && last.every(isIndexValue);
  if (!genuine) throw new PerdureError('invalid-cursor');
  return last;
}

function identity(query: RowQuery): string {
  const { table, index = null, equals = [], from, to, descending = false } = query;
  return JSON.stringify([table, index, equals, from === undefined ? [] : [from], to === undefined ? [] : [to], descending]);
}

function compareValues(one: IndexValue, other: IndexValue): number {
  const rank = rankOf(one) - rankOf(other);
  if (rank !== 0) return rank;
  if (typeof one === 'number' && typeof other === 'number') return one === other ? 0 : one < other ? -1 : 1;
  if (typeof one === 'string' && typeof other === 'string') return compareText(one, other);
  return 0;
}

function rankOf(value: IndexValue): number {
  if (value === null) return 0;
  if (typeof value === 'boolean') return value ? 2 : 1;
  return typeof value === 'number' ? 3 : 4;
}

function compareText(one: string, other: string): number {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at++) {
    const difference = codePointRank(one.charCodeAt(at)) - codePointRank(other.charCodeAt(at));
    if (difference !== 0) return difference;
  }
  return one.length - other.length;
}

/** Code units sort by code point once surrogates are put above U+E000 to U+FFFF. */
function codePointRank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

function isIndexValue(value: unknown): value is IndexValue {
  if (typeof value === 'string') return value.length <= MAX_TEXT_UNITS && !LONE_SURROGATE.test(value);
  return value === null || typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value));
}

function entryBytes(value: IndexValue): number {
  if (typeof value === 'number') return 9;
  return typeof value === 'string' ? Buffer.byteLength(value, 'utf8') + value.split('\0').length + 2 : 1;
}

function fieldOf(row: Row, field: string): unknown {
  if (typeof row !== 'object' || row === null || !Object.hasOwn(row, field)) return null;
  return Reflect.get(row, field) ?? null;
}

function longestField(fields: readonly string[], row: Row): string {
  const size = (field: string) => String(fieldOf(row, field)).length;
  return fields.reduce((longest, field) => (size(field) > size(longest) ? field : longest));
}

function invalid(why: string): never {
  throw new PerdureError('invalid-page', `The page is not valid: ${why}.`);
}
