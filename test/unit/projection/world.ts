/** A small world for the projection engine: memory stores, a clock moved by hand, and a read store that can fail. */

import { MemoryEventStore } from '../../../runtime/adapters/memory/event-store.ts';
import { createMemoryLog, type MemoryLog } from '../../../runtime/adapters/memory/event-store-log.ts';
import { emptyReadContents, type MemoryReadContents, MemoryReadStore } from '../../../runtime/adapters/memory/read-store.ts';
import { PerdureError } from '../../../runtime/core/errors.ts';
import type { NewRecord, Position } from '../../../runtime/core/record.ts';
import type { Clock } from '../../../runtime/ports/clock.ts';
import type { ReadStore, RowQuery, TableDefinition, WriteBatch } from '../../../runtime/ports/read-store.ts';
import type { EntityFold, ProjectionDefinition, RowReducer } from '../../../runtime/projection/definition.ts';
import { Projections } from '../../../runtime/projection/projections.ts';

export class HandClock implements Clock {
  readonly pending: { readonly at: number; readonly run: () => void }[] = [];
  #now = 1_000_000;

  now(): number {
    return this.#now;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { at: this.#now + delayMs, run };
    this.pending.push(timer);
    return () => {
      const place = this.pending.indexOf(timer);
      if (place >= 0) this.pending.splice(place, 1);
    };
  }

  soon(run: () => void): void {
    setImmediate(run);
  }

  /** Moves time; timers run in order of time, each followed by what it sets in motion. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await quiet();
    for (;;) {
      const next = [...this.pending].sort((one, other) => one.at - other.at)[0];
      if (next === undefined || next.at > end) break;
      this.pending.splice(this.pending.indexOf(next), 1);
      this.#now = next.at;
      next.run();
      await quiet();
    }
    this.#now = end;
  }
}

/** Lets everything that is deferred happen: nothing in this world takes more hops than these. */
export async function quiet(): Promise<void> {
  for (let hop = 0; hop < 40; hop++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** What happens to a write: nothing special; it fails before it takes effect; it takes effect and its answer is lost; a row is refused for good. */
export type Fault = 'none' | 'before' | 'after' | { readonly refuse: string };

/** A read store that keeps a list of its writes, and fails those that `faults` says, in order. */
export class FaultyReadStore implements ReadStore {
  readonly writes: WriteBatch[] = [];
  readonly faults: Fault[] = [];
  readonly #inner: ReadStore;

  constructor(inner: ReadStore) {
    this.#inner = inner;
  }

  async write(batch: WriteBatch): Promise<'written' | 'lost'> {
    const fault = this.faults.shift() ?? 'none';
    if (fault === 'before') throw new Error('disk says no');
    if (typeof fault === 'object') {
      await quiet();
      throw new PerdureError('index-value-invalid', undefined, { table: batch.table, key: fault.refuse, field: 'key' });
    }
    this.writes.push(batch);
    const answer = await this.#inner.write(batch);
    if (fault === 'after') throw new Error('answer lost');
    return answer;
  }

  declare(table: TableDefinition) {
    return this.#inner.declare(table);
  }
  checkpoint(table: string) {
    return this.#inner.checkpoint(table);
  }
  get(table: string, key: string) {
    return this.#inner.get(table, key);
  }
  getMany(table: string, keys: readonly string[]) {
    return this.#inner.getMany(table, keys);
  }
  find(query: RowQuery) {
    return this.#inner.find(query);
  }
  drop(table: string) {
    return this.#inner.drop(table);
  }
  close() {
    return this.#inner.close();
  }
}

export interface Node {
  readonly projections: Projections;
  readonly rows: FaultyReadStore;
  readonly logged: { readonly level: string; readonly message: string; readonly fields: Readonly<Record<string, unknown>> }[];
}

export class World {
  readonly log: MemoryLog;
  readonly contents: MemoryReadContents = emptyReadContents();
  readonly clock = new HandClock();
  readonly events: MemoryEventStore;
  readonly #revisions = new Map<string, number>();

  constructor(storeId = 'store-1') {
    this.log = createMemoryLog(storeId);
    this.events = new MemoryEventStore(this.log);
  }

  /** A node on this world's log and rows. Several may run at once; one that is not stopped but forgotten has crashed. */
  node(definitions: readonly ProjectionDefinition[], entities: readonly EntityFold[] = [], events = this.events): Node {
    const rows = new FaultyReadStore(new MemoryReadStore(this.contents));
    const logged: Node['logged'] = [];
    const log = (level: 'info' | 'warn', message: string, fields: Readonly<Record<string, unknown>>) =>
      void logged.push({ level, message, fields });
    return { projections: new Projections({ events, rows, clock: this.clock, log }, definitions, entities), rows, logged };
  }

  /** Appends one turn of `[type, data]` records; resolves with its position once durable. */
  append(stream: string, ...records: readonly (readonly [string, unknown?, NewRecord['meta']?])[]): Promise<Position> {
    const expectedRevision = this.#revisions.get(stream) ?? -1;
    this.#revisions.set(stream, expectedRevision + records.length);
    const turnId = `${stream}#${expectedRevision}`;
    const made = records.map(([type, data = {}, meta = {}]) => ({ type, data, meta }));
    const commit = { stream, expectedRevision, turnId, time: this.clock.now(), records: made };
    return new Promise((resolve, reject) => {
      this.events.append([commit], (_commit, outcome) => {
        if (outcome.kind === 'committed') resolve(outcome.position);
        else reject(new Error(outcome.kind));
      });
    });
  }
}

/** Counts the `Added` events of a stream: a row tells whether an event was applied never, once or twice. */
export function counter(part: Partial<ProjectionDefinition> = {}): ProjectionDefinition {
  const reducers = new Map<string, RowReducer>([
    ['Added', (row: unknown, data: unknown) => ({ count: countOf(row) + 1, sum: sumOf(row) + amountOf(data) })],
    ['Removed', () => undefined],
  ]);
  const upcast = (_type: string, _version: number, data: unknown) => data;
  return { name: 'counts', version: 1, indexes: {}, sources: [{ entityType: 'cart', reducers, upcast }], ...part };
}

/** State of an entity type `cart`: a list of what was added. */
export const cartFold: EntityFold = {
  type: 'cart',
  stateVersion: 1,
  initial: (id) => ({ id, added: [] }),
  apply: (state, { type, data, meta: { version = 1 } }) => {
    if (type !== 'Added') throw new Error(`no reducer for ${type}`);
    const { id, added } = state as { readonly id: string; readonly added: readonly unknown[] };
    return { id, added: [...added, version === 1 ? amountOf(data) : { version }] };
  },
};

export const amountOf = (data: unknown): number => (data as { readonly amount?: number }).amount ?? 0;
const countOf = (row: unknown): number => (row as { readonly count: number } | undefined)?.count ?? 0;
const sumOf = (row: unknown): number => (row as { readonly sum: number } | undefined)?.sum ?? 0;
