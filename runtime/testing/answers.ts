import { outcomeError } from '../client/outcome.ts';
import type { Answer } from '../core/answer.ts';
import type { Address } from '../core/definition/types.ts';
import { PerdureError } from '../core/errors.ts';
import { Rejection } from '../core/rejection.ts';
import type { RunView } from '../host/surface.ts';
import type { Mishaps } from './mishaps.ts';
import { overTheWire } from './wire.ts';

/** What the host answers, as a client has it: values and errors. A defect is thrown as it was thrown. */

export type Done = Extract<Answer, { kind: 'done' }>;

/** The answer if it is `done`. Throws Rejection or PerdureError for the others. */
export function doneOf(of: Address, answer: Answer, mishaps: Mishaps): Done {
  if (answer.kind === 'done') return answer;
  const { code, message, details } = answer;
  if (answer.kind === 'rejected') throw new Rejection(code, overTheWire(details, 'details'), answer.by, message);
  throw mishaps.original(of, new PerdureError(answer.code, message, details));
}

/** The result of a run that has ended. Throws Rejection or PerdureError if it ended otherwise, or is stalled. */
export function outcomeOf(sent: Address & { readonly signalId: string }, run: RunView, mishaps: Mishaps): unknown {
  if (run.status === 'completed') return overTheWire(run.result ?? null, 'result');
  throw mishaps.original(sent, outcomeError(sent, run));
}
