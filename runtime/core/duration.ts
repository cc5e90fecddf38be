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
 * Throws `invalid-definition` for anything but a non-negative finite number or `{number} {unit}`.
 */
export function durationMs(duration: Duration): number {
  if (typeof duration === 'number') {
    if (Number.isFinite(duration) && duration >= 0) return Math.round(duration);
  } else {
    const match = TEXT.exec(duration);
    if (match !== null) return Math.round(Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? Number.NaN));
  }
  throw new PerdureError('invalid-definition', `not a duration: ${String(duration)} (write a number of milliseconds or '30 days')`);
}

/** When a timer is due: turn time plus a duration, or a Date as it is. Milliseconds since 1970. Throws `invalid-definition`. */
export function dueAt(nowMs: number, due: Duration | Date): number {
  if (!(due instanceof Date)) return nowMs + durationMs(due);
  const at = due.getTime();
  if (!Number.isFinite(at)) throw new PerdureError('invalid-definition', 'the date of a timer is not valid');
  return at;
}
