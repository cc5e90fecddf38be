import type { LogRecord } from './record.ts';
import { lastRevision, type StreamHistory } from './stream-history.ts';

// Section 4.4: a stream shows revisions from max($tb, last - $maxCount + 1) on that are at most $maxAge old. Reads and subscriptions of the
// stream and the targets of links see only those; `$all` and the expected revision see everything.

/** First revision that `$tb` and `$maxCount` leave visible. */
export function firstVisible(history: StreamHistory): bigint {
  const { truncateBefore = 0n, maxCount } = history.metadata;
  const byCount = maxCount === undefined ? 0n : lastRevision(history) - maxCount + 1n;
  return byCount > truncateBefore ? byCount : truncateBefore;
}

/** Does the window of a stream show this record of it? `nowMs`: milliseconds since 1970. */
export function isVisible(history: StreamHistory, record: LogRecord, nowMs: number): boolean {
  return record.revision >= firstVisible(history) && isYoung(history, record, nowMs);
}

/** Is a record within `$maxAge`? */
export function isYoung({ metadata }: StreamHistory, { createdTicks }: LogRecord, nowMs: number): boolean {
  const { maxAgeSeconds } = metadata;
  return maxAgeSeconds === undefined || createdTicks + maxAgeSeconds * 10_000_000n >= BigInt(nowMs) * 10_000n;
}
