import { type Answer, failed } from '../answer.ts';
import { errorText, isPerdureError } from '../errors.ts';
import type { Image } from '../image.ts';
import { CANCEL, type CallOrigin, type Outcome, REPLY, type ReplyAddress } from '../journal.ts';
import { plainSize } from '../plain.ts';
import type { NewRecord, SourceMark } from '../record.ts';
import { firstIssue, type Issue } from '../schema.ts';
import { cancelsOf, stalledAnswer } from './conclude.ts';
import {
  failedOutcome,
  firedRecord,
  metaOf,
  NO_META,
  parkReason,
  plainIssues,
  REPLY_OVERHEAD,
  replyRecord,
  timerId,
  timerRunId,
} from './facts.ts';
import { holdSignal, holdTimer } from './hold.ts';
import type { Decision, SignalInput, Step, TimerInput } from './input.ts';
import { handleCancel, handleReply } from './run-inputs.ts';
import { invalidAnswer, rejectedAnswer, runSegment, type SegmentOutcome } from './segment.ts';
import { type RunRequest, startRun } from './start-run.ts';
import { done, nothing, type TurnEnv } from './step.ts';

/**
 * How a signal and a timer firing are handled by an entity that is neither parked nor paused.
 *
 * Invariants:
 * H1. A rejection leaves nothing behind but facts (TimerFired), and the reply to a call.
 * H3. A call gets one reply, in the turn that ends it; a call to a defective plain handler parks, and its caller waits.
 * H5. A call is handled once, also if its handler asked for nothing: its mark is kept with its reply.
 * H4. A `once` signal that was accepted leaves nothing more, but a reply to a call.
 * H2. A defect of an update is answered and leaves nothing; one of a signal or a timer parks the entity and holds the message.
 */

/** Handles a new signal or update that asks nothing of a run; undefined if it does. */
export function handlePlain(image: Image, input: SignalInput, env: TurnEnv, index: number): Step | undefined {
  const { definition } = image;
  const { name, payload, signalId } = input;
  const declaration = definition.declarations.get(name);
  const handler = definition.signals.get(name);
  if (handler === undefined || declaration === undefined) return isOwn(name) ? undefined : unknownSignal(image, input);
  const first = declaration.once ? acceptedBefore(image, input) : undefined;
  if (first !== undefined) return first;
  if (handler.mode !== 'plain') return undefined;
  const meta = metaOf(input, declaration.once);
  const wantsResult = input.wants === 'outcome' || input.idChosen || input.origin?.reply !== undefined;
  return plainSignal(
    image,
    input,
    runSegment(image, { handler: handler.run, declaration, payload, meta, signalId, index, wantsResult }, env),
  );
}

/** Handles a new signal or update that `handlePlain` leaves: for a durable handler, or one that runs send each other. */
export function* handleDurable(image: Image, input: SignalInput, env: TurnEnv, index: number): Generator<void, Step> {
  const { definition } = image;
  const { name, payload, signalId: id } = input;
  if (name === REPLY) return yield* handleReply(image, input, index, env);
  if (name === CANCEL) return yield* handleCancel(image, input, index, env);
  const declaration = definition.declarations.get(name);
  const handler = definition.signals.get(name);
  if (handler === undefined || handler.mode === 'plain' || declaration === undefined) return unknownSignal(image, input);
  const request: RunRequest = {
    id,
    name,
    of: 'signal',
    handler: handler.run,
    serial: handler.mode === 'serial',
    declaration,
    payload,
    meta: metaOf(input, declaration.once),
    origin: input.origin ?? NO_ORIGIN,
    facts: NO_FACTS,
    wantsOutcome: input.wants === 'outcome',
    index,
    received: undefined,
  };
  const start = yield* startRun(image, request, env);
  return start.kind === 'step' ? start.step : invalidSignal(image, input, start.issues);
}

/** Is it a message that runs send each other? */
function isOwn(name: string): boolean {
  return name === REPLY || name === CANCEL;
}

/** What a signal to a plain handler comes to. */
function plainSignal(image: Image, input: SignalInput, outcome: SegmentOutcome): Step {
  const reply = input.origin?.reply;
  switch (outcome.kind) {
    case 'completed':
      return replied(reply, completedStep(image, outcome), { kind: 'completed', value: outcome.result }, input.mark);
    case 'invalid':
      return invalidSignal(image, input, outcome.issues);
    case 'rejected': {
      const answer = rejectedAnswer(outcome.rejection, image);
      return answer.kind === 'rejected' ? refusedCall(image, input, answer, { ...answer, kind: 'rejected' }) : nothing(image, answer);
    }
    case 'defect':
      return defectiveSignal(image, input, outcome);
  }
}

/** The step of a plain handler that completed. */
export function completedStep(
  image: Image,
  { records, state, bytes, result, cancels, logged }: Extract<SegmentOutcome, { kind: 'completed' }>,
): Step {
  const step = { records, state, bytes, decision: done(image, result) };
  if (cancels.length === 0 && logged.length === 0) return step;
  return { ...step, asks: cancelsOf(image, { cancels }), effects: logged.map((line) => ({ kind: 'logged', run: undefined, line })) };
}

/** A step with the reply to the call that it handled, if it was one. The reply keeps the call's mark: it may be all that is left of it (H5). */
export function replied(reply: ReplyAddress | undefined, step: Step, outcome: Outcome, mark?: SourceMark): Step {
  if (reply === undefined) return step;
  const bytes = step.bytes + REPLY_OVERHEAD + (outcome.kind === 'completed' ? plainSize(outcome.value, 'result') : 512);
  return { ...step, records: [...step.records, replyRecord(reply, outcome, mark === undefined ? NO_META : { mark })], bytes };
}

/** A message that is refused: a call gets its reply, and its mark is kept with it, so that it is never decided anew. */
function refusedCall(image: Image, input: SignalInput, answer: Answer, outcome: Outcome): Step {
  const reply = input.origin?.reply;
  if (reply === undefined) return nothing(image, answer);
  return { records: [replyRecord(reply, outcome, metaOf(input))], state: image.state, bytes: REPLY_OVERHEAD + 512, decision: answer };
}

function invalidSignal(image: Image, input: SignalInput, issues: readonly Issue[]): Step {
  const answer = invalidAnswer(`${image.definition.type}.${input.name}`, issues);
  const message = `the payload of ${image.definition.type}.${input.name} does not fit its schema: ${firstIssue(issues)}`;
  const outcome = failedOutcome('invalid-payload', message, plainIssues(issues));
  // A call is told by the reply alone (H3): whoever delivers it would send a second one for a failure.
  return refusedCall(image, input, input.origin?.reply === undefined ? answer : done(image), outcome);
}

/** A `once` signal that was accepted before, under this or another id. */
function acceptedBefore(image: Image, input: SignalInput): Step | undefined {
  const accepted = image.books.once.get(input.name);
  if (accepted === undefined) return undefined;
  const { signalId: first, revision } = accepted;
  const what = `${image.definition.type}/${image.id} accepted ${input.name} before`;
  if (input.origin?.reply !== undefined) return refusedCall(image, input, done(image), failedOutcome('already-exists', what));
  if (input.wants === 'durability') return nothing(image, { ...done(image), repeated: true, first });
  const { runs } = image.books;
  const isOpen = runs.open.has(first) || runs.queued.some(({ id }) => id === first);
  return nothing(image, isOpen ? joined(image, first) : { kind: 'known', revision, first });
}

/** Waiting for a run that is open: told when it ends, or at once if it is stalled. */
export function joined(image: Image, run: string): Decision {
  const open = image.books.runs.open.get(run);
  return open?.stalled === undefined ? { kind: 'joined', run, first: run } : stalledAnswer(image, open, open.stalled);
}

/** Handles the firing of an armed timer; undefined if its handler is durable. */
export function handlePlainTimer(image: Image, input: TimerInput, env: TurnEnv, index: number): Step | undefined {
  const { definition } = image;
  const handler = definition.timers.get(input.timer);
  if (handler === undefined) {
    const message = `${definition.type} has no handler for timer '${input.timer}'`;
    return holdTimer(image, input, { reason: 'defect', name: input.timer, message });
  }
  if (handler.mode !== 'plain') return undefined;
  const what = { declaration: undefined, payload: input.key, meta: NO_META, index };
  const outcome = runSegment(image, { ...what, handler: handler.run, signalId: timerId(input), wantsResult: false }, env);
  const fired = firedRecord(input);
  switch (outcome.kind) {
    case 'completed': {
      const step = completedStep(image, outcome);
      return { ...step, records: [fired, ...step.records], bytes: step.bytes + 48, decision: done(image) };
    }
    case 'invalid':
    case 'rejected':
      return { records: [fired], state: image.state, bytes: 48, decision: done(image) };
    case 'defect':
      return { ...holdTimer(image, input, parkReason(input.timer, outcome)), defect: outcome.error };
  }
}

/** Handles the firing of a timer with a durable handler. */
export function* handleDurableTimer(image: Image, input: TimerInput, env: TurnEnv, index: number): Generator<void, Step> {
  const handler = image.definition.timers.get(input.timer);
  if (handler === undefined || handler.mode === 'plain') return nothing(image, done(image));
  const id = timerRunId(input, image.books.revision);
  const about = {
    id,
    name: input.timer,
    of: 'timer',
    handler: handler.run,
    serial: handler.mode === 'serial',
    declaration: undefined,
  } as const;
  const facts = [firedRecord(input)];
  const request = { ...about, payload: input.key, meta: NO_META, facts, origin: NO_ORIGIN, wantsOutcome: false, index };
  const start = yield* startRun(image, request, env);
  return start.kind === 'step' ? start.step : nothing(image, done(image));
}

const NO_FACTS: readonly NewRecord[] = [];
export const NO_ORIGIN: CallOrigin = Object.freeze({});

function defectiveSignal(image: Image, input: SignalInput, defect: Extract<SegmentOutcome, { kind: 'defect' }>): Step {
  if (input.wants === 'outcome') {
    const what = `${image.definition.type}.${input.name}`;
    const message = isPerdureError(defect.error) ? `${what}: ${defect.error.message}` : `${what} threw ${errorText(defect.error)}`;
    return { ...nothing(image, failed(defect.code, message)), defect: defect.error };
  }
  return { ...holdSignal(image, input, parkReason(input.name, defect)), defect: defect.error };
}

/** From a source the name cannot be answered, so it parks; others are told. */
function unknownSignal(image: Image, input: SignalInput): Step {
  const message = `${image.definition.type} declares no signal '${input.name}'`;
  if (input.mark === undefined) return nothing(image, failed('unknown-signal', message));
  return holdSignal(image, input, { reason: 'unknown-signal', name: input.name, message });
}
