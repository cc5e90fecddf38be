import type { Commit, Position, Revision, StoredTurn, StreamName } from '../core/record.ts';

/**
 * Where streams live. Every adapter passes `test/contract/event-store.ts`.
 *
 * Promises:
 * E1. `committed` means synced to disk (or what the store calls durable) before it is reported.
 * E2. An append succeeds only at its expected revision; of two commits that expect the same revision one wins.
 * E3. A commit that is already in the stream at its place (same turn id) is `committed` again, at its old position; forgotten since, at that or a later one.
 * E4. Positions are totally ordered, and a subscription delivers every turn after `from`, once, in that order.
 * E5. Commits of one call are independent: each settles alone, in any order, exactly once.
 */
export interface EventStore {
  /** Made with the store and kept for ever; travels in tokens and checkpoints. */
  readonly storeId: string;
  /** Number of home partitions, fixed when the store was made. */
  readonly partitions: number;

  /**
   * Appends turns. Returns at once; `settled` is called once per commit, later, never from inside `append`. Commits given
   * to one store while it is writing share the next write (group commit). A caller may have one append per
   * stream outstanding.
   */
  append(commits: readonly Commit[], settled: Settled): void;

  /** Pages of the turns of a stream that hold revisions >= `from`, in order. Ends at the head as of the call or later. */
  readStream(stream: StreamName, from: Revision): AsyncIterable<readonly StoredTurn[]>;

  /** Revision of the last durable record of a stream, -1 if there is none. */
  headRevision(stream: StreamName): Promise<Revision>;

  /** Position after the last durable turn: every durable record has a smaller one. 0 for an empty store. */
  headPosition(): Promise<Position>;

  /**
   * All turns with position >= `from`, in order, then those to come, as they become durable. Pushes without polling. Several
   * subscriptions are independent; a slow one holds back nobody and is served from disk. The first batch comes at once, empty if nothing
   * is there; while only turns come that a subscription does not want, its checkpoint may move late (by about a tenth of a second).
   */
  subscribe(options: SubscribeOptions): Subscription;

  /** The newest snapshot of a stream, or undefined. */
  loadSnapshot(stream: StreamName): Promise<Uint8Array | undefined>;
  /** Replaces the snapshot of a stream. A snapshot is a cache: losing the newest one in a crash is allowed. */
  saveSnapshot(stream: StreamName, snapshot: Uint8Array): Promise<void>;

  /** A small value of the runtime (watermarks, floors), overwritten in place. */
  getValue(key: string): Promise<Uint8Array | undefined>;
  /** Durable when the promise resolves. */
  putValue(key: string, value: Uint8Array): Promise<void>;

  /**
   * Makes every record of the stream before revision `before` unreadable for ever, and its snapshots too; the records
   * from `before` on stay. May be repeated.
   */
  forget(stream: StreamName, before: Revision): Promise<void>;

  /** Waits for appends under way, then releases everything. Later calls throw `store-closed`. */
  close(): Promise<void>;
}

/** Told once per commit. */
export type Settled = (commit: Commit, outcome: AppendOutcome) => void;

export type AppendOutcome =
  /** Durable. `position` is that of the turn's first record. */
  | { readonly kind: 'committed'; readonly position: Position }
  /** Another turn stands at the expected place; this one will never be durable. `head` is the stream's revision. */
  | { readonly kind: 'conflict'; readonly head: Revision }
  /** Refused, and will never be durable: `store-full`, `turn-too-large`, `store-closed`, `store-failed`. */
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }
  /** Nobody knows. The caller sends the same commit again until it is told another outcome. */
  | { readonly kind: 'unknown'; readonly message: string };

export interface SubscribeOptions {
  /** First position wanted; 0 for everything. */
  readonly from: Position;
  /** Only streams whose name starts with one of these; absent for all. */
  readonly prefixes?: readonly string[];
  /** Only turns that hold a record of one of these types; absent for all. */
  readonly types?: readonly string[];
}

/** May a subscription want turns of this stream? */
export function wantsStream({ prefixes }: SubscribeOptions, stream: StreamName): boolean {
  return prefixes === undefined || prefixes.some((prefix) => stream.startsWith(prefix));
}

/** Does a subscription want this turn? */
export function wants(options: SubscribeOptions, stream: StreamName, records: readonly { readonly type: string }[]): boolean {
  const { types } = options;
  return wantsStream(options, stream) && (types === undefined || records.some(({ type }) => types.includes(type)));
}

/** A subscription is read by iterating; `close` ends the iteration. One iteration per subscription. */
export interface Subscription extends AsyncIterable<SubscriptionBatch> {
  close(): void;
}

export interface SubscriptionBatch {
  /** Matching turns, in order; may be empty when only the checkpoint moved. Bounded in count and bytes. */
  readonly turns: readonly StoredTurn[];
  /** Safe place to resume from (`from`) once these turns are processed. */
  readonly checkpoint: Position;
  /** True if nothing more was durable when this batch was made. */
  readonly caughtUp: boolean;
}
