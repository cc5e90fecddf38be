/**
 * Order, queries and cursors of the memory read store: the port's rules written plainly, as an oracle for the others.
 *
 * Invariants:
 * M1. null < false < true < numbers (-0 is 0) < strings by code point, as UTF-8 bytes sort; ties by row key.
 * M2. A cursor carries the ordering values of the last row, so rows changed between pages neither move nor repeat the rest.
 */
import { PerdureError } from '../../core/errors.ts';
import type { IndexValue, RowQuery } from '../../ports/read-store.ts';
import { isIndexValue, queryIdentity } from '../../ports/row-rules.ts';

/** Ordering values of a row: those of the index's fields, then its key. */
export type OrderKey = readonly IndexValue[];

/** Negative, 0 or positive, field by field (M1). */
export function compareOrder(one: OrderKey, other: OrderKey): number {
  for (let at = 0; at < Math.min(one.length, other.length); at++) {
    const difference = compareValues(one[at] ?? null, other[at] ?? null);
    if (difference !== 0) return difference;
  }
  return one.length - other.length;
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
  return Buffer.from(JSON.stringify([queryIdentity(query), last]), 'utf8').toString('base64url');
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
  const genuine = whose === queryIdentity(query) && Array.isArray(last) && last.length === fields.length + 1 && last.every(isIndexValue);
  if (!genuine) throw new PerdureError('invalid-cursor');
  return last;
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
