import { PerdureError } from '../../core/errors.ts';
import type { Commit, Position, Revision, StoredTurn, StreamName } from '../../core/record.ts';
import type { EventStore, Settled, SubscribeOptions, Subscription } from '../../ports/event-store.ts';
import type { Tail } from '../shared/tail.ts';
import type { Forgetter } from './forgetter.ts';
import type { Heads } from './heads.ts';
import type { IndexFlusher } from './index-flusher.ts';
import { LogSubscription } from './log-subscription.ts';
import type { LogWriter } from './log-writer.ts';
import type { Segments } from './segments.ts';
import type { StoreDirectory } from './store-directory.ts';
import type { StreamIndex } from './stream-index.ts';
import type { StreamReader } from './stream-reader.ts';

/** The parts of an open store; `openEmbeddedStore` puts them together. */
export interface EmbeddedParts {
  readonly directory: StoreDirectory;
  readonly segments: Segments;
  readonly index: StreamIndex;
  readonly heads: Heads;
  readonly reader: StreamReader;
  readonly writer: LogWriter;
  readonly flusher: IndexFlusher;
  readonly forgetter: Forgetter;
  readonly tail: Tail;
  readonly forgotten: ReadonlyMap<StreamName, Revision>;
}

/** Figures for metrics; counts since the store was opened. */
export interface EmbeddedStats {
  readonly turns: number;
  readonly blocks: number;
  readonly bytes: number;
  /** Sum of the times of the blocks' writes, sync included. */
  readonly writeMs: number;
  readonly headPosition: Position;
  /** Streams whose change is not in the index yet. */
  readonly unindexedStreams: number;
}

/**
 * The `EventStore` port on local files: a log in append order and a derived index.
 *
 * Invariants:
 * Z1. After `close` was called every method throws `store-closed`, appends are refused with it.
 */
export class EmbeddedEventStore implements EventStore {
  readonly #parts: EmbeddedParts;
  readonly #subscriptions = new Set<LogSubscription>();
  #closing: Promise<void> | undefined;

  constructor(parts: EmbeddedParts) {
    this.#parts = parts;
  }

  get storeId(): string {
    return this.#parts.directory.identity.storeId;
  }

  get partitions(): number {
    return this.#parts.directory.identity.partitions;
  }

  append(commits: readonly Commit[], settled: Settled): void {
    this.#parts.writer.append(commits, settled);
  }

  readStream(stream: StreamName, from: Revision): AsyncIterable<readonly StoredTurn[]> {
    this.#open();
    return this.#parts.reader.pages(stream, from);
  }

  async headRevision(stream: StreamName): Promise<Revision> {
    this.#open();
    return this.#parts.heads.get(stream).revision;
  }

  async headPosition(): Promise<Position> {
    this.#open();
    return this.#parts.writer.through.end;
  }

  subscribe(options: SubscribeOptions): Subscription {
    this.#open();
    const { segments, tail, forgotten, forgetter, directory } = this.#parts;
    const subscription = new LogSubscription({
      subscribe: options,
      segments,
      salt: directory.identity.salt,
      tail,
      forgotten,
      rewriting: () => forgetter.rewriting,
      closed: (ended) => this.#subscriptions.delete(ended),
    });
    this.#subscriptions.add(subscription);
    return subscription;
  }

  async loadSnapshot(stream: StreamName): Promise<Uint8Array | undefined> {
    this.#open();
    return this.#parts.index.loadSnapshot(stream);
  }

  async saveSnapshot(stream: StreamName, snapshot: Uint8Array): Promise<void> {
    this.#open();
    await this.#parts.index.saveSnapshot(stream, snapshot);
  }

  async getValue(key: string): Promise<Uint8Array | undefined> {
    this.#open();
    return this.#parts.index.getValue(key);
  }

  async putValue(key: string, value: Uint8Array): Promise<void> {
    this.#open();
    await this.#parts.index.putValue(key, value);
  }

  async forget(stream: StreamName, before: Revision): Promise<void> {
    this.#open();
    await this.#parts.forgetter.forget(stream, before);
  }

  close(): Promise<void> {
    this.#closing ??= closeAll(this.#parts, this.#subscriptions);
    return this.#closing;
  }

  /** Figures for metrics. */
  stats(): EmbeddedStats {
    const { writer, heads } = this.#parts;
    return { ...writer.stats, headPosition: writer.through.end, unindexedStreams: heads.dirtyCount };
  }

  #open(): void {
    if (this.#closing !== undefined) throw new PerdureError('store-closed');
  }
}

async function closeAll(parts: EmbeddedParts, subscriptions: ReadonlySet<LogSubscription>): Promise<void> {
  const { writer, forgetter, flusher, segments, index, directory } = parts;
  try {
    await writer.close();
    for (const subscription of [...subscriptions]) subscription.close();
    await forgetter.idle();
    await flusher.close();
    if (!writer.failed) await segments.truncate(writer.through.end);
  } finally {
    await segments.close();
    await index.close();
    await directory.release();
  }
}
