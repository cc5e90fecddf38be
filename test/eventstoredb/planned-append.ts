import { type AppendRequest, makeAppend } from './append-request.ts';
import type { ServerContext } from './context.ts';
import type { CallError } from './errors.ts';
import type { AppendOutcome } from './log.ts';

/** Where the answers to one append go. */
export interface AppendAnswers {
  /** Called once per answer, at once or later. */
  answer(outcome: AppendOutcome): void;
  failCall(error: CallError): void;
}

/** Makes an append with the faults that are armed for it. `left`: milliseconds until the client's deadline, if it gave one. */
export function plannedAppend(
  context: ServerContext,
  request: AppendRequest,
  answers: AppendAnswers,
  leftMs = Number.POSITIVE_INFINITY,
): void {
  const { state } = context;
  const plan = state.planAppend();
  if (plan.callError !== undefined) answers.failCall(plan.callError);
  if (plan.callError !== undefined || !plan.isMade) return;
  const outcome = outcomeOf(context, request, plan.refusal?.(request.stream), leftMs);
  if (outcome.kind === 'idempotent' && state.silences.take() !== undefined) return;
  for (const delayMs of plan.answersAfterMs) {
    if (delayMs === 0) answers.answer(outcome);
    else setTimeout(() => answers.answer(outcome), delayMs).unref();
  }
}

function outcomeOf(context: ServerContext, request: AppendRequest, refusal: AppendOutcome | undefined, leftMs: number): AppendOutcome {
  if (refusal !== undefined) return refusal;
  if (!context.state.isReady) return { kind: 'not-ready' };
  return leftMs <= 0 ? { kind: 'timeout' } : makeAppend(context, request);
}
