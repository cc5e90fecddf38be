import type { Answer } from '../core/answer.ts';
import type { ActivityInfo } from '../core/definition/types.ts';
import { errorSpec, errorText, isPerdureError, PerdureError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { boundedSize, wellFormed } from '../core/plain.ts';
import { isRejection, type Rejection } from '../core/rejection.ts';
import { firstIssue, validate } from '../core/schema.ts';
import type { AttemptOutcome } from '../core/turn/input.ts';
import type { RegisteredActivity } from './activity-registry.ts';

/**
 * What user code of an activity returned or threw, as the outcome of its attempt.
 *
 * Invariants:
 * O1. Total: whatever was returned or thrown, however it behaves when it is looked at, comes to an outcome.
 * O2. What an outcome holds is plain, bounded and survives its record.
 */

/** Performs an activity once. Never rejects. `onThrown` is told what was thrown, unless it is a rejection, for the log. */
export async function perform(
  activity: RegisteredActivity,
  input: unknown,
  info: ActivityInfo,
  onThrown: (error: unknown) => void,
): Promise<AttemptOutcome> {
  let value: unknown;
  try {
    value = await activity.work(input, info);
  } catch (error) {
    if (isRejection(error)) return rejectedOutcome(activity.name, error);
    onThrown(error);
    return failedOutcome(error, 'activity-threw');
  }
  return returnedOutcome(activity, value);
}

/** A value that does not fit is a failed attempt: corrected code heals it (O2). */
function returnedOutcome({ name, declaration: { output } }: RegisteredActivity, returned: unknown): AttemptOutcome {
  const what = `result of activity ${name}`;
  try {
    // Without a schema nothing is promised, and a function that returns something all the same is one that returns nothing.
    const checked = output === undefined ? ({ ok: true, value: null } as const) : validate(output, returned);
    if (!checked.ok) {
      throw new PerdureError('result-invalid', `the ${what} does not fit its schema: ${firstIssue(checked.issues)}`);
    }
    const value = checked.value === undefined ? null : checked.value;
    boundedSize(value, what, LIMITS.maxActivityBytes);
    return { kind: 'completed', value };
  } catch (error) {
    return failedOutcome(error, 'result-invalid');
  }
}

function rejectedOutcome(activity: string, rejection: Rejection): AttemptOutcome {
  try {
    const { code, details = null, message } = rejection;
    if (typeof code !== 'string') return failedOutcome(rejection, 'activity-threw');
    boundedSize(details, `details of the rejection ${code} of activity ${activity}`, LIMITS.maxActivityBytes);
    return { kind: 'rejected', code: clipped(code), details, by: activity, message: clipped(message) };
  } catch (error) {
    return failedOutcome(error, 'activity-threw');
  }
}

/** A failure that is tried again; `code` is that of an error of the runtime, else the one given. Never throws (O1). */
export function failedOutcome(error: unknown, otherwise: string): Extract<AttemptOutcome, { kind: 'failed' }> {
  try {
    if (isPerdureError(error)) return { kind: 'failed', code: clipped(error.code), message: clipped(error.message) };
  } catch {
    // A forged error that cannot be read: what can be said of it stands below.
  }
  return { kind: 'failed', code: otherwise, message: clipped(errorText(error)) };
}

/** What the answer to a query that was called comes to: tried again only if it can be another one. `what`: the query, for messages. */
export function queryOutcome(what: string, answer: Answer): AttemptOutcome {
  switch (answer.kind) {
    case 'done':
      return queriedOutcome(what, answer.result ?? null);
    case 'rejected': {
      const { code, details, by, message } = answer;
      return { kind: 'rejected', code, details: details ?? null, by, message: clipped(message) };
    }
    case 'failed': {
      const { code, message } = answer;
      const failure = { kind: 'failed', code, message: clipped(message) } as const;
      return canPass(code) ? failure : { ...failure, isFinal: true };
    }
  }
}

function queriedOutcome(what: string, value: unknown): AttemptOutcome {
  try {
    boundedSize(value, `result of query ${what}`, LIMITS.maxActivityBytes);
    return { kind: 'completed', value };
  } catch (error) {
    return { ...failedOutcome(error, 'payload-not-plain'), isFinal: true };
  }
}

/** May the same request come out otherwise later? */
export function canPass(code: string): boolean {
  return errorSpec(code).retry !== 'never';
}

/** Longest message of a record, in characters: a stack or a page of HTML in it would be paid for at every rehydration. */
const MAX_MESSAGE = 2_000;

function clipped(text: unknown): string {
  return wellFormed(errorText(text).slice(0, MAX_MESSAGE));
}
