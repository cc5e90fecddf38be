import type { Bookkeeping } from './bookkeeping.ts';
import type { ArmedTimers } from './timers.ts';

/**
 * What an entity owes, and when: functions of its bookkeeping.
 */

/** Does the entity owe attempts of activities? */
export function owesAttempts(books: Bookkeeping): boolean {
  return books.hasRuns && books.runs.attempts.size > 0;
}

/** Can open runs go on although nothing arrives? */
export function canAdvance(books: Bookkeeping): boolean {
  return !books.holding && books.hasRuns && (books.advanceDue || books.runs.attention.hasDeferred);
}

/** May a queued serial run start? */
export function canBegin(books: Bookkeeping): boolean {
  return !books.holding && books.hasRuns && books.runs.queued.length > 0 && books.runs.serial === undefined;
}

/**
 * When the entity next owes something, undefined if nothing: its earliest timer, or at once if held messages can be released or its records are to be
 * removed. Milliseconds since 1970.
 */
export function wakeAtMs(books: Bookkeeping): number | undefined {
  if (books.forgotten || (books.heldCount > 0 && books.parked === undefined && books.paused === undefined)) return books.lastTimeMs;
  const { timers } = books;
  // While it holds, its runs wait.
  if (!books.hasRuns || books.holding) return timers.earliest()?.dueAt;
  if (canAdvance(books) || canBegin(books)) return books.lastTimeMs;
  const { waits, attempts } = books.runs;
  const due = Math.min(dueOf(timers), dueOf(waits), dueOf(attempts));
  return due === Number.POSITIVE_INFINITY ? undefined : due;
}

function dueOf(timers: ArmedTimers): number {
  return timers.earliest()?.dueAt ?? Number.POSITIVE_INFINITY;
}
