/**
 * Keys of the embedded read store: byte strings whose order under memcmp is the order that the port promises.
 *
 * Invariants:
 * K1. null < false < true < numbers (by value, -0 is 0) < strings (by UTF-8 bytes, that is by code point).
 * K2. No key of one index is a prefix of another: strings end in 00 01, and a 00 inside one is written 00 FF.
 * K3. Nothing in a key starts a segment with FF, so `prefix + FF` is above every key with that prefix.
 */
import type { IndexValue, Row } from '../../ports/read-store.ts';
import { orderValues } from '../../ports/row-rules.ts';

const TAG_NULL = 0x02;
const TAG_FALSE = 0x03;
const TAG_TRUE = 0x04;
const TAG_NUMBER = 0x05;
const TAG_TEXT = 0x06;
const SPACE_DATA = 0x10;
const PREFIX_BYTES = 7;

/** More than an entry takes, or a bound: no text is longer than 4 096 units, of three bytes each, and few are in one key. */
const scratch = Buffer.allocUnsafe(64 * 1024);

/** Index 0 of a table is its rows. */
export const ROWS = 0;

/** The seven bytes that every key of one index of one table starts with. */
export function indexPrefix(tableId: number, indexId: number): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix[0] = SPACE_DATA;
  prefix.writeUInt32BE(tableId, 1);
  prefix.writeUInt16BE(indexId, 5);
  return prefix;
}

/** `prefix` followed by the values. The caller has checked them with `isIndexValue`. */
export function encodeKey(prefix: Buffer, values: readonly IndexValue[]): Buffer {
  let at = prefix.copy(scratch, 0);
  for (const value of values) at = encodeValue(value, at);
  return Buffer.from(scratch.subarray(0, at));
}

/** Where in an index entry the row's key starts, and the whole entry. */
export interface Entry {
  readonly bytes: Buffer;
  readonly keyAt: number;
}

/**
 * The entry of a row in an index. Throws `index-value-invalid`, details `{table, key, field}`, for a field that cannot be indexed.
 */
export function encodeEntry(place: { table: string; prefix: Buffer; fields: readonly string[] }, key: string, row: Row): Entry {
  let at = place.prefix.copy(scratch, 0);
  let keyAt = at;
  for (const value of orderValues(place.table, place.fields, key, row)) {
    keyAt = at;
    at = encodeValue(value, at);
  }
  return { bytes: Buffer.from(scratch.subarray(0, at)), keyAt };
}

/** The row key at the end of an entry or of a key of the rows. */
export function decodeRowKey(bytes: Buffer, keyAt: number): string {
  const text = bytes.toString('utf8', keyAt + 1, bytes.length - 2);
  if (bytes.indexOf(0, keyAt + 1) === bytes.length - 2) return text;
  const plain: number[] = [];
  for (let at = keyAt + 1; at < bytes.length - 2; at++) {
    const byte = bytes[at] ?? 0;
    plain.push(byte);
    if (byte === 0) at++;
  }
  return Buffer.from(plain).toString('utf8');
}

function encodeValue(value: IndexValue, start: number): number {
  if (typeof value === 'string') return encodeText(value, start);
  if (typeof value === 'number') return encodeNumber(value, start);
  scratch[start] = value === null ? TAG_NULL : value ? TAG_TRUE : TAG_FALSE;
  return start + 1;
}

/** IEEE 754 doubles sort as unsigned integers once the sign bit is flipped, negative ones once all bits are. */
function encodeNumber(value: number, start: number): number {
  scratch[start] = TAG_NUMBER;
  scratch.writeDoubleBE(value === 0 ? 0 : value, start + 1);
  const first = scratch[start + 1] ?? 0;
  if (first < 0x80) {
    scratch[start + 1] = first | 0x80;
  } else {
    for (let at = start + 1; at <= start + 8; at++) scratch[at] = ~(scratch[at] ?? 0);
  }
  return start + 9;
}

function encodeText(text: string, start: number): number {
  scratch[start] = TAG_TEXT;
  let at = start + 1;
  const parts = text.includes('\0') ? text.split('\0') : [text];
  for (const [index, part] of parts.entries()) {
    if (index > 0) {
      scratch[at++] = 0x00;
      scratch[at++] = 0xff;
    }
    at += scratch.write(part, at, 'utf8');
  }
  scratch[at++] = 0x00;
  scratch[at++] = 0x01;
  return at;
}
