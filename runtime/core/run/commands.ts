import { CANCEL, type JournalData, journalType, REPLY, type ScheduledCall } from '../journal.ts';
import { JOURNAL_PREFIX, type NewRecord } from '../record.ts';
import type { Command } from './open-run.ts';

/**
 * What of a segment's records is compared when it is executed again.
 *
 * Invariants:
 * C1. Compared are events, sends, calls and waits, in their order. Timer changes are not (nobody waits for them, and clearing a timer that is not armed
 *     leaves nothing), nor are records that the runtime adds (replies, cancellations, marks of `patched`).
 */
const SCHEDULED = journalType('Scheduled');
const SENT = journalType('SignalSent');

/** The command of a record, undefined if it is not one (C1). */
export function commandOf(record: NewRecord): Command | undefined {
  const { type, data } = record;
  if (!type.startsWith(JOURNAL_PREFIX)) return { what: `emit ${type}`, data };
  if (type === SCHEDULED) return scheduled(data as ScheduledCall);
  return type === SENT ? sent(data as JournalData['SignalSent']) : undefined;
}

function sent({ type, id, name, payload, call }: JournalData['SignalSent']): Command | undefined {
  if (name === REPLY || name === CANCEL) return undefined;
  return { what: `${call === undefined ? 'send' : 'call'} ${type}/${id} ${name}`, data: payload };
}

function scheduled(what: ScheduledCall): Command | undefined {
  switch (what.kind) {
    case 'activity':
      return { what: `call ${what.activity}`, data: what.input };
    case 'query':
      return { what: `query ${what.message.type}/${what.message.id} ${what.message.name}`, data: what.message.payload };
    case 'sleep':
      return { what: 'sleep', data: what.dueAt };
    case 'until':
    case 'callback':
      return { what: what.kind, data: what.dueAt ?? null };
    case 'resume':
      return undefined;
  }
}

/** Where two lists of commands part: the first place that differs, undefined if they are the same. `strict` compares their data too. */
export function firstDifference(recorded: readonly Command[], replayed: readonly Command[], strict: boolean): number | undefined {
  const length = Math.max(recorded.length, replayed.length);
  for (let at = 0; at < length; at += 1) {
    const [one, other] = [recorded[at], replayed[at]];
    if (one === undefined || other === undefined || one.what !== other.what) return at;
    if (strict && 'data' in one && 'data' in other && canonical(one.data) !== canonical(other.data)) return at;
  }
  return undefined;
}

/** The data of a command as text, whatever the order of its fields. */
export function canonical(data: unknown): string {
  return JSON.stringify(data, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}
