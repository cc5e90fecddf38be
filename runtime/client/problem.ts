import { ERRORS, type ErrorCode, PerdureError } from '../core/errors.ts';
import { Rejection } from '../core/rejection.ts';

/** A problem body as a client reads it; fields of another server's error page are absent. */
export interface ProblemBody {
  readonly code?: unknown;
  readonly detail?: unknown;
  readonly details?: unknown;
  readonly errors?: unknown;
  readonly by?: unknown;
  readonly signalId?: unknown;
}

/** Codes that stand until someone acts: repeating the message within seconds is of no use. */
const OPERATOR: readonly string[] = ['parked', 'paused', 'held-overflow', 'projection-failed', 'store-failed'];

/** May the same message be sent again, with the same id, and come to something else? */
export function isPassing(status: number, body: ProblemBody): boolean {
  const { code } = body;
  if (typeof code !== 'string' || !Object.hasOwn(ERRORS, code)) return status === 502 || status === 503 || status === 504 || status === 429;
  return ERRORS[code as ErrorCode].retry !== 'never' && !OPERATOR.includes(code);
}

/** The error that a problem stands for: Rejection if the entity said no (`by`), else PerdureError. */
export function errorOf(status: number, body: ProblemBody): Rejection | PerdureError {
  const message = typeof body.detail === 'string' ? body.detail : `the server answered ${status}`;
  const { code, by } = body;
  if (typeof code === 'string' && typeof by === 'string') return new Rejection(code, body.details, by, message);
  const known = typeof code === 'string' && Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : undefined;
  const details = body.errors ?? body.details ?? (typeof body.signalId === 'string' ? { signalId: body.signalId } : undefined);
  if (known !== undefined) return new PerdureError(known, message, details);
  // Not a server of this runtime, or a newer one: what is certain is only whether the outcome is.
  return new PerdureError(
    status >= 500 ? 'outcome-unknown' : 'malformed-request',
    `${message} (status ${status}, code ${String(code)})`,
    details,
  );
}
