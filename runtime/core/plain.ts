import { PerdureError } from './errors.ts';
import { LIMITS } from './limits.ts';

/**
 * Plain data: what survives both JSON and msgpack unchanged. Checked where user data enters a record, in the same walk that estimates its size.
 *
 * Invariants:
 * L1. A value that passes decodes to a deeply equal value from both encodings.
 * L2. The estimate is never below half nor above twice the msgpack size plus 16, for values of 64 bytes and more (it only cuts batches; stores count exactly).
 */

/**
 * Checks a value and estimates its encoded size in bytes.
 * Throws `payload-not-plain` naming the path of the first value that is not plain, under the name `what`.
 */
export function plainSize(value: unknown, what: string): number {
  return sizeOf(value, what, 0);
}

function sizeOf(value: unknown, path: string, depth: number): number {
  switch (typeof value) {
    case 'string':
      if (!isWellFormed(value)) throw notPlain(path, 'a string with a lone surrogate');
      return value.length + 3;
    case 'number':
      if (!Number.isFinite(value)) throw notPlain(path, String(value));
      return Number.isInteger(value) && value > -128 && value < 65_536 ? 2 : 9;
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
  let size = 3;
  for (let i = 0; i < values.length; i += 1) size += sizeOf(values[i], `${path}[${i}]`, depth + 1);
  return size;
}

function objectSize(value: object, path: string, depth: number): number {
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw notPlain(path, `an instance of ${value.constructor?.name ?? 'a class'}`);
  }
  let size = 3;
  const record = value as Readonly<Record<string, unknown>>;
  for (const key in record) {
    if (key === '__proto__') throw notPlain(path, "a field named '__proto__'");
    if (!isWellFormed(key)) throw notPlain(path, 'a field name with a lone surrogate');
    const field = record[key];
    size += key.length + 1;
    // The path is only built where it may be needed: for the commonest values it never is.
    if (typeof field === 'string' && isWellFormed(field)) size += field.length + 3;
    else if (typeof field === 'number' && Number.isFinite(field)) size += 9;
    else size += sizeOf(field, `${path}.${key}`, depth + 1);
  }
  return size;
}

const LONE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
const ANY_SURROGATE = /[\ud800-\udfff]/;
function isWellFormed(text: string): boolean {
  return !ANY_SURROGATE.test(text) || !LONE.test(text);
}

function notPlain(path: string, what: string): PerdureError {
  return new PerdureError('payload-not-plain', `${path} is ${what}; it would not survive JSON and msgpack`, { path });
}

/** Freezes a plain value and all it holds. Frozen parts are taken to be frozen throughout, so a structure-sharing state costs only what is new. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const field of Object.values(value)) deepFreeze(field);
  }
  return value;
}
