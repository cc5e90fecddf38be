import { type Answer, failed } from '../answer.ts';
import { errorText } from '../errors.ts';
import type { Image } from '../image.ts';
import { type HeldMessage, journal } from '../journal.ts';
import { LIMITS } from '../limits.ts';
import { plainSize, wellFormed } from '../plain.ts';
import type { NewRecord } from '../record.ts';
import { failedOutcome, firedRecord, metaOf, metaSize, type ParkReason, replyRecord, timerId } from './facts.ts';
import type { OperatorInput, ReleaseInput, SignalInput, Step, TimerInput } from './input.ts';
import { forget, operateRuns } from './run-operations.ts';
import { done, nothing } from './step.ts';

/**
 * Parked and paused entities: what arrives is held in the stream, in order, until it is released, edited or skipped.
 *
 * Invariants:
 * K1. While an entity holds, signals and firings are recorded in arrival order and handled in that order; nothing overtakes.
 * K2. An update is refused while its entity holds: its sender is there to be told.
 * K3. A held message that fails again parks the entity at itself: nothing behind it is released.
 * K4. At most `maxHeld` messages are held; the next ones are refused with `held-overflow`.
 */
/** Holds a signal; `park` also parks the entity on its account. */
export function holdSignal(image: Image, input: SignalInput, park?: ParkReason): Step {
  const { books } = image;
  if (input.wants === 'outcome' && park === undefined) return nothing(image, refused(image));
  if (books.heldCount >= LIMITS.maxHeld) return overflow(image, input);
  const payload = input.payload ?? null;
  const size = sizeOrRefusal(payload, input.name);
  if (typeof size !== 'number') return nothing(image, size);
  const meta = metaOf(input);
  const held = journal('SignalHeld', { kind: 'signal', name: input.name, payload, ...input.origin }, meta);
  return holdStep(image, parkRecords(image, input.signalId, park), held, size + metaSize(meta) + 128);
}

/** K4. A call gets its reply, with its mark: it must not be taken when there is room again, its caller knows of a failure. */
function overflow(image: Image, input: SignalInput): Step {
  const message = `${image.definition.type}/${image.id} holds ${image.books.heldCount} messages`;
  const answer = failed('held-overflow', message);
  const reply = input.origin?.reply;
  if (reply === undefined) return nothing(image, answer);
  return { ...step(image, [replyRecord(reply, failedOutcome('held-overflow', message), metaOf(input))]), decision: done(image) };
}

/** Records that a timer fired and holds the firing; `park` also parks the entity on its account. */
export function holdTimer(image: Image, input: TimerInput, park?: ParkReason): Step {
  const { timer, key, arming } = input;
  const held = journal('SignalHeld', { kind: 'timer', timer, key, arming });
  return holdStep(image, [firedRecord(input), ...parkRecords(image, timerId(input), park)], held, 192);
}

/** Estimated bytes of a payload that is to be recorded, or what its sender is told if it is not plain. */
export function sizeOrRefusal(payload: unknown, name: string): number | Answer {
  try {
    return plainSize(payload, `payload of ${name}`);
  } catch (error) {
    return failed('payload-not-plain', errorText(error));
  }
}

function holdStep(image: Image, before: readonly NewRecord[], held: NewRecord, bytes: number): Step {
  return { records: [...before, held], state: image.state, bytes: bytes + before.length * 128, decision: done(image) };
}

function parkRecords(image: Image, signal: string, park: ParkReason | undefined): readonly NewRecord[] {
  const reason = park ?? foldReason(image);
  return reason === undefined ? [] : [parkedRecord(reason, signal)];
}

/** The record of a park: its message is bounded, and plain whatever user code threw. */
function parkedRecord(reason: ParkReason, signal: string | null): NewRecord {
  return journal('Parked', { ...reason, message: wellFormed(reason.message.slice(0, MAX_REASON)), signal });
}
const MAX_REASON = 2_000;

/** An entity that cannot be folded parks with the first message it has to hold. */
function foldReason(image: Image): ParkReason | undefined {
  if (image.foldError === undefined || image.books.parked !== undefined) return undefined;
  return { reason: 'fold', name: '', message: image.foldError };
}

/** What an update (or a query that cannot be answered) is told (K2). */
export function refused(image: Image): Answer {
  const { parked, paused } = image.books;
  const what = `${image.definition.type}/${image.id}`;
  if (parked !== undefined) return failed('parked', `${what} is parked at ${parked.name || 'its fold'}: ${parked.message}`);
  if (image.foldError !== undefined) return failed('parked', image.foldError);
  if (paused !== undefined) return failed('paused', `${what} was paused by ${paused.by}: ${paused.why}`);
  return failed('parked', `${what} is handling what it held`);
}

/** A held message that failed again (K3). */
export function parkAgain(
  image: Image,
  held: ReleaseInput['held'],
  before: readonly NewRecord[],
  reason: ParkReason,
  bytes = 0,
  details?: unknown,
): Step {
  const signal = held.message.kind === 'signal' ? (held.meta.signal ?? null) : timerId(held.message);
  return { ...step(image, [...before, parkedRecord(reason, signal)], bytes), decision: failed('parked', reason.message, details) };
}

/** Name of a held signal or timer. */
export function nameOf(message: HeldMessage): string {
  return message.kind === 'signal' ? message.name : message.timer;
}

/** Carries out an operator's verb that is no release. */
export function operate(image: Image, input: OperatorInput): Step {
  const { books } = image;
  const { by, why } = input;
  switch (input.verb) {
    case 'pause':
      if (books.paused !== undefined) return nothing(image, done(image));
      return step(image, [journal('Paused', { by, why })]);
    case 'resume':
      if (books.paused === undefined) return nothing(image, failed('not-paused', `${image.definition.type}/${image.id} is not paused`));
      return step(image, [journal('Resumed', { of: 'pause', by, why })]);
    case 'forget':
      if (books.revision < 0) return nothing(image, failed('not-found', `${image.definition.type}/${image.id} has no stream`));
      return forget(image, input);
    case 'resumeRuns':
      return books.holding ? nothing(image, refused(image)) : operateRuns(image, input);
    case 'cancel':
    case 'terminate':
      return operateRuns(image, input);
  }
}

/** A step of records that change no state. */
export function step(image: Image, records: readonly NewRecord[], bytes = 0): Step {
  return { records, state: image.state, bytes: bytes + records.length * 160, decision: done(image) };
}
