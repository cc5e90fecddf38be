import { LIMITS } from '../core/limits.ts';
import { malformed } from './problem.ts';

/** What names in requests may be. Types and message names need no check here: an unknown one is answered as unknown. */

const CONTROL = /[\p{Cc}\p{Surrogate}]/u;
const HEADER_ID = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/** An entity id: 1 to 255 characters, none of them a control character or half of a pair. Throws `malformed-request`. */
export function checkEntityId(id: string): void {
  if (id.length === 0 || id.length > LIMITS.maxEntityIdLength) {
    malformed(`an entity id has 1 to ${LIMITS.maxEntityIdLength} characters, this one has ${id.length}`);
  }
  if (CONTROL.test(id)) malformed('an entity id has no control characters');
}

/** A signal id from a body: 1 to 128 characters without control characters. Throws `malformed-request`. */
export function checkSignalId(id: string, what: string): void {
  if (id.length === 0 || id.length > LIMITS.maxSignalIdLength) {
    malformed(`${what} has 1 to ${LIMITS.maxSignalIdLength} characters, this one has ${id.length}`);
  }
  if (CONTROL.test(id)) malformed(`${what} has no control characters`);
}

/** The id of a run from a path or a body: a signal id, or for the run of a timer a longer one made of its name and key. Throws `malformed-request`. */
export function checkRunId(id: string, what: string): void {
  if (id.length === 0 || id.length > MAX_RUN_ID_LENGTH) {
    malformed(`${what} has 1 to ${MAX_RUN_ID_LENGTH} characters, this one has ${id.length}`);
  }
  if (CONTROL.test(id)) malformed(`${what} has no control characters`);
}

/** Of `timer:{name}/{key}#{arming}`, with room for the number. */
export const MAX_RUN_ID_LENGTH = LIMITS.maxNameLength + LIMITS.maxTimerKeyLength + 32;

/** A signal id from a header, where only printable ASCII travels unharmed. Throws `malformed-request`. */
export function checkHeaderSignalId(id: string): void {
  checkSignalId(id, 'Idempotency-Key');
  if (!HEADER_ID.test(id)) malformed('Idempotency-Key is printable ASCII without spaces at its ends');
}

/** A row key. Throws `malformed-request`. */
export function checkRowKey(key: string): void {
  if (key.length === 0 || key.length > LIMITS.maxRowKeyLength) malformed(`a row key has 1 to ${LIMITS.maxRowKeyLength} characters`);
}
