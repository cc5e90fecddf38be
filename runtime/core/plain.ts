import { PerdureError } from './errors.ts';
import { LIMITS } from './limits.ts';

/**
 * Plain data: what survives both JSON and msgpack unchanged. Checked where user data enters a record, in the same walk that estimates its size.
 *
 * Invariants:
 * L1. A value that passes decodes to a deeply equal value from both encodings. Zero has no sign there (-0 comes back as 0), and fields that are
 *     not enumerable or stand under symbols are not data: both leave them out.
 * L2. The estimate is never below half nor above twice the msgpack size plus 16, for values of 64 bytes and more (it only cuts batches; stores count exactly).
 */

/**
 * Checks a value and estimates its encoded size in bytes.
 * Throws `payload-not-plain` naming the path of the first value that is not plain, under the name `what`.
 */
export function plainSize(value: unknown, what: string): number {
  return sizeOf(value, what, 0);
}

/**
 * As `plainSize`; also throws `payload-too-large` for an estimate above `limit` bytes, naming the largest field on the way to what makes it so.
 */
export function boundedSize(value: unknown, what: string, limit: number): number {
  const size = plainSize(value, what);
  if (size <= limit) return size;
  const path = largestPath(value, what);
  throw new PerdureError('payload-too-large', `${what} has about ${size} bytes, the limit is ${limit}; the largest part is ${path}`, {
    path,
    size,
    limit,
  });
}

/** Follows the largest field down while it makes up most of its parent. */
function largestPath(value: unknown, path: string): string {
  if (typeof value !== 'object' || value === null) return path;
  const isList = Array.isArray(value);
  const sized = Object.entries(value).map(([key, field]) => ({ key, field, size: plainSize(field, path) }));
  const largest = sized.reduce<(typeof sized)[number] | undefined>(
    (most, one) => (most === undefined || one.size > most.size ? one : most),
    undefined,
  );
  if (largest === undefined || largest.size * 2 < plainSize(value, path)) return path;
  return largestPath(largest.field, isList ? `${path}[${largest.key}]` : `${path}.${largest.key}`);
}

function sizeOf(value: unknown, path: string, depth: number): number {
  switch (typeof value) {
    case 'string':
      return textSize(value) ?? refuse(path, 'a string with a lone surrogate');
    case 'number':
      if (!Number.isFinite(value)) throw notPlain(path, String(value));
      return numberSize(value);
    case 'boolean':
      return 1;
    case 'object':
      if (value === null) return 1;
      if (depth >= LIMITS.maxDepth) throw notPlain(path, `nested deeper than ${LIMITS.maxDepth}`);
      return Array.isArray(value) ? arraySize(value, path, depth) : objectSize(value, path, depth);
    default:
      throw notPlain(path, typeof value);
  }
}

function arraySize(values: readonly unknown[], path: string, depth: number): number {
  if (Object.getPrototypeOf(values) !== Array.prototype) throw notPlain(path, 'an instance of a class of arrays');
  let size = 2;
  for (let i = 0; i < values.length; i += 1) size += sizeOf(values[i], `${path}[${i}]`, depth + 1);
  return size;
}

function objectSize(value: object, path: string, depth: number): number {
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw notPlain(path, `an instance of ${value.constructor?.name ?? 'a class'}`);
  }
  let size = 2;
  const record = value as Readonly<Record<string, unknown>>;
  for (const key in record) {
    if (key === '__proto__' || key === 'toJSON') throw notPlain(path, `an object with a field named '${key}'`);
    size += textSize(key) ?? refuse(path, 'an object with a field name that has a lone surrogate');
    const field = record[key];
    // The path is only built where it may be needed: for the commonest values it never is.
    const simple =
      typeof field === 'string' ? textSize(field) : typeof field === 'number' && Number.isFinite(field) ? numberSize(field) : undefined;
    size += simple ?? sizeOf(field, `${path}.${key}`, depth + 1);
  }
  return size;
}

function numberSize(value: number): number {
  return Number.isInteger(value) && value >= -32_768 && value < 65_536 ? 2 : 9;
}

/** Bytes of text in UTF-8, and its header; undefined if it has a lone surrogate. */
function textSize(text: string): number | undefined {
  const { length } = text;
  // For short texts a loop is quicker than a regular expression.
  if (length > SHORT) return NOT_ASCII.test(text) ? wideSize(text) : length + 2;
  for (let i = 0; i < length; i += 1) if (text.charCodeAt(i) > 0x7f) return wideSize(text);
  return length + 2;
}
const SHORT = 24;
const NOT_ASCII = /[^\0-\x7f]/;

function wideSize(text: string): number | undefined {
  if (!isWellFormed(text)) return undefined;
  let size = text.length + 2;
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    // Each half of a surrogate pair is two of its four bytes.
    if (unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff)) size += 2;
    else if (unit > 0x7f) size += 1;
  }
  return size;
}

const LONE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
const ANY_SURROGATE = /[\ud800-\udfff]/;
function isWellFormed(text: string): boolean {
  return !ANY_SURROGATE.test(text) || !LONE.test(text);
}

/** Text with every lone surrogate replaced by U+FFFD, so that it is plain. */
export function wellFormed(text: string): string {
  return isWellFormed(text) ? text : text.replace(EVERY_LONE, '\ufffd');
}
const EVERY_LONE = new RegExp(LONE, 'g');

function refuse(path: string, what: string): never {
  throw notPlain(path, what);
}

function notPlain(path: string, what: string): PerdureError {
  return new PerdureError('payload-not-plain', `${path} is ${what}; it would not survive JSON and msgpack`, { path });
}

/**
 * As `deepFreeze`, and what a reducer made must be plain: a Map, a Date or a promise in the state would not survive its snapshot. For development and
 * tests. Of a structure-sharing state only what is new is walked. Throws `payload-not-plain` naming the path.
 */
export function checkedFreeze(value: unknown, part?: 'state'): unknown {
  if (part === 'state') {
    const fresh: object[] = [];
    plainSize(unchecked(value, fresh, 0), 'state');
    for (const one of fresh) checked.add(one);
  }
  return deepFreeze(value);
}
/** Parts of states that were checked, and frozen after it. */
const checked = new WeakSet<object>();

/** A copy in which what was checked before is null; `fresh` gathers the rest. What is not plain stays as it is, to be found by the check. */
function unchecked(value: unknown, fresh: object[], depth: number): unknown {
  if (typeof value !== 'object' || value === null || depth > LIMITS.maxDepth) return value;
  if (checked.has(value)) return null;
  const prototype = Object.getPrototypeOf(value);
  const isList = Array.isArray(value) && prototype === Array.prototype;
  if (!isList && ((prototype !== Object.prototype && prototype !== null) || Object.hasOwn(value, '__proto__'))) return value;
  fresh.push(value);
  // Array.from keeps holes visible, as undefined.
  if (isList) return Array.from(value, (one) => unchecked(one, fresh, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, unchecked(one, fresh, depth + 1)]));
}

/** Freezes a plain value and all it holds. Frozen parts are taken to be frozen throughout, so a structure-sharing state costs only what is new. */
export function deepFreeze<T>(value: T): T {
  // A list of its own, not recursion: a state may be nested as deep as memory allows.
  const open: unknown[] = [value];
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next !== 'object' || next === null || Object.isFrozen(next)) continue;
    Object.freeze(next);
    for (const field of Object.values(next)) if (typeof field === 'object') open.push(field);
  }
  return value;
}
