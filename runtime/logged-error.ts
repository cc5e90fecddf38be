import { pino } from 'pino';
import { errorText } from './core/errors.ts';

/**
 * What a thrown value looks like in the log. Never throws: user code may throw a value that cannot be read, and a log that failed on it would take the
 * node down with the one entity that is at fault.
 */
export function loggedError(error: unknown): unknown {
  try {
    return error instanceof Error ? pino.stdSerializers.err(error) : errorText(error);
  } catch {
    return errorText(error);
  }
}
