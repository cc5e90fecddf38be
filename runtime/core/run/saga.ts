import { errorText, isPerdureError, PerdureError } from '../errors.ts';
import { isRejection } from '../rejection.ts';
import type { Awaited } from './awaited.ts';
import type { Begun, RunExecution } from './execution.ts';

/**
 * Sagas: a body whose steps are undone, last first, if it throws.
 *
 * Invariants:
 * G1. Nothing is undone while a call of the body is open, or of a saga in it: an undoing must not overtake its step.
 * G2. What was registered is undone in reverse order, one after another, and is not asked to stop; that of sagas in it too, if they have not undone it.
 * G3. A compensation that fails for good stops the run; resumed, it is called again with the same idempotency key. It is never skipped.
 * G4. A compensation registered directly before a step carries that step's idempotency key.
 * G5. What a body that returned had registered is undone if the saga around it throws.
 * G6. When a body has ended nothing new may start in it, nor in sagas in it that still wait.
 */

/** A registered compensation. */
export interface Compensation {
  readonly what: unknown;
  /** Its place among all that were registered in the outermost saga. */
  readonly place: number;
  /** Call whose idempotency key it carries (G4). */
  stepCall: number | undefined;
}

/** One saga while it runs. */
export class SagaScope {
  readonly #outer: SagaScope | undefined;
  readonly #places: { next: number };
  readonly #open = new Set<Awaited<unknown>>();
  /** Sagas in it that have not ended. */
  readonly #inner = new Set<SagaScope>();
  #steps: Compensation[] = [];
  #registered: Compensation | undefined;
  #isUndoing = false;
  #isOver = false;

  constructor(outer?: SagaScope) {
    this.#outer = outer;
    this.#places = outer === undefined ? { next: 0 } : outer.#places;
    if (outer === undefined) return;
    outer.#check();
    outer.#inner.add(this);
  }

  /** Is it in no other saga? */
  get isOutermost(): boolean {
    return this.#outer === undefined;
  }

  /** Is none of its calls open, nor of the sagas in it, and is none of these being undone? */
  get isSettled(): boolean {
    if (this.#open.size > 0) return false;
    for (const inner of this.#inner) if (inner.#isUndoing || !inner.isSettled) return false;
    return true;
  }

  /** Registers a compensation. Throws `saga-over`. */
  register(what: unknown): void {
    this.#check();
    this.#registered = { what, place: this.#places.next, stepCall: undefined };
    this.#places.next += 1;
    this.#steps.push(this.#registered);
  }

  /** Starts a call of the body. Throws `saga-over`. */
  start(begin: () => Begun): Begun {
    this.#check();
    const begun = begin();
    if (this.#registered !== undefined) this.#registered.stepCall = begun.call;
    this.#registered = undefined;
    this.#open.add(begun.promise);
    const settled = () => void this.#open.delete(begun.promise);
    Promise.prototype.then.call(begun.promise, settled, settled);
    return begun;
  }

  /** Its body has thrown: the saga around it waits until it is undone. */
  fail(): void {
    this.#isUndoing = true;
  }

  /** Ends it and the sagas in it (G6). Gives what is to be undone, last first (G2). */
  end(): readonly Compensation[] {
    return this.#taken().sort((a, b) => b.place - a.place);
  }

  /** Its body has returned: what it registered is the saga's around it (G5). */
  handOver(): void {
    const steps = this.#taken();
    if (this.#outer !== undefined) this.#outer.#steps.push(...steps);
  }

  /** It has ended, one way or the other. */
  leave(): void {
    this.#isOver = true;
    if (this.#outer !== undefined) this.#outer.#inner.delete(this);
  }

  #taken(): Compensation[] {
    this.#isOver = true;
    const steps = [...this.#steps, ...[...this.#inner].flatMap((inner) => inner.#taken())];
    this.#steps = [];
    return steps;
  }

  #check(): void {
    if (this.#isOver)
      throw new PerdureError('saga-over', 'the body of the saga has ended: what it started is being settled, nothing new may start');
  }
}

/** How a compensation is called: as a call of the run that is not asked to stop. */
export type CallShielded = (what: unknown, stepCall: number | undefined) => Promise<unknown>;

/** Runs a body in a saga. Rejects with what the body threw, after everything was undone. */
export async function runSaga<O>(execution: RunExecution, scope: SagaScope, body: () => Promise<O>, call: CallShielded): Promise<O> {
  const settled = () => execution.idlers.until(() => scope.isSettled);
  const count = scope.isOutermost ? 1 : 0;
  execution.openSagas += count;
  try {
    const value = await body();
    if (!scope.isSettled) await settled();
    scope.handOver();
    return value;
  } catch (error) {
    scope.fail();
    // Also without open calls: what a branch registers after its last one comes in the same drain.
    await settled();
    for (const step of scope.end()) await undo(execution, step, call);
    throw error;
  } finally {
    scope.leave();
    execution.openSagas -= count;
  }
}

async function undo(execution: RunExecution, { what, stepCall }: Compensation, call: CallShielded): Promise<void> {
  for (;;) {
    try {
      await call(what, stepCall);
      return;
    } catch (error) {
      // A defect of the handler, not of what it called: the segment is discarded and stalls by itself.
      if (error === execution.segments.poison) throw error;
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
    message: `a compensation failed for good (${code}${isRejection(error) ? `, said by ${error.by}` : ''}): ${errorText(error)}`,
  };
  return execution.wait({ kind: 'resume', name: 'resume' }, (call) => ({ scheduled: { kind: 'resume', call } }), 0, true).promise;
}
