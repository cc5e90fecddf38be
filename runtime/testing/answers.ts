import type { Answer } from '../core/answer.ts';
import type { Address } from '../core/definition/types.ts';
import { type ErrorCode, PerdureError } from '../core/errors.ts';
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

/** May it still come to something by itself? */
export function isOpen({ status }: RunView): boolean {
  return status === 'queued' || status === 'held' || status === 'running';
}

/** The result of a run that has ended. Throws Rejection or PerdureError if it ended otherwise, or is stalled. */
export function outcomeOf(of: Address, run: RunView, mishaps: Mishaps): unknown {
  if (run.status === 'completed') return overTheWire(run.result ?? null, 'result');
  const { code, message, details } = run.problem ?? { code: 'call-failed', message: `the run is ${run.status}` };
  if (run.status === 'rejected') throw new Rejection(code, overTheWire(details, 'details'), `${of.type}/${of.id}`, message);
  throw mishaps.original(of, new PerdureError(code as ErrorCode, message, details));
}
