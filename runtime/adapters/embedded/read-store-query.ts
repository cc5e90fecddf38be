/**
 * From a query to the two ends of one range of keys, and to the cursor that continues it.
 *
 * Invariants:
 * Q1. Both ends lie between keys, never on one (K2, K3), so inclusive and exclusive ends are the same.
 * Q2. A cursor is the last key of its page, bound to its query by a hash; another query's is `invalid-cursor`.
 */
import { createHash } from 'node:crypto';
import { PerdureError } from '../../core/errors.ts';
import type { IndexValue, RowQuery } from '../../ports/read-store.ts';
import { queryIdentity } from '../../ports/row-rules.ts';
import { encodeKey } from './read-store-keys.ts';

/** What a query runs over: the key prefix of the rows, or of one index. */
export interface QueryTarget {
  readonly prefix: Buffer;
}

/** Keys in `low` < key < `high`. */
export interface KeyRange {
  readonly low: Buffer;
  readonly high: Buffer;
}

const END = Buffer.from([0xff]);
const HASH_BYTES = 8;

/** The range of a checked query, cut at its cursor. Throws `invalid-cursor`. */
export function rangeOf(query: RowQuery, target: QueryTarget): KeyRange {
  const equals = encodeKey(target.prefix, query.equals ?? []);
  const low = query.from === undefined ? equals : below(equals, query.from);
  const high = Buffer.concat([query.to === undefined ? equals : encodeKey(equals, [query.to]), END]);
  if (query.cursor === undefined) return { low, high };
  const last = decodeCursor(query, query.cursor, target.prefix);
  const outside = Buffer.compare(last, low) <= 0 || Buffer.compare(last, high) >= 0;
  if (outside) throw new PerdureError('invalid-cursor');
  return query.descending ? { low, high: last.subarray(0, -1) } : { low: Buffer.concat([last, Buffer.alloc(1)]), high };
}

/** The cursor after a page whose last key is `last`. */
export function encodeCursor(query: RowQuery, last: Buffer, prefix: Buffer): string {
  return Buffer.concat([fingerprint(query), last.subarray(prefix.length)]).toString('base64url');
}

function decodeCursor(query: RowQuery, cursor: string, prefix: Buffer): Buffer {
  const bytes = Buffer.from(cursor, 'base64url');
  const genuine = bytes.length > HASH_BYTES && bytes.subarray(0, HASH_BYTES).equals(fingerprint(query));
  if (!genuine) throw new PerdureError('invalid-cursor');
  return Buffer.concat([prefix, bytes.subarray(HASH_BYTES)]);
}

/** Below every key whose next value is >= `value`, above all others: the encoding without a text's terminator. */
function below(prefix: Buffer, value: IndexValue): Buffer {
  const bytes = encodeKey(prefix, [value]);
  return typeof value === 'string' ? bytes.subarray(0, -2) : bytes;
}

function fingerprint(query: RowQuery): Buffer {
  return createHash('sha256').update(queryIdentity(query)).digest().subarray(0, HASH_BYTES);
}
