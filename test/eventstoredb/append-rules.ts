import type { RecentIds } from './recent-ids.ts';
import type { Expected, LogRecord } from './record.ts';
import { isSoftDeleted, lastRevision, type StreamHistory } from './stream-history.ts';

/**
 * What the one writer of the server decides about an append, before anything is written (section 4.1, whose rules are cited).
 *
 * Invariants:
 * A1. A decision depends on the ids of the events only, never on what they hold.
 * A2. It is one for the whole append.
 */
export type Verdict =
  | { readonly kind: 'append' }
  /** All of it stands there already, the last event of it as `last`. */
  | { readonly kind: 'idempotent'; readonly last: LogRecord }
  | { readonly kind: 'wrong-expected-version' }
  | { readonly kind: 'stream-deleted' };

const APPEND: Verdict = { kind: 'append' };
const WRONG: Verdict = { kind: 'wrong-expected-version' };
const GONE: Verdict = { kind: 'stream-deleted' };

/** What is known when an append is judged. `ids` are those of its events, in order. */
export interface AppendCase {
  readonly history: StreamHistory;
  /** Is there any event in the stream's metadata stream? */
  readonly hasMetadata: boolean;
  readonly recent: RecentIds;
  readonly expected: Expected;
  readonly ids: readonly string[];
}

/** Judges one append. */
export function judgeAppend(given: AppendCase): Verdict {
  const { history, expected, hasMetadata } = given;
  if (history.tombstone !== undefined) return GONE;
  if (expected === 'stream-exists') {
    if (isSoftDeleted(history)) return GONE;
    if (lastRevision(history) < 0n && !hasMetadata) return WRONG;
  }
  if (expected === 'any' || expected === 'stream-exists') return judgeById(given);
  return judgeByRevision(given, expected === 'no-stream' ? -1n : expected);
}

/** Rule 3, weak idempotency: what the cache of recent ids knows. */
function judgeById({ history, recent, ids }: AppendCase): Verdict {
  let last: LogRecord | undefined;
  for (const id of ids) {
    const known = recent.find(id, history.name);
    if (known === undefined) return last === undefined ? APPEND : WRONG;
    last = known;
  }
  return last === undefined ? APPEND : { kind: 'idempotent', last };
}

/** Rules 4 to 6, strong idempotency: what stands at the revisions that the append would have had. */
function judgeByRevision({ history, ids }: AppendCase, expected: bigint): Verdict {
  const current = lastRevision(history);
  if (expected === current) return APPEND;
  if (expected > current) return WRONG;
  let last: LogRecord | undefined;
  for (const [index, id] of ids.entries()) {
    const stored = history.events[Number(expected) + 1 + index];
    if (stored?.id !== id) return index === 0 && expected === -1n && isSoftDeleted(history) ? APPEND : WRONG;
    last = stored;
  }
  return last === undefined ? WRONG : { kind: 'idempotent', last };
}
