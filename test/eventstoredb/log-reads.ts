import type { Log } from './log.ts';
import { DELETED, type LogRecord } from './record.ts';
import type { Refusal } from './refusals.ts';
import { isSoftDeleted, lastRevision, type StreamHistory } from './stream-history.ts';
import { firstVisible, isYoung } from './visible-window.ts';

/** Where a read begins: a place, or an end of the stream or log. */
export type From<T> = 'start' | 'end' | T;

/** A place in `$all` as clients name it. What follows a record at p is what is greater than (p, p). */
export interface LogPosition {
  readonly commit: number;
  readonly prepare: number;
}

/** What a stream read meets before its first event. */
export type StreamPresence = 'present' | 'not-found' | 'deleted';

/** Section 4.4: a stream that never was and one deleted softly are not found, a tombstoned one is deleted. */
export function presenceOf(log: Log, history: StreamHistory): StreamPresence {
  if (log.isGone(history)) return 'deleted';
  return history.events.length === 0 || isSoftDeleted(history) ? 'not-found' : 'present';
}

/** The visible events of a stream from a revision on (inclusive), in either direction; ends where the stream ended when it got there. */
export function* streamEvents(log: Log, history: StreamHistory, from: From<bigint>, isForwards: boolean): Generator<LogRecord> {
  const step = isForwards ? 1 : -1;
  for (let index = firstIndex(history, from, isForwards); ; index += step) {
    const record = history.events[index];
    const isBelow = record !== undefined && record.revision < firstVisible(history);
    if (record === undefined || (isBelow && !isForwards)) return;
    if (!isBelow && isYoung(history, record, log.nowMs())) yield record;
  }
}

function firstIndex(history: StreamHistory, from: From<bigint>, isForwards: boolean): number {
  const last = history.events.length - 1;
  if (from === 'end') return isForwards ? last + 1 : last;
  const revision = from === 'start' ? 0n : from;
  if (!isForwards) return revision > BigInt(last) ? last : Number(revision);
  const visible = firstVisible(history);
  const first = revision > visible ? revision : visible;
  return first > lastRevision(history) || first === DELETED ? last + 1 : Number(first);
}

/** All records that `$all` shows, forwards from a position (inclusive) or backwards from it (exclusive). */
export function* allRecords(log: Log, from: From<LogPosition>, isForwards: boolean): Generator<LogRecord> {
  const step = isForwards ? 1 : -1;
  for (let index = isForwards ? indexFrom(log, from) : indexFrom(log, from) - 1; ; index += step) {
    const record = log.records[index];
    if (record === undefined) return;
    if (!isHidden(record)) yield record;
  }
}

function indexFrom(log: Log, from: From<LogPosition>): number {
  if (from === 'start') return 0;
  return from === 'end' ? log.records.length : indexAt(log, from.commit);
}

/** Index of the first record after a position. */
export function indexAfter(log: Log, { commit, prepare }: LogPosition): number {
  const index = indexAt(log, commit);
  return log.records[index]?.position === commit && prepare >= commit ? index + 1 : index;
}

/** Index of the first record at or after a position (binary search). */
function indexAt({ records }: Log, position: number): number {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((records[middle]?.position ?? 0) < position) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Refuses a position that is none: between two records, or with a prepare position after the commit. Beyond the end is allowed (section 4.5). */
export function refusalOfPosition(log: Log, { commit, prepare }: LogPosition): Refusal | undefined {
  if (prepare > commit) return { kind: 'bad-position', message: `Invalid position: prepare ${prepare} is after commit ${commit}.` };
  const isBoundary = commit === 0 || commit >= log.end || log.records[indexAt(log, commit)]?.position === commit;
  return isBoundary ? undefined : { kind: 'bad-position', message: `Invalid position: no record begins at ${commit}.` };
}

/** Does `$all` leave a record out? */
export function isHidden({ stream }: LogRecord): boolean {
  return stream === '$epoch-information' || (stream.startsWith('$persistentsubscription-$all::') && /-(checkpoint|parked)$/.test(stream));
}
