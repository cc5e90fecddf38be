import type { MemoryLog } from '../adapters/memory/event-store-log.ts';
import type { MemoryReadContents } from '../adapters/memory/read-store.ts';
import type { EntityDefinition } from '../core/definition/erased.ts';
import type { ActivityImplementation } from '../core/definition/types.ts';
import { PerdureError } from '../core/errors.ts';
import { checkedFreeze } from '../core/plain.ts';
import { guard } from '../host/guard.ts';
import { createHost, type Host } from '../host/host.ts';
import type { ProjectionDefinition } from '../projection/definition.ts';
import { builtInProjections, entityFold } from '../projection/definitions.ts';
import { Projections } from '../projection/projections.ts';
import type { Mishaps } from './mishaps.ts';
import { Mortal } from './mortal.ts';
import { MortalEventStore, MortalReadStore } from './mortal-stores.ts';
import type { Dice } from './simulation/dice.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface TestNodeParts {
  readonly definitions: readonly EntityDefinition[];
  readonly projections: readonly ProjectionDefinition[];
  readonly activities: readonly ActivityImplementation[];
  readonly log: MemoryLog;
  readonly contents: MemoryReadContents;
  readonly time: VirtualTime;
  readonly mishaps: Mishaps;
}

/** One life of a node: host and projections as `start` composes them, on stores in memory and virtual time. */
export class TestNode {
  readonly host: Host;
  readonly projections: Projections;
  readonly #life: Mortal;

  /** `dice`: its entropy; another for every life. */
  constructor({ definitions, projections, activities, log, contents, time, mishaps }: TestNodeParts, dice: Dice) {
    this.#life = new Mortal(time);
    const { clock } = this.#life;
    const store = new MortalEventStore(log, this.#life);
    const rows = new MortalReadStore(contents, this.#life);
    const entropy = { turnId: () => dice.id(), random: () => dice.next(), incarnation: dice.id() };
    const drained = (run: () => void) => this.#life.soon(run);
    const { log: hostLog } = mishaps;
    this.host = createHost({ definitions, activities, store, rows, clock, drained, entropy, guard, log: hostLog, freeze: checkedFreeze });
    this.projections = new Projections(
      { events: store, rows, clock, log: (_level, message, fields) => told(mishaps, message, fields) },
      [...builtInProjections(definitions.map(({ type }) => type)), ...projections],
      definitions.map(entityFold),
    );
  }

  async start(): Promise<void> {
    await this.projections.start();
    await this.host.start();
  }

  /** The orderly end. */
  async stop(): Promise<void> {
    await this.host.stop(0);
    await this.projections.stop();
  }

  /** Everything in memory is gone at once. */
  crash(): void {
    this.#life.end();
  }
}

/** A projection that stopped is a mishap; that it is written by another node, or waits, is none. */
function told(mishaps: Mishaps, message: string, { projection, error }: Readonly<Record<string, unknown>>): void {
  if (message === 'projection stopped at an event')
    mishaps.add(new PerdureError('projection-failed', `projection ${String(projection)} stopped: ${String(error)}`));
}
