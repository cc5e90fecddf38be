import type { ProposedEvent } from '../../../runtime/adapters/eventstoredb/appender.ts';
import { eventOf, packData } from '../../../runtime/adapters/eventstoredb/record-codec.ts';
import type { NewRecord } from '../../../runtime/core/record.ts';
import { type Booking, decide, decoded, EMPTY, payloads } from '../in-process/work.ts';

/** Ids that cost next to nothing: whoever calls the adapter makes them, so they are not its work. */
export function turnIdOf(number: number): string {
  return `${number.toString(36).padStart(20, '0')}AA`;
}
export function eventIdOf(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
}

/** Any turn time, milliseconds since 1970. */
export const TURN_TIME = 1_700_000_000_000;

/** What every side appends: one record of about 200 bytes, as the entity of the bench `in-process` emits it. */
export const RECORDS: readonly NewRecord[] = payloads(1_024).map((bytes) => {
  const data = decide(EMPTY, decoded(bytes) as Booking);
  return { type: 'Booked', data, meta: { signal: data.reference, name: 'book' } };
});

/** The same as events, ready-made but for their ids. */
export const EVENTS: readonly ProposedEvent[] = RECORDS.map((record) =>
  eventOf(record, { turnId: turnIdOf(0), time: TURN_TIME }, 0, packData(record.data, 'msgpack'), 'msgpack'),
);

/** One of a list, around and around. */
export function inTurn<T>(all: readonly T[], number: number): T {
  const one = all[number % all.length];
  if (one === undefined) throw new Error('nothing to take in turn');
  return one;
}
