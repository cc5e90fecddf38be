/**
 * From the log to one table: a subscription whose batches are folded and written, until it is stopped, lost or failed.
 *
 * Invariants:
 * B1. A batch is folded, flushed and rewound under one lock; what comes from a subscription that was given up is ignored.
 * B2. Checkpoints are positions of turns (or of a batch's end), never inside a turn, because a subscription cannot start there.
 * B3. After a failure everything not written is dropped and the log is read again up to the turn that failed; what is before it is
 *     written, and there the pump ends.
 */
import type { Position } from '../core/record.ts';
import type { Clock } from '../ports/clock.ts';
import type { EventStore, Subscription, SubscriptionBatch } from '../ports/event-store.ts';
import { Alarm } from './alarm.ts';
import { Backoff } from './backoff.ts';
import { EventFailure, type Folding, type Step } from './folding.ts';
import { Serial } from './serial.ts';
import type { Flushed, TableWriter } from './table-writer.ts';

/** Events folded before others get the event loop, and changed rows from which on they are written: one write holds the loop. */
const SLICE_EVENTS = 256;
const MAX_DIRTY_ROWS = 512;
/** A checkpoint that moved over nothing but other streams' events is written this often. */
const IDLE_CHECKPOINT_MS = 10_000;

/** How a pump ended. `error` of a failure is an EventFailure if an event is to blame. */
export type PumpEnd = { readonly kind: 'stopped' | 'lost' } | { readonly kind: 'failed'; readonly error: unknown };

export interface PumpParts {
  readonly folding: Folding;
  readonly events: EventStore;
  readonly clock: Clock;
  readonly writer: TableWriter;
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
    const { events, folding, writer, trouble } = this.#parts;
    const prefixes = folding.entityTypes.map((type) => `${type}-`);
    while (this.#end === undefined) {
      const subscription = events.subscribe({ from: writer.covered, prefixes });
      this.#subscription = subscription;
      try {
        await this.#consume(subscription);
      } catch (error) {
        this.#giveUp();
        await this.#serial.run(async () => writer.rewind());
        if (this.#end === undefined) trouble(error);
        await this.#backoff.wait();
      } finally {
        subscription.close();
      }
    }
    this.#alarm.disarm();
    return this.#end;
  }

  /** Writes what changed, now. Never rejects. */
  flush(): Promise<void> {
    return this.#serial.run(() => (this.#end === undefined ? this.#flush(false) : Promise.resolve()));
  }

  /** Writes what changed, once, and ends. */
  async stop(): Promise<void> {
    this.#parts.writer.stop();
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
    const { folding, writer, wanted } = this.#parts;
    try {
      if (!(await this.#fold(batch))) return;
    } catch (error) {
      if (!(error instanceof EventFailure)) throw error;
      this.#retreat(error);
      return;
    }
    const waiting = wanted();
    const awaited = waiting !== undefined && waiting < writer.covered && waiting >= writer.visible;
    if (writer.dirtyRows >= MAX_DIRTY_ROWS || awaited) return this.#flush(batch.caughtUp);
    this.#alarm.arm(writer.dirtyRows > 0 ? folding.coalesceMs : IDLE_CHECKPOINT_MS);
    this.#parts.progress(batch.caughtUp);
  }

  /** Folds a batch; false if the pump ended in it. */
  async #fold({ turns, checkpoint }: SubscriptionBatch): Promise<boolean> {
    const { folding, writer, skipped } = this.#parts;
    let group: Step[] = [];
    for (const turn of turns) {
      const failure = this.#stopAt;
      if (failure !== undefined && turn.position >= failure.event.turn) {
        await writer.fold(group);
        writer.advance(turn.position);
        if (this.#written(await writer.flush())) this.#finish({ kind: 'failed', error: failure });
        return false;
      }
      const steps = folding.steps(turn, skipped);
      const forgotten = steps[0]?.forget;
      if (forgotten !== undefined) {
        await writer.fold(group);
        group = [];
        writer.advance(turn.position);
        if (!this.#written(await writer.forget(forgotten))) return false;
      }
      if (group.length >= SLICE_EVENTS) {
        if (!(await this.#slice(group, turn.position))) return false;
        group = [];
      }
      for (const step of steps) group.push(step);
    }
    await writer.fold(group);
    writer.advance(checkpoint);
    return true;
  }

  /** Folds a part of a batch, up to the turn at `position`; false if the pump ended in it. */
  async #slice(group: readonly Step[], position: Position): Promise<boolean> {
    const { writer, clock } = this.#parts;
    await writer.fold(group);
    writer.advance(position);
    if (writer.dirtyRows >= MAX_DIRTY_ROWS) return this.#written(await writer.flush());
    await new Promise<void>((resolve) => clock.soon(resolve));
    return true;
  }

  async #flush(caughtUp: boolean): Promise<void> {
    try {
      this.#alarm.disarm();
      if (this.#written(await this.#parts.writer.flush())) this.#parts.progress(caughtUp);
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
    this.#parts.writer.rewind();
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
