import { MemoryEventStore } from '../adapters/memory/event-store.ts';
import type { MemoryLog } from '../adapters/memory/event-store-log.ts';
import { type MemoryReadContents, MemoryReadStore } from '../adapters/memory/read-store.ts';
import type { Commit, Position, Revision, StoredTurn, StreamName } from '../core/record.ts';
import type { EventStore, Settled, SubscribeOptions, Subscription, SubscriptionBatch } from '../ports/event-store.ts';
import type { Checkpoint, ReadStore, Row, RowPage, RowQuery, TableDefinition, WriteBatch } from '../ports/read-store.ts';
import type { Mortal } from './mortal.ts';

/**
 * Stores in memory as one life of a node has them: what is in them outlives it, what it waits for does not (mortal.ts, M1).
 */

/** The event store of one life, on a log that outlives it. What is under way at a crash is never written. */
export class MortalEventStore implements EventStore {
  readonly #inner: MemoryEventStore;
  readonly #life: Mortal;

  constructor(log: MemoryLog, life: Mortal) {
    this.#inner = new MemoryEventStore(log, (run) => life.soon(run));
    this.#life = life;
  }

  get storeId(): string {
    return this.#inner.storeId;
  }

  get partitions(): number {
    return this.#inner.partitions;
  }

  append(commits: readonly Commit[], settled: Settled): void {
    if (this.#life.alive) this.#inner.append(commits, settled);
  }

  async *readStream(stream: StreamName, from: Revision): AsyncGenerator<readonly StoredTurn[]> {
    for await (const page of this.#inner.readStream(stream, from)) {
      if (!this.#life.alive) await never();
      yield page;
    }
  }

  headRevision(stream: StreamName): Promise<Revision> {
    return this.#life.lasting(() => this.#inner.headRevision(stream));
  }

  headPosition(): Promise<Position> {
    return this.#life.lasting(() => this.#inner.headPosition());
  }

  subscribe(options: SubscribeOptions): Subscription {
    const inner = this.#inner.subscribe(options);
    const closed = this.#life.onEnd(() => inner.close());
    const batches = batchesOf(inner, this.#life);
    return {
      close: () => {
        closed();
        inner.close();
      },
      [Symbol.asyncIterator]: () => batches,
    };
  }

  loadSnapshot(stream: StreamName): Promise<Uint8Array | undefined> {
    return this.#life.lasting(() => this.#inner.loadSnapshot(stream));
  }

  saveSnapshot(stream: StreamName, snapshot: Uint8Array): Promise<void> {
    return this.#life.lasting(() => this.#inner.saveSnapshot(stream, snapshot));
  }

  getValue(key: string): Promise<Uint8Array | undefined> {
    return this.#life.lasting(() => this.#inner.getValue(key));
  }

  putValue(key: string, value: Uint8Array): Promise<void> {
    return this.#life.lasting(() => this.#inner.putValue(key, value));
  }

  forget(stream: StreamName, before: Revision): Promise<void> {
    return this.#life.lasting(() => this.#inner.forget(stream, before));
  }

  close(): Promise<void> {
    return this.#life.lasting(() => this.#inner.close());
  }
}

async function* batchesOf(inner: Subscription, life: Mortal): AsyncGenerator<SubscriptionBatch> {
  for await (const batch of inner) {
    if (!life.alive) break;
    yield batch;
  }
  if (!life.alive) await never();
}

/** A new one each time: one for all would keep every life that waits for it. */
function never(): Promise<never> {
  return new Promise(() => undefined);
}

/** The read store of one life, on rows that outlive it. What is under way at a crash is never written. */
export class MortalReadStore implements ReadStore {
  readonly #inner: MemoryReadStore;
  readonly #life: Mortal;

  constructor(contents: MemoryReadContents, life: Mortal) {
    this.#inner = new MemoryReadStore(contents, { defer: (run) => life.soon(run) });
    this.#life = life;
  }

  declare(table: TableDefinition): Promise<void> {
    return this.#life.lasting(() => this.#inner.declare(table));
  }

  checkpoint(table: string): Promise<Checkpoint | undefined> {
    return this.#life.lasting(() => this.#inner.checkpoint(table));
  }

  write(batch: WriteBatch): Promise<'written' | 'lost'> {
    return this.#life.lasting(() => this.#inner.write(batch));
  }

  get(table: string, key: string): Promise<Row | undefined> {
    return this.#life.lasting(() => this.#inner.get(table, key));
  }

  getMany(table: string, keys: readonly string[]): Promise<readonly (Row | undefined)[]> {
    return this.#life.lasting(() => this.#inner.getMany(table, keys));
  }

  find(query: RowQuery): Promise<RowPage> {
    return this.#life.lasting(() => this.#inner.find(query));
  }

  drop(table: string): Promise<void> {
    return this.#life.lasting(() => this.#inner.drop(table));
  }

  close(): Promise<void> {
    return this.#life.lasting(() => this.#inner.close());
  }
}
