/**
 * Retry-policy arithmetic: exponential back-off with jitter, bounded by attempts and by a deadline. Pure: the caller brings time and randomness.
 */
export interface RetryPolicy {
  readonly initialMs: number;
  readonly factor: number;
  readonly maxMs: number;
  /** Number of attempts at most, the first included; Infinity for no bound. */
  readonly attempts: number;
}

/** 1 s, doubled each time, at most 100 s, without end. */
export const DEFAULT_RETRY: RetryPolicy = { initialMs: 1_000, factor: 2, maxMs: 100_000, attempts: Number.POSITIVE_INFINITY };

/**
 * Wait in milliseconds before the attempt that follows `failedAttempts` failures (>= 1), or undefined if there is none. `random` (0 <= x < 1) spreads it
 * over the upper half of the interval ("equal jitter"), so that a crowd that failed together does not come back together.
 */
export function nextDelayMs(policy: RetryPolicy, failedAttempts: number, random: number): number | undefined {
  if (failedAttempts >= policy.attempts) return undefined;
  // 0 times an overflown power is no number.
  const full = policy.initialMs === 0 ? 0 : Math.min(policy.maxMs, policy.initialMs * policy.factor ** (failedAttempts - 1));
  return Math.round(full / 2 + (full / 2) * random);
}

/**
 * When the next attempt may start, or undefined if the policy or the deadline forbids another. All times in milliseconds since 1970.
 */
export function nextAttemptAt(
  policy: RetryPolicy,
  failedAttempts: number,
  nowMs: number,
  deadlineAt: number | undefined,
  random: number,
): number | undefined {
  const delay = nextDelayMs(policy, failedAttempts, random);
  if (delay === undefined) return undefined;
  const at = nowMs + delay;
  return deadlineAt !== undefined && at >= deadlineAt ? undefined : at;
}
