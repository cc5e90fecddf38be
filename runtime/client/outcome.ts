import type { Address } from '../core/definition/types.ts';
import { ERRORS, type ErrorCode, PerdureError } from '../core/errors.ts';
import { Rejection } from '../core/rejection.ts';
import type { RunStatus } from './types.ts';

/** The body of a run as a client reads it. */
export interface RunBody {
  readonly status: RunStatus;
  readonly result?: unknown;
  readonly problem?: { readonly code: string; readonly message: string; readonly details?: unknown; readonly by?: string };
}

/** May the run still come to something by itself? */
export function isOpen({ status }: RunBody): boolean {
  return status === 'held' || status === 'queued' || status === 'running';
}

/**
 * What a run ended with instead of a result: Rejection, or PerdureError with the code of its problem. A run that is stalled is `run-stalled`, with
 * `{run, code, message, details?}` as details: why it stopped.
 */
export function outcomeError(sent: Address & { readonly signalId: string }, { status, problem }: RunBody): Rejection | PerdureError {
  const { code, message, details, by } = problem ?? { code: CODES[status] ?? 'call-failed', message: `the run is ${status}` };
  if (status === 'rejected') return new Rejection(code, details, by ?? `${sent.type}/${sent.id}`, message);
  if (status === 'stalled') return new PerdureError('run-stalled', `the run stalled: ${message}`, { run: sent.signalId, ...problem });
  // The code of a newer server may be unknown here; that the run has failed is certain.
  return new PerdureError(Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'call-failed', message, details);
}

/** Codes of ends that may come without a problem. */
const CODES: Partial<Readonly<Record<RunStatus, ErrorCode>>> = { cancelled: 'cancelled', terminated: 'terminated' };
