import { setTimeout as delay } from 'node:timers/promises';
import { PerdureError } from '../../core/errors.ts';

/** The error for a transaction that lmdb could not commit: `store-full` if it is known to be for want of room, else `store-failed`. */
export async function writeFailure(error: unknown): Promise<PerdureError> {
  const cause = await causeOf(error);
  const code = FULL.test(String(cause)) ? 'store-full' : 'store-failed';
  return new PerdureError(code, `The read store could not write: ${String(cause)}`, undefined, { cause });
}

const FULL = /ENOSPC|No space left|EFBIG|File too large|MDB_MAP_FULL/;
const CAUSE_WITHIN_MS = 100;

/** Why a transaction failed: lmdb tells it in a promise of its own, which rejects somewhat later and must be handled in any case. */
function causeOf(error: unknown): Promise<unknown> | unknown {
  if (!(error instanceof Error && 'commitError' in error && error.commitError instanceof Promise)) return error;
  const told = error.commitError.then(
    () => error,
    (cause: unknown) => cause,
  );
  return Promise.race([told, delay(CAUSE_WITHIN_MS, error)]);
}
