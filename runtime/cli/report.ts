import { CommanderError } from 'commander';
import { errorSpec, isPerdureError } from '../core/errors.ts';

/** Tells an error in one line, with what can be done about it. The exit code to leave with. */
export function reportError(error: unknown, warn: (line: string) => void): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1; // commander has told it already
  if (isPerdureError(error)) warn(`perdure: ${error.message} [${error.code}]\n  ${errorSpec(error.code).help}`);
  else warn(`perdure: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return 1;
}
