import { errorText, isPerdureError, PerdureError } from '../../core/errors.ts';
import type { Commit, Position, Revision, StoredTurn, StreamName } from '../../core/record.ts';
import type { AppendOutcome, EventStore, Settled, SubscribeOptions, Subscription } from '../../ports/event-store.ts';
import type { Tail } from '../shared/tail.ts';
import type { AppendResult } from './append-result.ts';
import type { Append, Appender, ProposedEvent } from './appender.ts';
import { type Blobs, MAX_INLINE_BYTES } from './blobs.ts';
import type { Connection } from './connection.ts';
import type { Forgotten } from './forgotten.ts';
import type { Identity } from './identity.ts';
import type { LiveFeed } from './live-feed.ts';
import type { Reads } from './reads.ts';
import { eventId, eventOf, type PayloadFormat, packData, type ReadEvent } from './record-codec.ts';
import type { Snapshots } from './snapshots.ts';
import { LogSubscription, type SubscriptionParts } from './subscription.ts';
import type { SystemAppends } from './system-appends.ts';
import type { Turns } from './turns.ts';
import type { Values } from './values.ts';

/** The parts of an open store; `openEventStoreDB` puts them together. */
export interface StoreParts {
  readonly connection: Connection;
  readonly identity: Identity;
  readonly appender: Appender;
  readonly appends: SystemAppends;
  readonly reads: Reads;
  readonly blobs: Blobs;
  readonly snapshots: Snapshots;
  readonly values: Values;
  readonly forgotten: Forgotten;
  readonly turns: Turns;
  readonly tail: Tail;
  readonly feed: LiveFeed;
  readonly format: PayloadFormat;
  readonly subscription: Omit<SubscriptionParts, 'closed'>;
}

/**
 * The `EventStore` port on EventStoreDB (KurrentDB).
 *
 * Invariants:
 * E1. A commit is the same bytes under the same ids however often it is sent (D1 of record-codec.ts), so a store that has it answers with its old place.
 * E2. `conflict` is told only when what stands at the expected place was read and is not this commit.
 * E3. A commit's position is that of its last event less the number of its other records: below all that comes later, above all that was before.
 */
export class EventStoreDBStore implements EventStore {
  readonly #parts: StoreParts;
  readonly #subscriptions = new Set<LogSubscription>();
  /** Commits under way, large payloads and doubtful answers included. */
  #underWay = 0;
  #idle: (() => void)[] = [];
  #closing: Promise<void> | undefined;
  /** Where a commit's large payloads stand: sent again, it refers to the same ones (E1). */
  readonly #placed = new WeakMap<Commit, ReadonlyMap<number, Revision>>();

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  get storeId(): string {
    return this.#parts.identity.storeId;
  }

  get partitions(): number {
    return this.#parts.identity.partitions;
  }

  append(commits: readonly Commit[], settled: Settled): void {
    for (const commit of commits) {
      if (this.#closing !== undefined) {
        const { code, message } = new PerdureError('store-closed');
        queueMicrotask(() => settled(commit, { kind: 'refused', code, message }));
        continue;
      }
      this.#underWay += 1;
      this.#send(commit, (outcome) => {
        settled(commit, outcome);
        this.#underWay -= 1;
        if (this.#underWay === 0) for (const resolve of this.#idle.splice(0)) resolve();
      });
    }
  }

  async *readStream(stream: StreamName, from: Revision): AsyncGenerator<readonly StoredTurn[]> {
    this.#open();
    let page: StoredTurn[] = [];
    for await (const event of this.#parts.reads.stream(stream, from)) {
      const turn = await this.#parts.turns.of(event);
      if (turn !== undefined) page.push(turn);
      if (page.length < PAGE) continue;
      yield page;
      page = [];
    }
    if (page.length > 0) yield page;
  }

  async headRevision(stream: StreamName): Promise<Revision> {
    this.#open();
    const last = await this.#parts.reads.last(stream);
    return last === undefined ? this.#parts.forgotten.beforeOf(stream) - 1 : Number(last.revision);
  }

  async headPosition(): Promise<Position> {
    this.#open();
    return this.#parts.reads.head();
  }

  subscribe(options: SubscribeOptions): Subscription {
    this.#open();
    const closed = (ended: LogSubscription) => void this.#subscriptions.delete(ended);
    const subscription = new LogSubscription({ ...this.#parts.subscription, closed }, options);
    this.#subscriptions.add(subscription);
    return subscription;
  }

  async loadSnapshot(stream: StreamName): Promise<Uint8Array | undefined> {
    this.#open();
    return this.#parts.snapshots.load(stream);
  }

  async saveSnapshot(stream: StreamName, snapshot: Uint8Array): Promise<void> {
    this.#open();
    await this.#parts.snapshots.save(stream, snapshot);
  }

  async getValue(key: string): Promise<Uint8Array | undefined> {
    this.#open();
    return this.#parts.values.get(key);
  }

  async putValue(key: string, value: Uint8Array): Promise<void> {
    this.#open();
    await this.#parts.values.put(key, value);
  }

  async forget(stream: StreamName, before: Revision): Promise<void> {
    this.#open();
    await this.#parts.forgotten.forget(stream, before);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** What a lease of this store is taken with. */
  get leasing(): { readonly appends: SystemAppends; readonly reads: Reads } {
    const { appends, reads } = this.#parts;
    return { appends, reads };
  }

  /** Figures for metrics. */
  stats(): { readonly headPosition: Position; readonly pendingAppends: number; readonly feedLosses: number } {
    const { appender, feed, tail } = this.#parts;
    return { headPosition: tail.end, pendingAppends: appender.pending, feedLosses: feed.losses };
  }

  async #close(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
    await this.#parts.appender.idle();
    for (const subscription of [...this.#subscriptions]) subscription.close();
    await this.#parts.feed.close();
    await this.#parts.connection.close();
  }

  #open(): void {
    if (this.#closing !== undefined) throw new PerdureError('store-closed');
  }

  #send(commit: Commit, tell: (outcome: AppendOutcome) => void): void {
    const { format } = this.#parts;
    const packed = commit.records.map(({ data }) => packData(data, format));
    const events = packed.some((data) => data.length > MAX_INLINE_BYTES) ? this.#outOfLine(commit, packed) : inLine(commit, packed, format);
    const settled = (result: AppendResult) => this.#settled(commit, result, tell);
    const appendOf = (made: readonly ProposedEvent[]): Append => ({
      stream: commit.stream,
      expected: commit.expectedRevision,
      events: made,
      settled,
    });
    if (!(events instanceof Promise)) {
      this.#parts.appender.append(appendOf(events));
      return;
    }
    events.then(
      (made) => this.#parts.appender.append(appendOf(made)),
      (error: unknown) => tell({ kind: 'unknown', message: errorText(error) }),
    );
  }

  async #outOfLine(commit: Commit, packed: readonly Uint8Array[]): Promise<readonly ProposedEvent[]> {
    const { blobs, format } = this.#parts;
    const placed = new Map(this.#placed.get(commit));
    for (const [index, data] of packed.entries()) {
      if (data.length <= MAX_INLINE_BYTES || placed.has(index)) continue;
      placed.set(index, await blobs.put(commit.stream, data, format));
      this.#placed.set(commit, placed);
    }
    return commit.records.map((record, index) => eventOf(record, commit, index, packed[index] ?? NOTHING, format, placed.get(index)));
  }

  #settled(commit: Commit, result: AppendResult, tell: (outcome: AppendOutcome) => void): void {
    if (result.kind === 'appended' && result.position !== undefined)
      tell({ kind: 'committed', position: positionOf(commit, result.position) });
    else if (result.kind === 'refused' || result.kind === 'unknown') tell(result);
    else
      this.#standing(commit, result).then(tell, (error: unknown) => {
        const isClosed = isPerdureError(error, 'store-closed');
        tell({ kind: 'unknown', message: isClosed ? 'the store was closed' : errorText(error) });
      });
  }

  /** What stands where the commit was to stand (E2). */
  async #standing(commit: Commit, result: Extract<AppendResult, { kind: 'appended' | 'wrong-revision' }>): Promise<AppendOutcome> {
    const { reads } = this.#parts;
    const lastRevision = commit.expectedRevision + commit.records.length;
    const last = await reads.at(commit.stream, lastRevision);
    if (last !== undefined && isOf(last, commit))
      return { kind: 'committed', position: positionOf(commit, Number(last.position?.commit ?? 0n)) };
    // Committed, and forgotten since: no place is left but "before now".
    if (result.kind === 'appended') return { kind: 'committed', position: positionOf(commit, (await reads.head()) - 1) };
    return { kind: 'conflict', head: Math.max(result.current, Number((await reads.last(commit.stream))?.revision ?? -1n)) };
  }
}

/** Turns of one page of a stream. */
const PAGE = 512;
const NOTHING = new Uint8Array(0);

function inLine(commit: Commit, packed: readonly Uint8Array[], format: PayloadFormat): readonly ProposedEvent[] {
  return commit.records.map((record, index) => eventOf(record, commit, index, packed[index] ?? NOTHING, format));
}

function positionOf(commit: Commit, last: Position): Position {
  return last - (commit.records.length - 1);
}

/** Is it the last event of the commit? */
function isOf(event: ReadEvent, commit: Commit): boolean {
  return event.id === eventId(commit.turnId, commit.records.length - 1);
}
