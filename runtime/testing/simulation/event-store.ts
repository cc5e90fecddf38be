import { MemoryEventStore } from '../../adapters/memory/event-store.ts';
import type { MemoryLog } from '../../adapters/memory/event-store-log.ts';
import { PerdureError } from '../../core/errors.ts';
import type { Commit, Position, Revision, StoredTurn, StreamName } from '../../core/record.ts';
import type { AppendOutcome, EventStore, Settled, SubscribeOptions, Subscription, SubscriptionBatch } from '../../ports/event-store.ts';
import type { Dice } from './dice.ts';
import type { FaultLog, Faults } from './faults.ts';
import type { Incarnation } from './incarnation.ts';

/** What a simulated store is made of. `faults` is asked at every call, so that they can stop. */
export interface SimulatedStoreParts {
  readonly log: MemoryLog;
  readonly life: Incarnation;
  readonly dice: Dice;
  readonly faults: () => Faults;
  readonly faultLog: FaultLog;
  /** Is the disk full just now? */
  readonly full: () => boolean;
}

/**
 * An event store that takes its time, forgets to answer and breaks, on a log that outlives its node.
 *
 * Invariants:
 * S1. It keeps the promises of the port (E1 to E5), whatever the faults.
 * S2. An append that is under way when its node crashes is written later or never; nobody is told.
 */
export class SimulatedEventStore implements EventStore {
  readonly #parts: SimulatedStoreParts;
  readonly #inner: MemoryEventStore;
  readonly #subscriptions = new Set<SimulatedSubscription>();

  constructor(parts: SimulatedStoreParts) {
    this.#parts = parts;
    // Each commit is written by a step of the world's, not of the node's: a crash does not stop what is on its way to the disk (S2).
    this.#inner = new MemoryEventStore(parts.log, (run) => run());
    parts.life.onEnd(() => {
      for (const subscription of [...this.#subscriptions]) subscription.close();
    });
  }

  get storeId(): string {
    return this.#inner.storeId;
  }

  get partitions(): number {
    return this.#inner.partitions;
  }

  append(commits: readonly Commit[], settled: Settled): void {
    for (const commit of commits) this.#append(commit, settled);
  }

  #append(commit: Commit, settled: Settled): void {
    const { dice, faultLog, full } = this.#parts;
    const faults = this.#parts.faults();
    const settle = (outcome: AppendOutcome, delayMs: number) => this.#answer(commit, outcome, delayMs, settled);
    if (full()) {
      faultLog.add('refused');
      settle({ kind: 'refused', code: 'store-full', message: 'the disk is full' }, this.#delay());
      return;
    }
    if (dice.chance(faults.lostRequest)) {
      faultLog.add('lost-request');
      if (dice.chance(0.5)) this.#write(commit, this.#delay() * 4, () => undefined);
      settle({ kind: 'unknown', message: 'no answer' }, this.#delay());
      return;
    }
    const lost = dice.chance(faults.lostAnswer);
    if (lost) faultLog.add('lost-answer');
    this.#write(commit, this.#delay(), (outcome) =>
      settle(lost ? { kind: 'unknown', message: 'the answer was lost' } : outcome, this.#delay()),
    );
  }

  #write(commit: Commit, delayMs: number, then: (outcome: AppendOutcome) => void): void {
    const { dice, faultLog, life } = this.#parts;
    const dropped = dice.chance(0.5);
    life.world.plan(`${life.name} write ${commit.stream}@${commit.expectedRevision + 1}`, delayMs, () => {
      if (!life.alive) faultLog.add(dropped ? 'write-died' : 'write-survived');
      if (!life.alive && dropped) return;
      this.#inner.append([commit], (_commit, outcome) => {
        life.world.note(`${life.name} wrote`, commit.stream, commit.expectedRevision + 1, commit.turnId.slice(0, 6), outcome.kind);
        then(outcome);
      });
    });
  }

  #answer(commit: Commit, outcome: AppendOutcome, delayMs: number, settled: Settled): void {
    const { life } = this.#parts;
    life.plan(`told ${outcome.kind} ${commit.stream}@${commit.expectedRevision + 1}`, delayMs, () => settled(commit, outcome));
  }

  async *readStream(stream: StreamName, from: Revision): AsyncGenerator<readonly StoredTurn[]> {
    await this.#takeTime(`read ${stream}@${from}`);
    for await (const page of this.#inner.readStream(stream, from)) yield page;
  }

  async headRevision(stream: StreamName): Promise<Revision> {
    await this.#takeTime(`head ${stream}`);
    const head = await this.#inner.headRevision(stream);
    await this.#wait('head read');
    return head;
  }

  async headPosition(): Promise<Position> {
    await this.#takeTime('head');
    return this.#inner.headPosition();
  }

  subscribe(options: SubscribeOptions): Subscription {
    const subscription = new SimulatedSubscription(this.#inner.subscribe(options), this.#parts, () =>
      this.#subscriptions.delete(subscription),
    );
    this.#subscriptions.add(subscription);
    return subscription;
  }

  async loadSnapshot(stream: StreamName): Promise<Uint8Array | undefined> {
    await this.#takeTime(`snapshot of ${stream}`);
    return this.#inner.loadSnapshot(stream);
  }

  async saveSnapshot(stream: StreamName, snapshot: Uint8Array): Promise<void> {
    await this.#takeTime(`save snapshot ${stream}`);
    if (this.#parts.dice.chance(this.#parts.faults().lostSnapshot)) this.#parts.faultLog.add('lost-snapshot');
    else await this.#inner.saveSnapshot(stream, snapshot);
  }

  async getValue(key: string): Promise<Uint8Array | undefined> {
    await this.#takeTime(`get ${key}`);
    return this.#inner.getValue(key);
  }

  async putValue(key: string, value: Uint8Array): Promise<void> {
    await this.#takeTime(`put ${key}`);
    await this.#inner.putValue(key, value);
    await this.#wait('put');
  }

  async forget(stream: StreamName, before: Revision): Promise<void> {
    await this.#takeTime(`forget ${stream}@${before}`);
    await this.#inner.forget(stream, before);
  }

  async close(): Promise<void> {
    for (const subscription of [...this.#subscriptions]) subscription.close();
    await this.#inner.close();
  }

  /** Waits, then fails now and then. */
  async #takeTime(what: string): Promise<void> {
    await this.#wait(what);
    if (!this.#parts.dice.chance(this.#parts.faults().readError)) return;
    this.#parts.faultLog.add('read-error');
    this.#parts.life.note('failed', what);
    throw new PerdureError('store-failed', `${what}: the store does not answer`);
  }

  #wait(what: string): Promise<void> {
    return this.#parts.life.wait(what, this.#delay());
  }

  #delay(): number {
    return delayMs(this.#parts);
  }
}

/** A subscription whose batches come late. After its node's end it says nothing more. */
class SimulatedSubscription implements Subscription {
  readonly #inner: Subscription;
  readonly #parts: SimulatedStoreParts;
  readonly #closed: () => void;

  constructor(inner: Subscription, parts: SimulatedStoreParts, closed: () => void) {
    this.#inner = inner;
    this.#parts = parts;
    this.#closed = closed;
  }

  close(): void {
    this.#closed();
    this.#inner.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SubscriptionBatch> {
    const { life, dice } = this.#parts;
    for await (const batch of this.#inner) {
      // Now and then it hangs for long: nobody may rely on a subscription being quick.
      await life.wait('batch', delayMs(this.#parts) * (dice.chance(0.05) ? 20 : 1));
      yield batch;
    }
    if (!life.alive) await new Promise<void>(() => undefined);
  }
}

function delayMs({ dice, faults }: SimulatedStoreParts): number {
  const { maxDelayMs } = faults();
  return maxDelayMs === 0 ? 0 : Math.floor(dice.next() ** 3 * maxDelayMs);
}
