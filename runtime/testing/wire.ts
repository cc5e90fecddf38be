import { PerdureError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';

/** What HTTP does to a request, for a client that does not go through it. */

/** What a value is on the other side of HTTP: a copy as JSON has it. Throws `malformed-request` for what JSON cannot hold. */
export function overTheWire(value: unknown, what: string): unknown {
  if (value === undefined) return undefined;
  try {
    const text: string | undefined = JSON.stringify(value);
    return text === undefined ? undefined : JSON.parse(text);
  } catch (cause) {
    throw new PerdureError('malformed-request', `${what} cannot be written as JSON`, undefined, { cause });
  }
}

/** An entity id: 1 to 255 characters without control characters. Throws `malformed-request`. */
export function checkEntityId(id: string): void {
  check('an entity id', id, LIMITS.maxEntityIdLength);
}

/** A signal id: 1 to 128 characters without control characters. Throws `malformed-request`. */
export function checkSignalId(id: string): void {
  check('a signal id', id, LIMITS.maxSignalIdLength);
}

/** A row key. Throws `malformed-request`. */
export function checkRowKey(key: string): void {
  check('a row key', key, LIMITS.maxRowKeyLength);
}

const CONTROL = /[\p{Cc}\p{Surrogate}]/u;
function check(what: string, text: string, maxLength: number): void {
  if (text.length === 0 || text.length > maxLength)
    throw new PerdureError('malformed-request', `${what} has 1 to ${maxLength} characters, this one has ${text.length}`);
  if (CONTROL.test(text)) throw new PerdureError('malformed-request', `${what} has no control characters`);
}
