import { type ErrorCode, errorText } from '../errors.ts';
import { type JournalData, journal, type Outcome, REPLY, type ReplyAddress } from '../journal.ts';
import { wellFormed } from '../plain.ts';
import type { NewRecord, RecordMeta } from '../record.ts';
import type { Issue } from '../schema.ts';
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

/** The run that a firing starts is known by it and its arming. */
export function timerRunId(input: { readonly timer: string; readonly key: string; readonly arming?: number }, revision: number): string {
  return `${timerId(input)}#${input.arming ?? `held-${revision}`}`;
}

/** The reply to a call: carried out by the outbox, and no record of the message's id. */
export function replyRecord({ type, id, run, call }: ReplyAddress, outcome: Outcome, meta: RecordMeta = NO_META): NewRecord {
  return journal('SignalSent', { type, id, name: REPLY, payload: { run, call, outcome } }, meta);
}

/** Estimated bytes of a reply beside its value. */
export const REPLY_OVERHEAD = 192;

/** What a call's outcome is for a message that was refused, or decided on its own. */
export function failedOutcome(code: ErrorCode, message: string, details?: unknown): Outcome {
  return { kind: 'failed', code, message, ...(details === undefined ? {} : { details }) };
}

/** Issues of a schema as plain data. */
export function plainIssues(issues: readonly Issue[]): readonly Issue[] {
  return issues.slice(0, 20).map(({ path, message }) => ({ path: wellFormed(path), message: wellFormed(message) }));
}

/** What a firing is known by in metadata and logs. */
export function timerId(input: { readonly timer: string; readonly key: string }): string {
  return input.key === '' ? `timer:${input.timer}` : `timer:${input.timer}/${input.key}`;
}

export const NO_META: RecordMeta = Object.freeze({});

/** Metadata shared by all records of a message. The id of a `once` signal is kept whoever made it. */
export function metaOf(input: SignalInput, once = false): RecordMeta {
  const { idChosen, mark, context } = input;
  if (!idChosen && !once && mark === undefined && context === undefined) return NO_META;
  return {
    ...(idChosen || once ? { signal: input.signalId, name: input.name } : {}),
    ...(once ? { once } : {}),
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
