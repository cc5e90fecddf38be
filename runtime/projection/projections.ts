/**
 * All projections of a node, the user's and the built-in entity rows: started and stopped together, read by name.
 *
 * Invariants:
 * J1. A read that presents a position waits for it, or fails; without one it answers from what is there.
 * J2. A projection that does not read the entity type of a token does not wait for it.
 */
import { PerdureError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Position } from '../core/record.ts';
import type { Row, RowPage, RowQuery } from '../ports/read-store.ts';
import type { EntityFold, ProjectionDefinition } from './definition.ts';
import { ProjectionEngine, type ProjectionPorts, type ProjectionStatus } from './engine.ts';
import { entityFolding } from './entity-folding.ts';
import { userFolding } from './user-folding.ts';

/** What a read waits for. */
export interface ReadWait {
  readonly position: Position;
  /** Entity type whose change is at that position; absent: wait in any case. */
  readonly entityType?: string;
  /** Default 30 s, at most 5 minutes. */
  readonly timeoutMs?: number;
}

/** A query without its table. */
export type ProjectionQuery = Omit<RowQuery, 'table'>;

export interface ProjectionLag {
  readonly name: string;
  /** Positions between what readers see and the head of the log. */
  readonly positions: number;
  /** Events folded, but not written yet. */
  readonly events: number;
}

export class Projections {
  readonly #ports: ProjectionPorts;
  readonly #engines = new Map<string, ProjectionEngine>();

  /** Throws `invalid-definition` for a name that is taken. */
  constructor(ports: ProjectionPorts, definitions: readonly ProjectionDefinition[], entities: readonly EntityFold[]) {
    this.#ports = ports;
    for (const folding of [...entities.map(entityFolding), ...definitions.map(userFolding)]) {
      if (this.#engines.has(folding.name)) throw new PerdureError('invalid-definition', `Projection ${folding.name} is defined twice.`);
      this.#engines.set(folding.name, new ProjectionEngine(folding, ports));
    }
  }

  /** Starts every projection; if one cannot start, none stays running. Throws `store-mismatch`, `invalid-definition`. */
  async start(): Promise<void> {
    try {
      for (const engine of this.#engines.values()) await engine.start();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Writes what changed and ends. */
  async stop(): Promise<void> {
    await Promise.all([...this.#engines.values()].map((engine) => engine.stop()));
  }

  /** One row, undefined if absent. Throws `unknown-projection`, `projection-behind`, `projection-failed`. */
  async get(name: string, key: string, wait?: ReadWait): Promise<Row | undefined> {
    const engine = this.#engine(name);
    await this.#waited(engine, wait);
    const row = await this.#ports.rows.get(engine.folding.table.table, key);
    return row === undefined ? undefined : engine.folding.visible(row);
  }

  /** A page of rows. Throws as `get`, and `unknown-index`, `invalid-cursor`, `invalid-page`. */
  async find(name: string, query: ProjectionQuery, wait?: ReadWait): Promise<RowPage> {
    const engine = this.#engine(name);
    const { folding } = engine;
    if (query.index !== undefined && query.index === folding.sourceIndex) throw new PerdureError('unknown-index');
    await this.#waited(engine, wait);
    const page = await this.#ports.rows.find({ ...query, table: folding.table.table });
    return { ...page, rows: page.rows.map(({ key, row }) => ({ key, row: folding.visible(row) })) };
  }

  /** Resolves when readers of `name` see every event up to and at `position`. Throws as `get`. */
  async reached(name: string, position: Position, timeoutMs: number = LIMITS.defaultWaitMs): Promise<void> {
    await this.#engine(name).reached(position, Math.min(timeoutMs, LIMITS.maxWaitMs));
  }

  /** Goes on after a failure, or takes over from another writer. Throws `unknown-projection`. */
  async retry(name: string): Promise<void> {
    await this.#engine(name).retry();
  }

  /** Goes on without the event that failed. Throws `unknown-projection`, `not-failed`. */
  async skip(name: string, position: Position): Promise<void> {
    await this.#engine(name).skip(position);
  }

  status(): readonly ProjectionStatus[] {
    return [...this.#engines.values()].map((engine) => engine.status());
  }

  /** True once every projection that this node writes has reached the head of the log since the start, and none has failed. */
  caughtUp(): boolean {
    return this.status().every(({ caughtUp, state }) => state === 'standby' || (caughtUp && state !== 'failed' && state !== 'stopped'));
  }

  /** How far readers of each projection are behind the log as of now. */
  async lag(): Promise<readonly ProjectionLag[]> {
    const head = await this.#ports.events.headPosition();
    return this.status().map(({ name, position, pendingEvents }) => {
      return { name, positions: Math.max(0, head - position), events: pendingEvents };
    });
  }

  async #waited(engine: ProjectionEngine, wait: ReadWait | undefined): Promise<void> {
    if (wait === undefined) return;
    if (wait.entityType !== undefined && !engine.folding.entityTypes.includes(wait.entityType)) return;
    await engine.reached(wait.position, Math.min(wait.timeoutMs ?? LIMITS.defaultWaitMs, LIMITS.maxWaitMs));
  }

  #engine(name: string): ProjectionEngine {
    const engine = this.#engines.get(name);
    if (engine === undefined) throw new PerdureError('unknown-projection', `No projection "${name}" is registered.`);
    return engine;
  }
}
