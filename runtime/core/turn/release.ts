import { failed } from '../answer.ts';
import type { EntityDefinition, Handler, MessageDeclaration } from '../definition/erased.ts';
import type { Image } from '../image.ts';
import { CANCEL, type CancelPayload, type HeldMessage, journal, type ReplyAddress } from '../journal.ts';
import type { NewRecord, RecordMeta } from '../record.ts';
import { firstIssue, type Issue } from '../schema.ts';
import { failedOutcome, parkReason, replyRecord, timerId, timerRunId } from './facts.ts';
import { nameOf, parkAgain, refused, sizeOrRefusal, step } from './hold.ts';
import type { ReleaseInput, Step } from './input.ts';
import { completedStep, NO_ORIGIN, replied } from './message.ts';
import { handleCancel } from './run-inputs.ts';
import { rejectedAnswer, runSegment, type SegmentOutcome } from './segment.ts';
import { startRun } from './start-run.ts';
import { done, nothing, type TurnEnv } from './step.ts';

/**
 * The release of held messages, one by one, in their order (K1 to K3 of hold.ts).
 */

/** What a held message is handled with. */
interface Held {
  readonly input: ReleaseInput;
  readonly name: string;
  readonly payload: unknown;
  readonly handler: Handler | undefined;
  readonly declaration: MessageDeclaration | undefined;
  readonly meta: RecordMeta;
  readonly signalId: string;
  readonly reply: ReplyAddress | undefined;
  /** Records of an operator's correction, and the bytes of it. */
  readonly edited: readonly NewRecord[];
  readonly editBytes: number;
}

/** Handles the next held message as the operator (or the host, draining) says. */
export function* release(image: Image, input: ReleaseInput, env: TurnEnv, index: number): Generator<void, Step> {
  const { books } = image;
  const { by, why, held, verb } = input;
  if (books.heldCount === 0 || held.revision < books.heldFrom) return nothing(image, failed('not-parked', 'nothing is held'));
  if (image.foldError !== undefined) return nothing(image, failed('fold-failed', image.foldError));
  if (verb === 'skip') return skipped(image, input);
  if (books.paused !== undefined) return nothing(image, refused(image));
  if (verb === 'drain' && books.parked !== undefined) return nothing(image, refused(image));
  const name = nameOf(held.message);
  const editBytes = verb === 'edit' ? sizeOrRefusal(input.payload, name) : 0;
  if (typeof editBytes !== 'number') return nothing(image, editBytes);
  const edited = verb === 'edit' ? [journal('HeldEdited', { held: held.revision, payload: input.payload, by, why })] : [];
  const known = heldOf(image, input, edited, editBytes);
  if (name === CANCEL) return yield* cancelled(image, known, index, env);
  if (known.handler === undefined) {
    const defect = {
      kind: 'defect',
      code: 'unknown-signal',
      error: new Error(`${image.definition.type} has no handler for '${name}'`),
    } as const;
    return plainReleased(image, known, defect);
  }
  if (isAcceptedBefore(image, known)) return duplicate(image, known);
  if (known.handler.mode === 'plain') return plainReleased(image, known, rerun(image, known, known.handler.run, env, index));
  const { handler, signalId: id, declaration, payload, meta } = known;
  const of = held.message.kind === 'signal' ? 'signal' : 'timer';
  const facts = [...edited, journal('Released', { held: held.revision, by, why })];
  const origin = held.message.kind === 'signal' ? held.message : NO_ORIGIN;
  const request = {
    id,
    name,
    of,
    handler: handler.run,
    serial: handler.mode === 'serial',
    declaration,
    payload,
    meta,
    facts,
    origin,
    wantsOutcome: false,
    index,
  } as const;
  const start = yield* startRun(image, request, env);
  if (start.kind === 'invalid') return invalid(image, known, start.issues);
  return { ...start.step, bytes: start.step.bytes + editBytes + 160, decision: done(image) };
}

function heldOf(image: Image, input: ReleaseInput, edited: readonly NewRecord[], editBytes: number): Held {
  const { message, meta: heldMeta, revision } = input.held;
  const { definition } = image;
  const name = nameOf(message);
  const declaration = message.kind === 'signal' ? definition.declarations.get(name) : undefined;
  const edit = input.verb === 'edit' ? { payload: input.payload } : image.books.heldEdit;
  const signalId = heldMeta.signal ?? (message.kind === 'timer' ? timerRunId(message, revision) : `held:${revision}`);
  const meta = declaration?.once ? { ...heldMeta, signal: signalId, name, once: true as const } : heldMeta;
  return {
    ...{ input, name, declaration, meta, edited, editBytes },
    payload: edit === undefined ? rawPayload(message) : edit.payload,
    handler: handlerOfHeld(definition, message, name),
    signalId,
    reply: message.kind === 'signal' ? message.reply : undefined,
  };
}

function rawPayload(message: HeldMessage): unknown {
  return message.kind === 'signal' ? message.payload : message.key;
}

function handlerOfHeld(definition: EntityDefinition, message: HeldMessage, name: string): Handler | undefined {
  return message.kind === 'signal' ? definition.signals.get(name) : definition.timers.get(name);
}

function rerun(
  image: Image,
  { payload, declaration, meta, signalId, reply, input }: Held,
  run: Parameters<typeof runSegment>[1]['handler'],
  env: TurnEnv,
  index: number,
): SegmentOutcome {
  const known = input.held.message.kind === 'timer' ? timerId(input.held.message) : signalId;
  const wantsResult = meta.signal !== undefined || reply !== undefined;
  return runSegment(image, { handler: run, declaration, payload, meta, signalId: known, index, wantsResult }, env);
}

/** What a held message to a plain handler comes to. */
function plainReleased(image: Image, held: Held, outcome: SegmentOutcome): Step {
  const { edited, editBytes, meta, name, reply, input } = held;
  const { by, why } = input;
  const released = (own: RecordMeta) => journal('Released', { held: input.held.revision, by, why }, own);
  switch (outcome.kind) {
    case 'completed': {
      const completed = replied(reply, completedStep(image, outcome), { kind: 'completed', value: outcome.result });
      const records = [...edited, released({}), ...completed.records];
      return { ...completed, records, bytes: completed.bytes + editBytes + 128, decision: done(image) };
    }
    case 'rejected': {
      const answer = rejectedAnswer(outcome.rejection, image);
      const { once: _once, ...notAccepted } = meta;
      const records = [...edited, released(notAccepted)];
      if (reply === undefined || answer.kind !== 'rejected') return step(image, records, editBytes);
      const { code, details, by: sayer, message } = answer;
      return step(image, [...records, replyRecord(reply, { kind: 'rejected', code, details, by: sayer, message })], editBytes);
    }
    case 'defect':
      return { ...parkAgain(image, input.held, edited, parkReason(name, outcome), editBytes), defect: outcome.error };
    case 'invalid':
      return invalid(image, held, outcome.issues);
  }
}

function invalid(image: Image, { input, edited, editBytes, name }: Held, issues: readonly Issue[]): Step {
  const message = `invalid-payload: ${firstIssue(issues)}`;
  return parkAgain(image, input.held, edited, { reason: 'defect', name, message }, editBytes, issues);
}

/** Whoever called it is told. */
function skipped(image: Image, { by, why, held }: ReleaseInput): Step {
  const skip = journal('HeldSkipped', { held: held.revision, by, why }, held.meta);
  const reply = held.message.kind === 'signal' ? held.message.reply : undefined;
  if (reply === undefined) return step(image, [skip]);
  const told = failedOutcome('call-failed', `the call was skipped by ${by}${why === '' ? '' : `: ${why}`}`);
  return step(image, [skip, replyRecord(reply, told)]);
}

function isAcceptedBefore(image: Image, { declaration, name, signalId }: Held): boolean {
  const accepted = declaration?.once === true ? image.books.once.get(name) : undefined;
  // A held message with a chosen id is in the window, not among the accepted ones.
  return accepted !== undefined && accepted.signalId !== signalId;
}

function duplicate(image: Image, { edited, input, name, reply, meta }: Held): Step {
  const { by, why, held } = input;
  const { once: _once, ...rest } = meta;
  const records = [...edited, journal('Released', { held: held.revision, by, why }, rest)];
  const told = failedOutcome('already-exists', `${image.definition.type}/${image.id} accepted ${name} before`);
  return step(image, reply === undefined ? records : [...records, replyRecord(reply, told)]);
}

function* cancelled(image: Image, { edited, payload, input, signalId, name }: Held, index: number, env: TurnEnv): Generator<void, Step> {
  const { by, why, held } = input;
  const asked = {
    kind: 'signal',
    name,
    payload: payload as CancelPayload,
    wants: 'durability',
    signalId,
    idChosen: false,
    mark: undefined,
    context: undefined,
  } as const;
  const cancel = yield* handleCancel(image, asked, index, env);
  const records = [...edited, journal('Released', { held: held.revision, by, why }, held.meta), ...cancel.records];
  return { ...cancel, records, bytes: cancel.bytes + 160 };
}
