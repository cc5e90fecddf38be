import { errorText, isBranded, isPerdureError, PerdureError } from './errors.ts';
import { plainSize } from './plain.ts';

/**
 * The errors that user code throws and catches. The class says what the runtime does with it.
 *
 * Invariants:
 * J1. A Rejection is final: never retried, its code and details travel unchanged to whoever waits.
 * J2. Anything else that a handler throws is a defect.
 */

const REJECTION = Symbol.for('perdure.rejection');

/** A business "no". Made by `Cart.reject(code, details?)`; `by` says who said it (an entity type, `type/id` once it travelled, or an activity). */
export class Rejection<C extends string = string> extends Error {
  readonly [REJECTION] = true;
  readonly code: C;
  readonly details: unknown;
  readonly by: string;

  constructor(code: C, details?: unknown, by = '', message?: string) {
    super(message ?? code);
    this.name = 'Rejection';
    this.code = code;
    this.details = details;
    this.by = by;
  }
}

/** Is it a rejection? Branded, so that two copies of the package agree. */
export function isRejection(error: unknown): error is Rejection {
  return isBranded(error, REJECTION);
}

/** The defect of a rejection whose details could not travel (J1): `payload-not-plain`, naming the path; undefined if they can. */
export function flawOf({ code, details }: Rejection): PerdureError | undefined {
  if (details === undefined) return undefined;
  try {
    plainSize(details, `details of the rejection ${code}`);
    return undefined;
  } catch (error) {
    return isPerdureError(error) ? error : new PerdureError('payload-not-plain', errorText(error), undefined, { cause: error });
  }
}

/** An activity that failed for good: its attempts or its deadline ran out. */
export class ActivityError extends PerdureError {
  readonly activity: string;
  readonly attempts: number;
  readonly reason: 'attempts' | 'deadline';
  /** The last progress that a heartbeat told, undefined if none did. */
  readonly progress: unknown;

  constructor(activity: string, attempts: number, reason: 'attempts' | 'deadline', progress?: unknown, options?: ErrorOptions) {
    super('activity-failed', `activity ${activity} failed after ${attempts} attempt(s)`, undefined, options);
    this.name = 'ActivityError';
    this.activity = activity;
    this.attempts = attempts;
    this.reason = reason;
    this.progress = progress;
  }
}

/** Thrown once inside a durable handler whose cancellation was asked for, at the first await that loses nothing. */
export class CancelledError extends PerdureError {
  constructor() {
    super('cancelled');
    this.name = 'CancelledError';
  }
}
