import { PerdureError } from '../core/errors.ts';
import type { HeldMessage, JournalData } from '../core/journal.ts';
import { journalType } from '../core/journal.ts';
import { LIMITS } from '../core/limits.ts';
import type { Revision, StreamName } from '../core/record.ts';
import type { BeginInput, ReleaseInput } from '../core/turn/input.ts';
import type { EventStore } from '../ports/event-store.ts';

/**
 * Reads back what a parked or paused entity holds: it is in the stream, not in memory. From `from` (the bookkeeping's `heldFrom`) on every held message
 * is still to be handled, because they are handled in order. Returns at most `limit`, oldest first.
 */
export async function readHeld(
  store: EventStore,
  stream: StreamName,
  from: Revision,
  limit: number = LIMITS.maxHeldPerRead,
): Promise<readonly ReleaseInput['held'][]> {
  const type = journalType('SignalHeld');
  const found: ReleaseInput['held'][] = [];
  for await (const page of store.readStream(stream, from)) {
    for (const turn of page) {
      for (const [index, record] of turn.records.entries()) {
        const revision = turn.firstRevision + index;
        if (revision < from || record.type !== type) continue;
        found.push({ revision, message: record.data as HeldMessage, meta: record.meta });
        if (found.length >= limit) return found;
      }
    }
  }
  return found;
}

/** Reads back the message of a queued serial run. Rejects `store-corrupt` if it is not there. */
export async function readReceived(
  store: EventStore,
  stream: StreamName,
  revision: Revision,
): Promise<Pick<BeginInput, 'received' | 'meta'>> {
  for await (const page of store.readStream(stream, revision)) {
    const turn = page[0];
    const record = turn?.records[revision - turn.firstRevision];
    if (record?.type !== journalType('SignalReceived')) break;
    return { received: record.data as JournalData['SignalReceived'], meta: record.meta };
  }
  throw new PerdureError('store-corrupt', `${stream} has no queued run at revision ${revision}`);
}
