import { type MemoryReadContents, MemoryReadStore } from '../../adapters/memory/read-store.ts';
import { PerdureError } from '../../core/errors.ts';
import type { Checkpoint, ReadStore, Row, RowPage, RowQuery, TableDefinition, WriteBatch } from '../../ports/read-store.ts';
import type { Dice } from './dice.ts';
import type { FaultLog, Faults } from './faults.ts';
import type { Incarnation } from './incarnation.ts';

/** What a simulated read store is made of. */
export interface SimulatedRowsParts {
  readonly contents: MemoryReadContents;
  readonly life: Incarnation;
  readonly dice: Dice;
  readonly faults: () => Faults;
  readonly faultLog: FaultLog;
}

/**
 * A read store that takes its time and fails, on rows that outlive their node.
 *
 * Invariants:
 * R1. It keeps the promises of the port (P1 to P3), whatever the faults.
 * R2. A write that fails may have taken effect; so may one that is under way when its node crashes, but not later: rows are on the node's disk.
 */
export class SimulatedReadStore implements ReadStore {
  readonly #parts: SimulatedRowsParts;
  readonly #inner: MemoryReadStore;

  constructor(parts: SimulatedRowsParts) {
    this.#parts = parts;
    const { life, dice } = parts;
    const underWay = new Set<() => void>();
    const defer = (run: () => void) => {
      underWay.add(run);
      life.plan('rows', this.#delay(), () => {
        if (underWay.delete(run)) run();
      });
    };
    life.onEnd(() => {
      for (const run of underWay) if (dice.chance(0.5)) run();
    });
    this.#inner = new MemoryReadStore(parts.contents, { defer });
  }

  async declare(table: TableDefinition): Promise<void> {
    await this.#takeTime(`declare ${table.table}`);
    await this.#inner.declare(table);
  }

  async checkpoint(table: string): Promise<Checkpoint | undefined> {
    await this.#takeTime(`checkpoint ${table}`);
    return this.#inner.checkpoint(table);
  }

  async write(batch: WriteBatch): Promise<'written' | 'lost'> {
    await this.#takeTime(`write rows ${batch.table}`);
    const outcome = await this.#inner.write(batch);
    if (!this.#parts.life.alive) return new Promise(() => undefined);
    await this.#takeTime(`rows ${outcome} ${batch.table}`);
    return outcome;
  }

  async get(table: string, key: string): Promise<Row | undefined> {
    await this.#takeTime(`row ${table}`);
    return this.#inner.get(table, key);
  }

  async getMany(table: string, keys: readonly string[]): Promise<readonly (Row | undefined)[]> {
    await this.#takeTime(`rows ${table}`);
    return this.#inner.getMany(table, keys);
  }

  async find(query: RowQuery): Promise<RowPage> {
    await this.#takeTime(`find ${query.table}`);
    return this.#inner.find(query);
  }

  async drop(table: string): Promise<void> {
    await this.#takeTime(`drop ${table}`);
    await this.#inner.drop(table);
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }

  async #takeTime(what: string): Promise<void> {
    await this.#parts.life.wait(what, this.#delay());
    if (!this.#parts.dice.chance(this.#parts.faults().rowsError)) return;
    this.#parts.faultLog.add('rows-error');
    this.#parts.life.note('failed', what);
    throw new PerdureError('store-failed', `${what}: the read store does not answer`);
  }

  #delay(): number {
    const { maxDelayMs } = this.#parts.faults();
    return maxDelayMs === 0 ? 0 : Math.floor(this.#parts.dice.next() ** 3 * maxDelayMs);
  }
}
