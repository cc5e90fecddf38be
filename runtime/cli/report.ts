import { CommanderError } from 'commander';
import { errorSpec, isPerdureError } from '../core/errors.ts';
import type { CommandIo } from './command.ts';

/** Tells an error in one line, with what can be done about it. The exit code to leave with. */
export function reportError(error: unknown, warn: (line: string) => void): number {
  if (error instanceof CommanderError) return error.exitCode; // commander has told it already
  if (isPerdureError(error)) warn(`perdure: ${error.message} [${error.code}]\n  ${errorSpec(error.code).help}`);
  else warn(`perdure: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return 1;
}

/** Exits with what `work` comes to; with 2 if it fails, which a command that judges must not take for a bad judgement. */
export async function exitCode(io: Pick<CommandIo, 'exit' | 'warn'>, work: () => Promise<number>): Promise<void> {
  try {
    io.exit(await work());
  } catch (error) {
    if (!isClosedPipe(error)) reportError(error, io.warn);
    io.exit(2);
  }
}

/** Whoever read the output has seen enough (`| head`): nobody needs to be told. */
function isClosedPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE';
}

/** For `exitOverride` of such a command: wrong usage is 2, help 0. */
export function refused({ exitCode, code, message }: CommanderError): never {
  throw new CommanderError(exitCode === 0 ? 0 : 2, code, message);
}
