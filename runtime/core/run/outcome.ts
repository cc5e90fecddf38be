import { ERRORS, type ErrorCode, PerdureError } from '../errors.ts';
import type { Outcome } from '../journal.ts';
import { ActivityError, CancelledError, Rejection } from '../rejection.ts';
import type { RunExecution } from './execution.ts';
import type { Pending } from './pending-calls.ts';

/**
 * Outcomes as user code meets them, and as whoever waits outside is told.
 */
export type Decoded = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown };

/** What an `activity-failed` outcome tells beside its message. */
export interface ActivityFailure {
  readonly attempts: number;
  readonly reason: 'attempts' | 'deadline';
  readonly progress?: unknown;
}

/** What an outcome makes of the promise that waited for it. */
export function decodeOutcome(outcome: Outcome, { kind, name }: Pending, execution: RunExecution): Decoded {
  switch (outcome.kind) {
    case 'completed':
      return { ok: true, value: kind === 'until' ? execution.segments.context.state() : outcome.value };
    case 'timedOut':
      return { ok: true, value: undefined };
    case 'rejected':
      return no(new Rejection(outcome.code, outcome.details ?? undefined, outcome.by, outcome.message));
    case 'cancelled': {
      if (!execution.cancellation.isAsked) return no(new PerdureError('cancelled', `${name} was cancelled`));
      execution.cancellation.isDue = false;
      return no(new CancelledError());
    }
    case 'terminated':
      return no(new PerdureError('terminated', `${name} was terminated by ${outcome.by}${outcome.why === '' ? '' : `: ${outcome.why}`}`));
    case 'failed':
      return no(failure(outcome, kind, name));
  }
}

function failure({ code, message, details }: Extract<Outcome, { kind: 'failed' }>, kind: Pending['kind'], name: string): unknown {
  if (kind === 'activity' && code === 'activity-failed') {
    const { attempts, reason, progress } = details as ActivityFailure;
    return new ActivityError(name, attempts, reason, progress, { cause: new Error(message) });
  }
  return new PerdureError(knownCode(code), message, details);
}

/** A code of the table; what another version or a callback's sender made up is `call-failed`. */
function knownCode(code: string): ErrorCode {
  return Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'call-failed';
}

function no(error: unknown): Decoded {
  return { ok: false, error };
}
