import { errorText, PerdureError } from '../../core/errors.ts';
import type { AppendResult } from './append-result.ts';

/** Status of gRPC. */
const INVALID_ARGUMENT = 3;

/** The server does not take the position that a read was to begin at. */
export function isBadPosition(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === INVALID_ARGUMENT;
}

/** An error of the store as the runtime's. */
export function storeFailed(error: unknown): PerdureError {
  return new PerdureError('store-failed', `EventStoreDB: ${errorText(error)}`, undefined, { cause: error });
}

/** An append that did not become what it should. */
export function appendFailed(stream: string, result: Exclude<AppendResult, { kind: 'appended' }>): PerdureError {
  const what = result.kind === 'wrong-revision' ? `somebody else appended (revision ${result.current})` : result.message;
  return new PerdureError('store-failed', `EventStoreDB: ${stream}: ${what}`);
}
