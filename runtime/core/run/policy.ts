import type { ActivityOptions } from '../definition/types.ts';
import { durationMs } from '../duration.ts';
import type { RecordedPolicy } from '../journal.ts';
import { LIMITS } from '../limits.ts';
import { DEFAULT_RETRY, type RetryPolicy } from '../retry.ts';

/** An activity's options as they are recorded with a call: only what was said, so that defaults cost no bytes. */
export function recordedPolicy({ retry, timeout, deadline, heartbeat }: ActivityOptions): RecordedPolicy {
  return {
    ...(timeout === undefined ? {} : { timeoutMs: durationMs(timeout) }),
    ...(deadline === undefined ? {} : { deadlineMs: durationMs(deadline) }),
    ...(heartbeat === undefined ? {} : { heartbeatMs: durationMs(heartbeat) }),
    ...(retry === undefined
      ? {}
      : {
          retry: {
            ...(retry.initial === undefined ? {} : { initialMs: durationMs(retry.initial) }),
            ...(retry.factor === undefined ? {} : { factor: retry.factor }),
            ...(retry.max === undefined ? {} : { maxMs: durationMs(retry.max) }),
            ...(retry.attempts === undefined ? {} : { attempts: retry.attempts }),
          },
        }),
  };
}

/** How often and how soon a call is tried again. */
export function retryOf({ retry }: RecordedPolicy): RetryPolicy {
  return { ...DEFAULT_RETRY, ...retry };
}

/** Longest time of one attempt, milliseconds. */
export function timeoutOf({ timeoutMs }: RecordedPolicy): number {
  return timeoutMs ?? LIMITS.attemptTimeoutMs;
}
