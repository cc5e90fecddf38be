/**
 * From the log to one table: a subscription whose batches are folded and written, until it is stopped, lost or failed.
 *
 * Invariants:
 * B1. A batch is folded, a write made and the table rewound under one lock; what comes from a subscription that was given up is ignored.
 * B2. Checkpoints are positions of turns (or of a batch's end), never inside a turn, because a subscription cannot start there.
 * B3. After a failure everything not written is dropped and the log is read again up to the turn that failed; what is before it is
 *     written, and there the pump ends.
 */
import type { Position } from '../core/record.ts';
import type { Clock } from '../ports/clock.ts';
import type { EventStore, Subscription, SubscriptionBatch } from '../ports/event-store.ts';
import { Alarm } from './alarm.ts';
import { Backoff } from './backoff.ts';
import { EventFailure } from './folding.ts';
import { Serial } from './serial.ts';
import type { Flushed, Folding, Table } from './table.ts';

/** A checkpoint that moved over nothing but other streams' events is written this often. */
const IDLE_CHECKPOINT_MS = 10_000;

/** How a pump ended. `error` of a failure is an EventFailure if an event is to blame. */
export type PumpEnd = { readonly kind: 'stopped' | 'lost' } | { readonly kind: 'failed'; readonly error: unknown };

export interface PumpParts {
  readonly folding: Folding;
  readonly events: EventStore;
  readonly clock: Clock;
  readonly table: Table;
  /** Positions of events to pass over. */
  readonly skipped: ReadonlySet<Position>;
  /** Told after every batch and every write. `caughtUp`: the log's head was reached. */
  readonly progress: (caughtUp: boolean) => void;
  /** The lowest position that a reader waits for. */
  readonly wanted: () => Position | undefined;
  /** Something failed and is tried again. */
  readonly trouble: (error: unknown) => void;
}

export class Pump {
  readonly #parts: PumpParts;
  readonly #backoff: Backoff;
  readonly #serial = new Serial();
  readonly #alarm: Alarm;
  #subscription: Subscription | undefined;
  #stopAt: EventFailure | undefined;
  #end: PumpEnd | undefined;

  constructor(parts: PumpParts) {
    this.#parts = parts;
    this.#backoff = new Backoff(parts.clock);
    this.#alarm = new Alarm(parts.clock, () => void this.flush());
  }

  /** Runs until there is an end, which it resolves with. Never rejects. */
  async run(): Promise<PumpEnd> {
    const { events, folding, table, trouble } = this.#parts;
    const prefixes = folding.entityTypes.map((type) => `${type}-`);
    while (this.#end === undefined) {
      const { recordTypes: types } = folding;
      const subscription = events.subscribe({ from: table.covered, prefixes, ...(types === undefined ? {} : { types }) });
      this.#subscription = subscription;
      try {
        await this.#consume(subscription);
      } catch (error) {
        this.#giveUp();
        await this.#serial.run(async () => table.rewind());
        if (this.#end === undefined) trouble(error);
        await this.#backoff.wait();
      } finally {
        subscription.close();
      }
    }
    this.#alarm.disarm();
    return this.#end;
  }

  /** Writes what has changed until now; batches are folded between the parts. Never rejects. */
  async flush(): Promise<void> {
    const { table } = this.#parts;
    const { covered } = table;
    do {
      await this.#serial.run(() => this.#flush());
    } while (this.#end === undefined && this.#stopAt === undefined && table.visible < covered);
  }

  /** Writes what changed, once, and ends. */
  async stop(): Promise<void> {
    this.#parts.table.stop();
    await this.flush();
    this.#finish({ kind: 'stopped' });
  }

  async #consume(subscription: Subscription): Promise<void> {
    for await (const batch of subscription) {
      await this.#serial.run(() => this.#apply(subscription, batch));
      if (this.#subscription !== subscription) return;
      this.#backoff.reset();
    }
    if (this.#subscription === subscription) throw new Error('the subscription ended');
  }

  async #apply(subscription: Subscription, batch: SubscriptionBatch): Promise<void> {
    if (this.#subscription !== subscription) return;
    const { folding, table, wanted } = this.#parts;
    try {
      if (!(await this.#fold(batch))) return;
    } catch (error) {
      if (!(error instanceof EventFailure)) throw error;
      this.#retreat(error);
      return;
    }
    this.#parts.progress(batch.caughtUp);
    while (table.full && this.#subscription === subscription) await this.#flush();
    const waiting = wanted();
    if (waiting !== undefined && waiting < table.covered && waiting >= table.visible) void this.flush();
    else this.#alarm.arm(table.dirtyRows > 0 ? folding.coalesceMs : IDLE_CHECKPOINT_MS);
  }

  /** Folds a batch; false if the pump ended in it. */
  async #fold(batch: SubscriptionBatch): Promise<boolean> {
    const { table, skipped } = this.#parts;
    const failure = this.#stopAt;
    const before = failure?.event.turn ?? Number.POSITIVE_INFINITY;
    if (!this.#written(await table.fold(batch, { before, skipped }))) return false;
    if (failure === undefined || batch.checkpoint <= before) return true;
    do {
      if (!this.#written(await table.flush())) return false;
    } while (table.visible < table.covered);
    this.#finish({ kind: 'failed', error: failure });
    return false;
  }

  async #flush(): Promise<void> {
    if (this.#end !== undefined) return;
    try {
      this.#alarm.disarm();
      if (this.#written(await this.#parts.table.flush())) this.#parts.progress(false);
    } catch (error) {
      if (error instanceof EventFailure) this.#retreat(error);
      else this.#finish({ kind: 'failed', error });
    }
  }

  #written(flushed: Flushed): boolean {
    if (flushed !== 'written') this.#finish({ kind: flushed });
    return flushed === 'written';
  }

  #retreat(failure: EventFailure): void {
    this.#stopAt = failure;
    this.#parts.table.rewind();
    this.#giveUp();
  }

  #finish(end: PumpEnd): void {
    this.#end ??= end;
    this.#backoff.cancel();
    this.#giveUp();
  }

  #giveUp(): void {
    const subscription = this.#subscription;
    this.#subscription = undefined;
    subscription?.close();
  }
}
