import type { MemoryLog } from '../../../runtime/adapters/memory/event-store-log.ts';
import { CANCEL, type JournalData, journalType, REPLY, type ReplyPayload } from '../../../runtime/core/journal.ts';
import type { NewRecord } from '../../../runtime/core/record.ts';
import type { EventStore } from '../../../runtime/ports/event-store.ts';
import type { Incarnation } from '../../../runtime/testing/simulation/incarnation.ts';
import { like, rewriting } from './stores.ts';

/** Appends with some records rewritten; `rewrite` gives undefined for those that are left as they are. */
function changing(inner: EventStore, type: keyof JournalData, rewrite: (record: NewRecord) => NewRecord | undefined): EventStore {
  return rewriting(inner, (records) => records.map((record) => (record.type === journalType(type) ? (rewrite(record) ?? record) : record)));
}

/** A record that means nothing stands in its place, so that revisions stay. */
const nothing = ({ meta }: NewRecord): NewRecord => ({ type: 'perdure:Nothing', data: {}, meta });

/** Nobody writes down that an attempt was lost. */
export function forgetsLosses(inner: EventStore): EventStore {
  return changing(inner, 'AttemptFailed', (record) =>
    (record.data as JournalData['AttemptFailed']).code === 'attempt-lost' ? nothing(record) : undefined,
  );
}

/** Every third reply is lost. */
export function dropsReplies(inner: EventStore): EventStore {
  let count = 0;
  return changing(inner, 'SignalSent', (record) => {
    if ((record.data as JournalData['SignalSent']).name !== REPLY) return undefined;
    count += 1;
    return count % 3 === 0 ? nothing(record) : undefined;
  });
}

/** Whatever a run came to, its caller is told that it completed. */
export function repliesDone(inner: EventStore): EventStore {
  return changing(inner, 'SignalSent', (record) => {
    const sent = record.data as JournalData['SignalSent'];
    if (sent.name !== REPLY) return undefined;
    const payload = { ...(sent.payload as ReplyPayload), outcome: { kind: 'completed', value: null } };
    return { ...record, data: { ...sent, payload } };
  });
}

/** Who was called is never asked to stop. */
export function asksNobodyToStop(inner: EventStore): EventStore {
  return changing(inner, 'SignalSent', (record) =>
    (record.data as JournalData['SignalSent']).name === CANCEL ? nothing(record) : undefined,
  );
}

/** The agenda does not hear of attempts. */
export function wakesForNoAttempts(inner: EventStore): EventStore {
  return changing(inner, 'Wake', (record) =>
    (record.data as JournalData['Wake']).incarnation === undefined ? undefined : nothing(record),
  );
}

/** What was accepted once is not remembered. */
export function forgetsOnce(inner: EventStore): EventStore {
  const without = ({ meta: { once: _once, ...meta }, ...record }: NewRecord): NewRecord => ({ ...record, meta });
  return rewriting(inner, (records) => records.map(without));
}

/** What the last heartbeat of a failed attempt told is written down otherwise. */
export function garblesProgress(inner: EventStore): EventStore {
  return changing(inner, 'AttemptFailed', (record) => {
    const failure = record.data as JournalData['AttemptFailed'];
    return failure.progress === undefined ? undefined : { ...record, data: { ...failure, progress: { n: -1 } } };
  });
}

/** A sleep ends before the time that is recorded. */
export function sleepsTooShort(inner: EventStore): EventStore {
  return changing(inner, 'Scheduled', (record) => {
    const what = record.data as JournalData['Scheduled'];
    return what.kind === 'sleep' ? { ...record, data: { ...what, dueAt: what.dueAt + 50 } } : undefined;
  });
}

/** A reply that was taken is taken once more. */
export function takesRepliesTwice(inner: EventStore, life: Incarnation, log: MemoryLog): EventStore {
  return like(inner, {
    append: (commits, settled) =>
      inner.append(commits, (commit, outcome) => {
        settled(commit, outcome);
        const again = commit.records.filter(({ type, meta }) => type === journalType('Resolved') && meta.mark !== undefined);
        if (outcome.kind !== 'committed' || again.length === 0) return;
        life.plan('again', 0, () => {
          const expectedRevision = log.streams.get(commit.stream)?.at(-1)?.lastRevision ?? -1;
          inner.append([{ ...commit, turnId: `${commit.turnId}*`, expectedRevision, records: again }], () => undefined);
        });
      }),
  });
}
