import { PerdureError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Commit, Position, Revision, StoredTurn, StreamName } from '../../core/record.ts';
import type { AppendOutcome, EventStore, Settled, SubscribeOptions, Subscription } from '../../ports/event-store.ts';
import { firstTurn, forgetTurns, type MemoryLog, memoryHead, unpackTurn, writeTurn } from './event-store-log.ts';
import { MemorySubscription } from './event-store-subscription.ts';

/**
 * The `EventStore` port in memory: for users' tests, and wrapped by the simulation.
 *
 * Invariants:
 * M4. Nothing of an append happens before its deferred step runs: a scheduler that drops the step has lost the write, one
 *     that delays it has delayed write and answer.
 * M5. All state is in the `MemoryLog`; the adapter holds only what is under way.
 */
export class MemoryEventStore implements EventStore {
  readonly #log: MemoryLog;
  readonly #defer: (run: () => void) => void;
  readonly #subscriptions = new Set<MemorySubscription>();
  #underWay = 0;
  #closed = false;
  #drained: (() => void) | undefined;

  /** `defer` schedules the step that writes and answers an append (default `setImmediate`); it must not run it at once. */
  constructor(log: MemoryLog, defer: (run: () => void) => void = setImmediate) {
    this.#log = log;
    this.#defer = defer;
  }

  get storeId(): string {
    return this.#log.storeId;
  }

  get partitions(): number {
    return this.#log.partitions;
  }

  append(commits: readonly Commit[], settled: Settled): void {
    this.#underWay++;
    const refuse = this.#closed;
    this.#defer(() => {
      try {
        const outcomes = commits.map((commit) => (refuse ? CLOSED : writeTurn(this.#log, commit)));
        for (const listener of [...this.#log.listeners]) listener();
        for (const [index, commit] of commits.entries()) settled(commit, outcomes[index] ?? CLOSED);
      } finally {
        this.#underWay--;
        if (this.#underWay === 0) this.#drained?.();
      }
    });
  }

  async *readStream(stream: StreamName, from: Revision): AsyncGenerator<readonly StoredTurn[]> {
    this.#open();
    for (let next = from; ; ) {
      const turns = this.#log.streams.get(stream) ?? [];
      const start = firstTurn(turns, (turn) => turn.lastRevision >= next);
      const page = turns.slice(start, start + LIMITS.maxPage);
      const last = page.at(-1);
      if (last === undefined) return;
      next = last.lastRevision + 1;
      const readable = page.map((turn) => unpackTurn(this.#log, turn)).filter((turn) => turn !== undefined);
      if (readable.length > 0) yield readable;
    }
  }

  async headRevision(stream: StreamName): Promise<Revision> {
    this.#open();
    return memoryHead(this.#log, stream);
  }

  async headPosition(): Promise<Position> {
    this.#open();
    return this.#log.next;
  }

  subscribe(options: SubscribeOptions): Subscription {
    this.#open();
    const subscription = new MemorySubscription(this.#log, options, (ended) => this.#subscriptions.delete(ended));
    this.#subscriptions.add(subscription);
    return subscription;
  }

  async loadSnapshot(stream: StreamName): Promise<Uint8Array | undefined> {
    this.#open();
    return this.#log.snapshots.get(stream)?.slice();
  }

  async saveSnapshot(stream: StreamName, snapshot: Uint8Array): Promise<void> {
    this.#open();
    this.#log.snapshots.set(stream, new Uint8Array(snapshot));
  }

  async getValue(key: string): Promise<Uint8Array | undefined> {
    this.#open();
    return this.#log.values.get(key)?.slice();
  }

  async putValue(key: string, value: Uint8Array): Promise<void> {
    this.#open();
    this.#log.values.set(key, new Uint8Array(value));
  }

  async forget(stream: StreamName, before: Revision): Promise<void> {
    this.#open();
    forgetTurns(this.#log, stream, before);
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#underWay > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
    for (const subscription of [...this.#subscriptions]) subscription.close();
  }

  #open(): void {
    if (this.#closed) throw new PerdureError('store-closed');
  }
}

const CLOSED: AppendOutcome = { kind: 'refused', code: 'store-closed', message: 'The store is closed.' };
