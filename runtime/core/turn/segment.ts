import { type Answer, failed } from '../answer.ts';
import type { MessageDeclaration, PlainHandler } from '../definition/erased.ts';
import { type ErrorCode, isPerdureError, PerdureError } from '../errors.ts';
import type { Image } from '../image.ts';
import { journal, timerRecord } from '../journal.ts';
import { LIMITS } from '../limits.ts';
import { plainSize } from '../plain.ts';
import type { NewRecord } from '../record.ts';
import { flawOf, isRejection, type Rejection } from '../rejection.ts';
import { firstIssue, type Issue, isPromise, validate } from '../schema.ts';
import { type LoggedLine, type SegmentStart, TurnContext } from './context.ts';
import { metaSize } from './facts.ts';
import type { TurnEnv } from './step.ts';

/**
 * One segment of a run: user code from its start (or an await) to its end (or the next await). A plain handler is a run of one segment.
 *
 * Invariants:
 * N1. A segment that completes is all of its records; one that rejects or is defective is none of them.
 * N2. Timer changes ride in the metadata of the segment's last event, or are records of their own if it emitted none.
 * N3. A message whose id enters the window leaves at least one record with that id.
 */
export type SegmentOutcome =
  | {
      readonly kind: 'completed';
      readonly records: readonly NewRecord[];
      readonly state: unknown;
      readonly bytes: number;
      readonly result: unknown;
      readonly cancels: readonly string[];
      readonly logged: readonly LoggedLine[];
    }
  | { readonly kind: 'rejected'; readonly rejection: Rejection }
  | { readonly kind: 'invalid'; readonly issues: readonly Issue[] }
  | { readonly kind: 'defect'; readonly code: ErrorCode; readonly error: unknown };

export interface SegmentRequest extends SegmentStart {
  readonly handler: PlainHandler;
  /** Undefined for timers, whose argument is their key. */
  readonly declaration: MessageDeclaration | undefined;
  readonly payload: unknown;
  readonly wantsResult: boolean;
}

/** Runs one segment of a plain handler on an image; changes nothing of the image. Never throws on account of user code. */
export function runSegment(image: Image, request: SegmentRequest, env: TurnEnv): SegmentOutcome {
  const context = new TurnContext(image, request, env);
  try {
    const checked =
      request.declaration === undefined
        ? ({ ok: true, value: request.payload } as const)
        : validate(request.declaration.input, request.payload);
    if (!checked.ok) return { kind: 'invalid', issues: checked.issues };
    const returned = request.handler(context, env.freeze(checked.value));
    if (context.poison !== undefined) throw context.poison;
    const result = resultOf(request, returned);
    const state = context.state();
    const bytes = addConsequences(context, request, result);
    const { records, cancels, logged } = context;
    return { kind: 'completed', records, state, bytes, result, cancels, logged };
  } catch (error) {
    const defect = context.poison ?? (isRejection(error) ? flawOf(error) : error);
    if (isRejection(error) && defect === undefined) return { kind: 'rejected', rejection: error };
    return { kind: 'defect', code: defectCode(defect), error: defect };
  } finally {
    context.close();
  }
}

/** The codes that a defect can be told with. */
export const DEFECT_CODES: readonly ErrorCode[] = [
  'defect',
  'determinism',
  'payload-not-plain',
  'turn-too-large',
  'result-invalid',
  'turn-over',
  'too-many-timers',
  'too-many-calls',
  'unknown-activity',
  'invalid-payload',
  'payload-too-large',
  'saga-over',
];
/** The code that a defect is told with: its own if it is one of the runtime's, else `defect`. */
export function defectCode(error: unknown): ErrorCode {
  return DEFECT_CODES.find((code) => isPerdureError(error, code)) ?? 'defect';
}

function resultOf(request: SegmentRequest, returned: unknown): unknown {
  if (isPromise(returned)) {
    throw new PerdureError('defect', 'a plain handler returned a promise: nothing would wait for it; use durable(async …)');
  }
  if (!request.wantsResult) return null;
  const output = request.declaration?.output;
  if (output === undefined) return null;
  const checked = validate(output, returned);
  if (!checked.ok) {
    throw new PerdureError('result-invalid', `the result does not fit its schema: ${firstIssue(checked.issues)}`, checked.issues);
  }
  return checked.value === undefined ? null : checked.value;
}

/** Completes the records that the context collected, with timers (N2) and the result (N3) in their places. Returns their estimated bytes. */
function addConsequences(context: TurnContext, request: SegmentRequest, result: unknown): number {
  const { lastEvent, timerChanges: timers } = context;
  const { meta } = request;
  const keepsId = meta.signal !== undefined;
  let bytes = context.bytes;
  let resultBytes = 0;
  if (result !== null) {
    resultBytes = plainSize(result, 'result');
    if (resultBytes > LIMITS.maxTurnBytes) throw new PerdureError('turn-too-large', 'result is larger than a turn may be');
  }
  // The window points at the message's last record, so the result rides only on an event that is the last one.
  const rides =
    keepsId && result !== null && resultBytes <= LIMITS.maxResultInMetaBytes && lastEvent >= 0 && lastEvent === context.records.length - 1;
  const event = context.records[lastEvent];
  if (event !== undefined && (timers !== undefined || rides)) {
    context.records[lastEvent] = {
      ...event,
      meta: { ...event.meta, ...(timers === undefined ? {} : { timers }), ...(rides ? { res: result } : {}) },
    };
    bytes += (timers?.length ?? 0) * 48 + (rides ? resultBytes : 0);
  } else if (timers !== undefined) {
    for (const change of timers) context.add({ ...timerRecord(change), meta });
    bytes += timers.length * 64;
  }
  if (keepsId && !rides) {
    if (result !== null) context.add(journal('UpdateAnswered', { result }, meta));
    else if (context.records.length === 0) context.add(journal('SignalIgnored', {}, meta));
    bytes += resultBytes + 64;
  }
  return bytes + context.records.length * metaSize(meta);
}

/** The answer to a rejected message. */
export function rejectedAnswer(rejection: Rejection, image: Image): Answer {
  const { code, details, message } = rejection;
  return {
    kind: 'rejected',
    code,
    details: details ?? null,
    by: `${image.definition.type}/${image.id}`,
    message,
    position: image.position,
  };
}

/** The answer to a message whose payload does not fit. */
export function invalidAnswer(what: string, issues: readonly Issue[]): Answer {
  return failed('invalid-payload', `the payload of ${what} does not fit its schema`, issues);
}
