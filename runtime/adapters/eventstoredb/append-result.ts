import shared from '@eventstore/db-client/generated/shared_pb.js';
import streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import type { ErrorCode } from '../../core/errors.ts';
import type { Position, Revision } from '../../core/record.ts';
import { WireReader } from './wire.ts';

/**
 * What the server said of one append.
 *
 * Invariants:
 * A1. `unknown` is everything of which nobody can say whether it was, will be or never will be appended: a connection that broke, a time-out (of the
 *     server or our own), a leader that was deposed, an answer that is not understood.
 */
export type AppendResult =
  /** `revision` and `position` are those of the last event of this append; the position is missing where the event cannot be read any more. */
  | { readonly kind: 'appended'; readonly revision: Revision; readonly position: Position | undefined }
  /** Another append stands at the expected place. `current` is the stream's last revision, -1 if there is none. */
  | { readonly kind: 'wrong-revision'; readonly current: Revision }
  /** Never will be appended. */
  | { readonly kind: 'refused'; readonly code: ErrorCode; readonly message: string }
  | { readonly kind: 'unknown'; readonly message: string };

/** What came back of the append that was sent with a number. */
export interface AppendAnswer {
  readonly number: number;
  readonly result: AppendResult;
}

/** Reads the bytes of a `BatchAppendResp`. Throws a RangeError for what is cut off. */
export function appendAnswer(bytes: Buffer): AppendAnswer {
  const answer = new WireReader(bytes);
  let number = Number.NaN;
  let result: AppendResult | undefined;
  while (answer.next()) {
    if (answer.field === 1) number = numberIn(answer.message());
    else if (answer.field === 3) result = appendedIn(answer.message());
  }
  return { number, result: result ?? failureOf(streamsPb.BatchAppendResp.deserializeBinary(bytes)) };
}

/** The number of an append, as it comes back: as the second of two halves, or as text. */
function numberIn(id: WireReader): number {
  while (id.next()) {
    if (id.field === 2) return Number.parseInt(id.text().replaceAll('-', '').slice(16), 16);
    const halves = id.message();
    while (halves.next()) if (halves.field === 2) return halves.value;
  }
  return Number.NaN;
}

function appendedIn(success: WireReader): AppendResult {
  let revision = -1;
  let position: Position | undefined;
  while (success.next()) {
    if (success.field === 1) revision = success.value;
    else if (success.field === 3) position = commitIn(success.message());
  }
  return { kind: 'appended', revision, position };
}

/** A number that is 0 is not sent. */
function commitIn(place: WireReader): Position {
  while (place.next()) if (place.field === 1) return place.value;
  return 0;
}

function failureOf(answer: streamsPb.BatchAppendResp): AppendResult {
  const error = answer.getError();
  const details = error?.getDetails();
  const type = details?.getTypeUrl().replace(/^.*\//, '') ?? '';
  const message = error?.getMessage() ?? '';
  if (type === 'event_store.client.WrongExpectedVersion' && details !== undefined) {
    const wrong = shared.WrongExpectedVersion.deserializeBinary(details.getValue_asU8());
    return { kind: 'wrong-revision', current: wrong.hasCurrentStreamRevision() ? Number(wrong.getCurrentStreamRevision()) : -1 };
  }
  const refused = REFUSED.get(type);
  if (refused !== undefined) return { kind: 'refused', code: refused.code, message: message === '' ? refused.message : message };
  return { kind: 'unknown', message: message === '' ? type || 'an answer that is neither success nor error' : message };
}

/** Errors that say that nothing was and nothing will be appended. */
const REFUSED: ReadonlyMap<string, { readonly code: ErrorCode; readonly message: string }> = new Map(
  (
    [
      ['StreamDeleted', 'store-failed', 'the stream was tombstoned'],
      ['AccessDenied', 'store-failed', 'the credentials of PERDURE_EVENTSTORE_URL may not append here'],
      ['MaximumAppendSizeExceeded', 'turn-too-large', "the turn is larger than the server's limit of an append"],
      ['MaximumAppendEventSizeExceeded', 'turn-too-large', "a record is larger than the server's limit of an event"],
      ['BadRequest', 'store-failed', 'the server did not understand the append'],
    ] as const
  ).map(([type, code, message]) => [`event_store.client.${type}`, { code, message }]),
);
