import { type Answer, failed } from '../answer.ts';
import { errorText } from '../errors.ts';
import type { Image } from '../image.ts';
import { type HeldMessage, journal } from '../journal.ts';
import { LIMITS } from '../limits.ts';
import { plainSize, wellFormed } from '../plain.ts';
import type { NewRecord, SourceMark } from '../record.ts';
import { firedRecord, metaOf, metaSize, type ParkReason, parkReason, timerId } from './facts.ts';
import type { OperatorInput, ReleaseInput, SignalInput, Step, TimerInput } from './input.ts';
import { runSegment, type SegmentOutcome } from './segment.ts';
import { done, nothing, type TurnEnv } from './step.ts';

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
  if (books.heldCount >= LIMITS.maxHeld) {
    return nothing(image, failed('held-overflow', `${image.definition.type}/${image.id} holds ${books.heldCount} messages`));
  }
  const payload = input.payload ?? null;
  const size = sizeOrRefusal(payload, input.name);
  if (typeof size !== 'number') return nothing(image, size);
  const meta = metaOf(input);
  const held = journal('SignalHeld', { kind: 'signal', name: input.name, payload }, meta);
  return holdStep(image, parkRecords(image, input.signalId, park), held, size + metaSize(meta) + 128);
}

/** Records that a timer fired and holds the firing; `park` also parks the entity on its account. */
export function holdTimer(image: Image, input: TimerInput, park?: ParkReason): Step {
  const { timer, key } = input;
  const held = journal('SignalHeld', { kind: 'timer', timer, key });
  return holdStep(image, [firedRecord(input), ...parkRecords(image, timerId(input), park)], held, 192);
}

/** Estimated bytes of a payload that is to be recorded, or what its sender is told if it is not plain. */
function sizeOrRefusal(payload: unknown, name: string): number | Answer {
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
function refused(image: Image): Answer {
  const { parked, paused } = image.books;
  const what = `${image.definition.type}/${image.id}`;
  if (parked !== undefined) return failed('parked', `${what} is parked at ${parked.name || 'its fold'}: ${parked.message}`);
  if (image.foldError !== undefined) return failed('parked', image.foldError);
  if (paused !== undefined) return failed('paused', `${what} was paused by ${paused.by}: ${paused.why}`);
  return failed('parked', `${what} is handling what it held`);
}

/** Handles the next held message as the operator (or the host, draining) says. */
export function release(image: Image, input: ReleaseInput, env: TurnEnv, index: number): Step {
  const { books } = image;
  const { by, why, held, verb } = input;
  if (books.heldCount === 0 || held.revision < books.heldFrom) return nothing(image, failed('not-parked', 'nothing is held'));
  if (image.foldError !== undefined) return nothing(image, failed('fold-failed', image.foldError));
  if (verb === 'skip') return step(image, [journal('HeldSkipped', { held: held.revision, by, why }, held.meta)]);
  if (books.paused !== undefined) return nothing(image, refused(image));
  if (verb === 'drain' && books.parked !== undefined) return nothing(image, refused(image));
  const name = nameOf(held.message);
  const size = verb === 'edit' ? sizeOrRefusal(input.payload, name) : 0;
  if (typeof size !== 'number') return nothing(image, size);
  const edited = verb === 'edit' ? [journal('HeldEdited', { held: held.revision, payload: input.payload, by, why })] : [];
  const outcome = rerun(image, input, env, index);
  switch (outcome.kind) {
    case 'completed': {
      const records = [...edited, journal('Released', { held: held.revision, by, why }), ...outcome.records];
      return { records, state: outcome.state, bytes: outcome.bytes + size + 128, decision: done(image) };
    }
    case 'rejected':
      return step(image, [...edited, journal('Released', { held: held.revision, by, why }, held.meta)], size);
    case 'defect':
      return { ...parkAgain(image, held, edited, parkReason(name, outcome), size), defect: outcome.error };
    case 'invalid': {
      const [first] = outcome.issues;
      const message = `invalid-payload: ${first?.path}: ${first?.message}`;
      return parkAgain(image, held, edited, { reason: 'defect', name, message }, size, outcome.issues);
    }
  }
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

function rerun(image: Image, input: ReleaseInput, env: TurnEnv, index: number): SegmentOutcome {
  const { message, meta } = input.held;
  const { definition } = image;
  const name = nameOf(message);
  const handler = message.kind === 'signal' ? definition.signals.get(name) : definition.timers.get(name);
  const declaration = message.kind === 'signal' ? definition.declarations.get(name) : undefined;
  if (handler === undefined || handler.mode !== 'plain') {
    return { kind: 'defect', code: 'unknown-signal', error: new Error(`${definition.type} has no plain handler for '${name}'`) };
  }
  const raw = message.kind === 'signal' ? message.payload : message.key;
  const edit = input.verb === 'edit' ? { payload: input.payload } : image.books.heldEdit;
  const payload = edit === undefined ? raw : edit.payload;
  const signalId = meta.signal ?? (message.kind === 'timer' ? timerId(message) : `held:${input.held.revision}`);
  return runSegment(
    image,
    { handler: handler.run, declaration, payload, meta, signalId, index, wantsResult: meta.signal !== undefined },
    env,
  );
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
    case 'forget': {
      if (books.revision < 0) return nothing(image, failed('not-found', `${image.definition.type}/${image.id} has no stream`));
      const marks: SourceMark[] = [...books.marks].map(([source, mark]) => ({ source, ...mark }));
      return step(image, [journal('Forgotten', { by, why, marks })]);
    }
  }
}

function step(image: Image, records: readonly NewRecord[], bytes = 0): Step {
  return { records, state: image.state, bytes: bytes + records.length * 160, decision: done(image) };
}
