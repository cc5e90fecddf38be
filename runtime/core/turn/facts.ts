import { errorText } from '../errors.ts';
import { type JournalData, journal } from '../journal.ts';
import type { NewRecord, RecordMeta } from '../record.ts';
import type { SignalInput, TimerInput } from './input.ts';
import type { SegmentOutcome } from './segment.ts';

/**
 * Facts: what is recorded of a message whatever its handler says.
 */

/** Why an entity parks. */
export type ParkReason = Pick<JournalData['Parked'], 'reason' | 'name' | 'message'>;

/** The fact that a timer fired. */
export function firedRecord(input: TimerInput): NewRecord {
  const { timer, key, arming } = input;
  return journal('TimerFired', { timer, key, arming });
}

/** What a firing is known by in metadata and logs. */
export function timerId(input: { readonly timer: string; readonly key: string }): string {
  return input.key === '' ? `timer:${input.timer}` : `timer:${input.timer}/${input.key}`;
}

export const NO_META: RecordMeta = Object.freeze({});

/** Metadata shared by all records of a message. */
export function metaOf(input: SignalInput): RecordMeta {
  const { idChosen, mark, context } = input;
  if (!idChosen && mark === undefined && context === undefined) return NO_META;
  return {
    ...(idChosen ? { signal: input.signalId, name: input.name } : {}),
    ...(mark === undefined ? {} : { mark }),
    ...context,
  };
}

/** Estimated bytes that the metadata of a message adds to each of its records: baggage alone may be kilobytes. */
export function metaSize(meta: RecordMeta): number {
  if (meta === NO_META) return 0;
  const { signal = '', name = '', mark, correlation = '', causation = '', traceparent = '', baggage } = meta;
  const own = signal.length + name.length + correlation.length + causation.length + traceparent.length;
  return 48 + own + (mark === undefined ? 0 : mark.source.length + 48) + (baggage === undefined ? 0 : JSON.stringify(baggage).length);
}

/** Why an entity is parked by a defect: told to operators. */
export function parkReason(name: string, defect: Extract<SegmentOutcome, { kind: 'defect' }>): ParkReason {
  const { error, code } = defect;
  return { reason: 'defect', name, message: `${code}: ${errorText(error)}` };
}
