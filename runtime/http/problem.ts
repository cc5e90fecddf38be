import { type ErrorCode, errorSpec, isPerdureError } from '../core/errors.ts';

/**
 * RFC 9457 problem bodies. Status, title and retry come from the error table (X1, X2).
 */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  /** What to do about it. */
  readonly help: string;
  /** `invalid-payload`: what does not fit, where. */
  readonly errors?: unknown;
  readonly details?: unknown;
  /** Rejections only: who said no. Its presence tells a rejection from an error of the runtime. */
  readonly by?: string;
  /** The id to repeat the message with. */
  readonly signalId?: string;
}

/** Seconds a caller should wait, for codes that an operator or more than a moment must resolve. */
const SLOW_S: Readonly<Record<string, number>> = {
  parked: 10,
  paused: 10,
  'held-overflow': 10,
  'projection-failed': 10,
  'store-full': 10,
  'store-failed': 30,
};

/** Longest text of a problem that repeats what the caller sent. */
const MAX_DETAIL = 1_000;

/** The problem of a code of the error table. */
export function problem(code: ErrorCode, detail?: string, details?: unknown): Problem {
  const spec = errorSpec(code);
  const base = {
    type: `urn:perdure:problem:${code}`,
    title: spec.message,
    status: spec.status,
    detail: (detail ?? spec.message).slice(0, MAX_DETAIL),
    code,
    help: spec.help,
  };
  if (details === undefined) return base;
  return code === 'invalid-payload' && Array.isArray(details) ? { ...base, errors: details } : { ...base, details };
}

/** The problem of an entity's own "no". */
export function rejection(code: string, details: unknown, by: string, message: string): Problem {
  return {
    type: `urn:perdure:rejection:${encodeURIComponent(code)}`,
    title: 'The entity rejected the message.',
    status: 409,
    detail: message,
    code,
    help: 'A business rule said no; see code and details.',
    ...(details === undefined ? {} : { details }),
    by,
  };
}

/** The problem of anything thrown; undefined for what is no error of the runtime, which is a bug and must be logged. */
export function problemOf(error: unknown): Problem | undefined {
  if (error instanceof HttpProblem) return error.problem;
  if (!isPerdureError(error)) return undefined;
  return problem(error.code as ErrorCode, error.message, error.details);
}

/** Seconds of `retry-after`, undefined when the same request will fail again or the caller decides itself. */
export function retryAfterS(code: string): number | undefined {
  return errorSpec(code).retry === 'after' ? (SLOW_S[code] ?? 1) : undefined;
}

/** Thrown while a request is being understood; carries the answer. */
export class HttpProblem extends Error {
  readonly problem: Problem;
  constructor(what: Problem) {
    super(what.detail);
    this.problem = what;
  }
}

/** Throws `malformed-request`. */
export function malformed(detail: string): never {
  throw new HttpProblem(problem('malformed-request', detail));
}
