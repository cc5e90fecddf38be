import { PerdureError } from '../core/errors.ts';

/** What a value is on the other side of HTTP: a copy as JSON has it. Throws `malformed-request` for what JSON cannot hold. */
export function overTheWire(value: unknown, what: string): unknown {
  if (value === undefined) return undefined;
  try {
    const text: string | undefined = JSON.stringify(value);
    return text === undefined ? undefined : JSON.parse(text);
  } catch (cause) {
    throw new PerdureError('malformed-request', `${what} cannot be written as JSON`, undefined, { cause });
  }
}
