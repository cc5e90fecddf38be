import { PerdureError } from '../../core/errors.ts';
import type { Commit, Position, Revision, StoredTurn, StreamName } from '../../core/record.ts';
import type { EventStore, Settled, SubscribeOptions, Subscription } from '../../ports/event-store.ts';
import type { Tail } from '../shared/tail.ts';
import type { Appender } from './appender.ts';
import type { Commits } from './commits.ts';
import type { Connection } from './connection.ts';
import type { Forgotten } from './forgotten.ts';
import type { Identity } from './identity.ts';
import type { LiveFeed } from './live-feed.ts';
import type { Reads } from './reads.ts';
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
  readonly commits: Commits;
  readonly snapshots: Snapshots;
  readonly values: Values;
  readonly forgotten: Forgotten;
  readonly turns: Turns;
  readonly tail: Tail;
  readonly feed: LiveFeed;
  readonly subscription: Omit<SubscriptionParts, 'closed'>;
}

/**
 * The `EventStore` port on EventStoreDB (KurrentDB).
 */
export class EventStoreDBStore implements EventStore {
  readonly #parts: StoreParts;
  readonly #subscriptions = new Set<LogSubscription>();
  #closing: Promise<void> | undefined;

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
      if (this.#closing === undefined) this.#parts.commits.send(commit, settled);
      else {
        const { code, message } = new PerdureError('store-closed');
        queueMicrotask(() => settled(commit, { kind: 'refused', code, message }));
      }
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
    this.#parts.feed.start();
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
    await this.#parts.commits.idle();
    await this.#parts.appender.idle();
    for (const subscription of [...this.#subscriptions]) subscription.close();
    this.#parts.feed.close();
    await this.#parts.connection.close();
  }

  #open(): void {
    if (this.#closing !== undefined) throw new PerdureError('store-closed');
  }
}

/** Turns of one page of a stream. */
const PAGE = 512;
