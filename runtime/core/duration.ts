import type { Duration } from './definition/types.ts';
import { PerdureError } from './errors.ts';

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  second: 1_000,
  seconds: 1_000,
  minute: 60_000,
  minutes: 60_000,
  hour: 3_600_000,
  hours: 3_600_000,
  day: 86_400_000,
  days: 86_400_000,
  week: 604_800_000,
  weeks: 604_800_000,
};

const TEXT = /^(\d+(?:\.\d+)?) (ms|seconds?|minutes?|hours?|days?|weeks?)$/;

/**
 * A duration in milliseconds, rounded to a whole one.
 * Throws `invalid-definition` for anything but a non-negative number or `{number} {unit}` that comes to a safe integer.
 */
export function durationMs(duration: Duration): number {
  const ms = Math.round(unroundedMs(duration));
  if (Number.isSafeInteger(ms) && ms >= 0) return ms;
  throw new PerdureError('invalid-definition', `not a duration: ${String(duration)} (write a number of milliseconds or '30 days')`);
}

function unroundedMs(duration: unknown): number {
  if (typeof duration === 'number') return duration < 0 ? Number.NaN : duration;
  const match = typeof duration === 'string' ? TEXT.exec(duration) : null;
  return match === null ? Number.NaN : Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? Number.NaN);
}

/** When a timer is due: turn time plus a duration, or a Date as it is. Milliseconds since 1970. Throws `invalid-definition`. */
export function dueAt(nowMs: number, due: Duration | Date): number {
  const at = due instanceof Date ? due.getTime() : nowMs + durationMs(due);
  if (!Number.isSafeInteger(at)) throw new PerdureError('invalid-definition', 'the date of a timer is not valid');
  return at;
}
