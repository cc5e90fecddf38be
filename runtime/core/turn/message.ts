import { failed } from '../answer.ts';
import { errorText, isPerdureError } from '../errors.ts';
import type { Image } from '../image.ts';
import { firedRecord, metaOf, NO_META, parkReason, timerId } from './facts.ts';
import { holdSignal, holdTimer } from './hold.ts';
import type { SignalInput, Step, TimerInput } from './input.ts';
import { invalidAnswer, rejectedAnswer, runSegment, type SegmentOutcome } from './segment.ts';
import { done, nothing, type TurnEnv } from './step.ts';

/**
 * How a signal and a timer firing are handled by an entity that is neither parked nor paused.
 *
 * Invariants:
 * H1. A rejection leaves nothing behind but facts (TimerFired).
 * H2. A defect of an update is answered and leaves nothing; one of a signal or a timer parks the entity and holds the message.
 */

/** Handles a new signal or update. */
export function handleSignal(image: Image, input: SignalInput, env: TurnEnv, index: number): Step {
  const { definition } = image;
  const declaration = definition.declarations.get(input.name);
  const handler = definition.signals.get(input.name);
  if (handler === undefined || declaration === undefined) return unknownSignal(image, input);
  if (handler.mode !== 'plain') return nothing(image, failed('invalid-definition', `${definition.type}.${input.name} is durable`));
  const outcome = runSegment(
    image,
    {
      handler: handler.run,
      declaration,
      payload: input.payload,
      meta: metaOf(input),
      signalId: input.signalId,
      index,
      wantsResult: input.wants === 'outcome' || input.idChosen,
    },
    env,
  );
  switch (outcome.kind) {
    case 'completed':
      return {
        records: outcome.records,
        state: outcome.state,
        bytes: outcome.bytes,
        decision: done(image, outcome.result),
      };
    case 'invalid':
      return nothing(image, invalidAnswer(`${definition.type}.${input.name}`, outcome.issues));
    case 'rejected':
      return nothing(image, rejectedAnswer(outcome.rejection, image));
    case 'defect':
      return defectiveSignal(image, input, outcome);
  }
}

/** Handles the firing of an armed timer. */
export function handleTimer(image: Image, input: TimerInput, env: TurnEnv, index: number): Step {
  const { definition } = image;
  const handler = definition.timers.get(input.timer);
  if (handler === undefined || handler.mode !== 'plain') {
    return holdTimer(image, input, {
      reason: 'defect',
      name: input.timer,
      message: `${definition.type} has no plain handler for timer '${input.timer}'`,
    });
  }
  const outcome = runSegment(
    image,
    {
      handler: handler.run,
      declaration: undefined,
      payload: input.key,
      meta: NO_META,
      signalId: timerId(input),
      index,
      wantsResult: false,
    },
    env,
  );
  const fired = firedRecord(input);
  switch (outcome.kind) {
    case 'completed':
      return { records: [fired, ...outcome.records], state: outcome.state, bytes: outcome.bytes + 48, decision: done(image) };
    case 'invalid':
    case 'rejected':
      return { records: [fired], state: image.state, bytes: 48, decision: done(image) };
    case 'defect':
      return { ...holdTimer(image, input, parkReason(input.timer, outcome)), defect: outcome.error };
  }
}

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
