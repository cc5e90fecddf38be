import { errorText, isPerdureError, PerdureError } from '../errors.ts';
import { isRejection } from '../rejection.ts';
import type { Awaited } from './awaited.ts';
import type { Begun, RunExecution } from './execution.ts';

/**
 * Sagas: a body whose steps are undone, last first, if it throws.
 *
 * Invariants:
 * G1. Nothing is undone while a call of the body is open: an undoing must not overtake its step.
 * G2. What was registered is undone in reverse order, one after another, and is not asked to stop.
 * G3. A compensation that fails for good stops the run; resumed, it is called again with the same idempotency key. It is never skipped.
 * G4. A compensation registered directly before a step carries that step's idempotency key.
 * G5. What a body that returned had registered is undone if the saga around it throws.
 */

/** A registered compensation. */
export interface Compensation {
  readonly what: unknown;
  /** Call whose idempotency key it carries (G4). */
  stepCall: number | undefined;
}

/** One saga while it runs. */
export class SagaScope {
  readonly open = new Set<Awaited<unknown>>();
  steps: Compensation[] = [];
  /** Its body has thrown: nothing new may start. */
  isOver = false;
  #registered: Compensation | undefined;

  register(what: unknown): void {
    this.#check();
    this.#registered = { what, stepCall: undefined };
    this.steps.push(this.#registered);
  }

  /** Starts a call of the body. Throws `saga-over`. */
  start(begin: () => Begun): Begun {
    this.#check();
    const begun = begin();
    if (this.#registered !== undefined) this.#registered.stepCall = begun.call;
    this.#registered = undefined;
    this.open.add(begun.promise);
    const settled = () => void this.open.delete(begun.promise);
    Promise.prototype.then.call(begun.promise, settled, settled);
    return begun;
  }

  #check(): void {
    if (this.isOver)
      throw new PerdureError('saga-over', 'the body of the saga has ended: what it started is being settled, nothing new may start');
  }
}

/** How a compensation is called: as a call of the run that is not asked to stop. */
export type CallShielded = (what: unknown, stepCall: number | undefined) => Promise<unknown>;

/** Runs a body in a saga. Rejects with what the body threw, after everything was undone. */
export async function runSaga<O>(
  execution: RunExecution,
  scope: SagaScope,
  body: () => Promise<O>,
  call: CallShielded,
  outer?: SagaScope,
): Promise<O> {
  const isSettled = () => scope.open.size === 0;
  try {
    const value = await body();
    if (!isSettled()) await execution.idle(isSettled);
    outer?.steps.push(...scope.steps);
    return value;
  } catch (error) {
    // Also without open calls: what a branch registers after its last one comes in the same drain.
    await execution.idle(isSettled);
    scope.isOver = true;
    for (const step of scope.steps.reverse()) await undo(execution, step, call);
    throw error;
  } finally {
    scope.isOver = true;
  }
}

async function undo(execution: RunExecution, { what, stepCall }: Compensation, call: CallShielded): Promise<void> {
  for (;;) {
    try {
      await call(what, stepCall);
      return;
    } catch (error) {
      // A defect of the handler, not of what it called: the segment is discarded and stalls by itself.
      if (error === execution.poison) throw error;
      await stalled(execution, error);
    }
  }
}

/** Stops the run until an operator resumes it. */
function stalled(execution: RunExecution, error: unknown): Promise<unknown> {
  const code = isRejection(error) || isPerdureError(error) ? error.code : 'defect';
  execution.stall ??= {
    resumes: 'trigger',
    code: 'compensation-failed',
    message: `a compensation failed for good (${code}): ${errorText(error)}`,
  };
  return execution.wait({ kind: 'resume', name: 'resume' }, (call) => ({ scheduled: { kind: 'resume', call } }), 0, true).promise;
}
