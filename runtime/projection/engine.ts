/**
 * One table that follows the log: its life, its failure, and the readers that wait for it. Alone: what stops it stops no other.
 *
 * Invariants:
 * G1. A table is changed by one engine at a time. One that loses a write stands by and changes nothing until it is told to retry.
 * G2. An engine starts only from a checkpoint of this log.
 * G3. An event that cannot be applied stops the engine before its turn, named, until `retry` or `skip`.
 * G4. `reached` resolves only when the rows that readers see include every event before the position and at it.
 */
import { isPerdureError, PerdureError } from '../core/errors.ts';
import type { Position } from '../core/record.ts';
import type { Clock } from '../ports/clock.ts';
import type { EventStore } from '../ports/event-store.ts';
import type { ReadStore } from '../ports/read-store.ts';
import { Backoff } from './backoff.ts';
import { EventFailure, type EventPlace } from './folding.ts';
import { Pump, type PumpEnd } from './pump.ts';
import { Standby } from './standby.ts';
import type { Folding, Table } from './table.ts';
import { Waiters } from './waiters.ts';

export interface ProjectionPorts {
  readonly events: EventStore;
  readonly rows: ReadStore;
  readonly clock: Clock;
  /** Told what an operator should know: `warn` for trouble, `info` for what an operator did. Fields are plain data. */
  readonly log: (level: 'info' | 'warn', message: string, fields: Readonly<Record<string, unknown>>) => void;
}

/**
 * `running`; `retrying`: store or log fail for now; `failed`: stopped before `event`; `standby`: another node writes the rows;
 * `stopped`: not started, or stopped.
 */
export type ProjectionState = 'stopped' | 'running' | 'retrying' | 'failed' | 'standby';

export interface ProjectionStatus {
  readonly name: string;
  readonly table: string;
  readonly state: ProjectionState;
  /** First position that readers do not see yet. */
  readonly position: Position;
  /** True once the head of the log was reached since the start. */
  readonly caughtUp: boolean;
  /** Events folded, but not written yet. */
  readonly pendingEvents: number;
  readonly error: { readonly code: string; readonly message: string } | undefined;
  /** The event that could not be applied. */
  readonly event: EventPlace | undefined;
}

export class ProjectionEngine {
  readonly folding: Folding;
  readonly #ports: ProjectionPorts;
  readonly #waiters: Waiters;
  readonly #skipped = new Set<Position>();
  #table: Table;
  #pump: Pump | undefined;
  #done: Promise<void> = Promise.resolve();
  #state: ProjectionState = 'stopped';
  #error: unknown;
  #caughtUp = false;
  /** Told to stop: a start under way must not go on. */
  #halted = false;
  #standby: Standby | undefined;

  constructor(folding: Folding, ports: ProjectionPorts) {
    this.folding = folding;
    this.#ports = ports;
    this.#waiters = new Waiters(ports.clock);
    this.#table = this.#openTable();
  }

  /** Declares the table and follows the log from its checkpoint. Throws `store-mismatch`, `invalid-definition`. */
  async start(): Promise<void> {
    if (this.#pump !== undefined) return;
    this.#halted = false;
    await this.#ports.rows.declare(this.folding.table);
    const table = this.#openTable();
    await table.load(await this.#ports.events.headPosition());
    if (this.#pump !== undefined || this.#halted) return;
    this.#endStandby();
    this.#table = table;
    this.#state = 'running';
    this.#error = undefined;
    const pump = new Pump({
      folding: this.folding,
      events: this.#ports.events,
      clock: this.#ports.clock,
      table,
      skipped: this.#skipped,
      progress: (caughtUp) => this.#progress(caughtUp),
      wanted: () => this.#waiters.lowest,
      trouble: (error) => this.#trouble(error),
    });
    this.#pump = pump;
    this.#done = pump.run().then((end) => this.#ended(end));
  }

  /** Writes what changed and ends; readers that wait are refused. */
  async stop(): Promise<void> {
    this.#halted = true;
    await this.#pump?.stop();
    await this.#done;
    this.#ended({ kind: 'stopped' });
  }

  /**
   * Resolves when readers see every event up to and at `position`. Rejects with `projection-behind` after `timeoutMs`, with
   * `projection-failed` if the engine is stopped by an event, with `store-closed` if it is not running at all.
   */
  async reached(position: Position, timeoutMs: number): Promise<void> {
    if (position < this.#visible()) return;
    if (this.#state === 'failed') throw this.#failedError();
    if (this.#state === 'stopped') throw new PerdureError('store-closed');
    const reached = this.#waiters.wait(position, timeoutMs);
    if (this.#standby !== undefined) this.#standby.look();
    else if (position < this.#table.covered) void this.#pump?.flush();
    await reached;
  }

  /** Goes on after a failure, or after another writer has gone. Does nothing if it is running. */
  async retry(): Promise<void> {
    if (this.#state !== 'failed' && this.#state !== 'standby') return;
    this.#ports.log('info', 'projection is tried again', { projection: this.folding.name });
    await this.start();
  }

  /** Goes on without the event at `position`, which must be the one that failed (`not-failed` otherwise). Logged. */
  async skip(position: Position): Promise<void> {
    const failure = this.#error;
    if (this.#state !== 'failed' || !(failure instanceof EventFailure) || failure.event.position !== position) {
      throw new PerdureError('not-failed', `Projection ${this.folding.name} is not stopped at the event at ${position}.`);
    }
    this.#skipped.add(position);
    this.#ports.log('info', 'event is skipped', { projection: this.folding.name, event: failure.event, error: failure.message });
    await this.start();
  }

  status(): ProjectionStatus {
    const error = this.#error;
    return {
      name: this.folding.name,
      table: this.folding.table.table,
      state: this.#state,
      position: this.#visible(),
      caughtUp: this.#caughtUp,
      pendingEvents: this.#table.pendingEvents,
      error: error === undefined ? undefined : { code: codeOf(error), message: error instanceof Error ? error.message : String(error) },
      event: error instanceof EventFailure ? error.event : undefined,
    };
  }

  #progress(caughtUp: boolean): void {
    if (this.#state === 'retrying') {
      this.#state = 'running';
      this.#error = undefined;
    }
    this.#caughtUp ||= caughtUp;
    for (const position of this.#skipped) if (position < this.#table.storedPosition) this.#skipped.delete(position);
    this.#waiters.reached(this.#visible());
  }

  #trouble(error: unknown): void {
    this.#state = 'retrying';
    this.#error = error;
    this.#ports.log('warn', 'projection cannot go on for now', { projection: this.folding.name, error: String(error) });
  }

  #ended(end: PumpEnd): void {
    this.#pump = undefined;
    this.#state = end.kind === 'lost' ? 'standby' : end.kind;
    if (end.kind === 'failed') {
      this.#error = end.error;
      this.#ports.log('warn', 'projection stopped at an event', { projection: this.folding.name, error: String(end.error) });
      this.#waiters.refuse(this.#failedError());
    } else if (end.kind === 'lost') {
      this.#ports.log('warn', 'projection stands by: another node writes its rows', { projection: this.folding.name });
      this.#standby = this.#makeStandby();
    } else {
      this.#endStandby();
      this.#waiters.refuse(new PerdureError('store-closed'));
    }
  }

  #makeStandby(): Standby {
    const parts = {
      clock: this.#ports.clock,
      checkpoint: () => this.#ports.rows.checkpoint(this.folding.table.table),
      seen: (position: Position) => {
        this.#waiters.reached(position);
        return this.#waiters.size > 0;
      },
      trouble: (error: unknown) =>
        this.#ports.log('warn', 'checkpoint cannot be read', { projection: this.folding.name, error: String(error) }),
    };
    return new Standby(parts, this.#table.storedPosition);
  }

  #endStandby(): void {
    this.#standby?.end();
    this.#standby = undefined;
  }

  #visible(): Position {
    return this.#standby?.position ?? this.#table.visible;
  }

  #failedError(): PerdureError {
    return new PerdureError('projection-failed', `Projection ${this.folding.name} stopped: ${String(this.#error)}`);
  }

  #openTable(): Table {
    const { rows, events, clock, log } = this.#ports;
    const listener = {
      trouble: (error: unknown) => this.#trouble(error),
      recovered: () => this.#progress(false),
      warn: (message: string, fields: Readonly<Record<string, unknown>>) =>
        log('warn', message, { projection: this.folding.name, ...fields }),
    };
    return this.folding.open({ rows, storeId: events.storeId, clock, backoff: new Backoff(clock), listener });
  }
}

function codeOf(error: unknown): string {
  if (error instanceof EventFailure) return 'projection-failed';
  return isPerdureError(error) ? error.code : 'store-failed';
}
