import { createMemoryLog, type MemoryLog } from '../../adapters/memory/event-store-log.ts';
import { emptyReadContents, type MemoryReadContents } from '../../adapters/memory/read-store.ts';
import type { EntityDefinition } from '../../core/definition/erased.ts';
import type { ActivityImplementation } from '../../core/definition/types.ts';
import type { HostLimits } from '../../host/context.ts';
import type { ProjectionDefinition } from '../../projection/definition.ts';
import type { Dice } from './dice.ts';
import { FaultLog, type Faults, NO_FAULTS } from './faults.ts';
import { Incarnation } from './incarnation.ts';
import { SimulatedNode, type Wrapping } from './node.ts';
import type { World } from './world.ts';

export interface ClusterParts {
  readonly world: World;
  readonly dice: Dice;
  readonly faults: Faults;
  /** Nodes that run at the same time, on the same log: more than one is double ownership. */
  readonly nodes: number;
  /** What a node that starts now runs: may change between starts, as a deployment does. */
  readonly definitions: () => readonly EntityDefinition[];
  readonly projections: readonly ProjectionDefinition[];
  /** What durable handlers call, as one life of a node performs it. */
  readonly activities?: (life: Incarnation) => readonly ActivityImplementation[];
  readonly limits: Partial<HostLimits>;
  readonly wrapping?: Wrapping;
}

/** A place where a node runs: its rows outlive the node. */
interface Slot {
  readonly name: string;
  readonly contents: MemoryReadContents;
  starts: number;
  node: SimulatedNode | undefined;
  /** An orderly stop is under way. */
  stopping: boolean;
}

const DRAIN_MS = 2_000;

/**
 * Nodes on one log, and what goes wrong with them.
 *
 * Invariants:
 * C1. Until `calm`, faults come as drawn; from then on none does, and every node that is down has been started again.
 */
export class Cluster {
  readonly log: MemoryLog = createMemoryLog('simulated', 4);
  readonly faultLog = new FaultLog();
  readonly #parts: ClusterParts;
  readonly #dice: Dice;
  readonly #slots: readonly Slot[];
  #faults: Faults;
  #full = false;

  constructor(parts: ClusterParts) {
    this.#parts = parts;
    this.#dice = parts.dice.fork('cluster');
    this.#faults = parts.faults;
    this.#slots = Array.from({ length: parts.nodes }, (_, at) => ({
      name: `n${at + 1}`,
      contents: emptyReadContents(),
      starts: 0,
      node: undefined,
      stopping: false,
    }));
  }

  get faults(): Faults {
    return this.#faults;
  }

  /** Nodes that take requests. */
  get running(): readonly SimulatedNode[] {
    return this.#slots.flatMap(({ node }) => (node?.running === true ? [node] : []));
  }

  /** Contents of the rows of every place, by the node's name. */
  get rows(): ReadonlyMap<string, MemoryReadContents> {
    return new Map(this.#slots.map(({ name, contents }) => [name, contents]));
  }

  /** What the slowest clock of a running node shows. */
  get wallMs(): number {
    return this.#parts.world.nowMs + this.running.reduce((least, { life }) => Math.min(least, life.skewMs), this.#skewMs);
  }

  /** Cheap: is there nothing that every node has to do? */
  quiet(): boolean {
    return this.#slots.every(({ node }) => node?.running && node.idle(this.log.next));
  }

  /** What keeps nodes from being at rest, in words; empty if nothing does. */
  unrest(): readonly string[] {
    return this.#slots.flatMap(({ name, node }) =>
      node === undefined || !node.running ? [`${name} is down`] : node.unrest(this.log.next),
    );
  }

  /** Starts the nodes and lets faults loose. */
  start(): void {
    for (const slot of this.#slots) void this.#launch(slot);
    const { crashEveryMs, stopEveryMs, fullEveryMs, jumpEveryMs } = this.#faults;
    this.#every(crashEveryMs, () => this.#crash());
    this.#every(stopEveryMs, () => this.#stop());
    this.#every(fullEveryMs, () => this.#fill());
    this.#every(jumpEveryMs, () => this.#jump());
  }

  /** Ends all faults but a little slowness (C1). */
  calm(): void {
    this.#faults = { ...NO_FAULTS, maxDelayMs: Math.min(5, this.#faults.maxDelayMs) };
    this.#full = false;
    this.#parts.world.note('calm');
  }

  /** Crashes every node and starts them anew: with the definitions of now. */
  redeploy(): void {
    for (const slot of this.#slots) this.#down(slot, () => slot.node?.crash());
  }

  /** Moves every wall clock forward. */
  skip(byMs: number): void {
    this.#parts.world.note('skip', byMs);
    for (const { node } of this.#slots) if (node !== undefined) node.life.skewMs += byMs;
    this.#skewMs += byMs;
  }
  #skewMs = 0;

  /** Does something again and again, `everyMs` apart on average, while faults last. 0: never. */
  #every(everyMs: number, action: () => void): void {
    if (everyMs === 0) return;
    this.#parts.world.plan('fault', this.#dice.next() * 2 * everyMs, () => {
      if (this.#faults.crashEveryMs + this.#faults.stopEveryMs + this.#faults.fullEveryMs + this.#faults.jumpEveryMs === 0) return;
      action();
      this.#every(everyMs, action);
    });
  }

  async #launch(slot: Slot): Promise<void> {
    const { world, dice, definitions, projections, activities, limits, wrapping } = this.#parts;
    slot.starts += 1;
    const life = new Incarnation(world, `${slot.name}.${slot.starts}`);
    life.skewMs = this.#skewMs;
    const node = new SimulatedNode({
      life,
      log: this.log,
      contents: slot.contents,
      dice: dice.fork(life.name),
      faults: () => this.#faults,
      faultLog: this.faultLog,
      full: () => this.#full,
      definitions: definitions(),
      activities: activities?.(life) ?? [],
      projections,
      limits,
      wrapping: wrapping ?? {},
    });
    slot.node = node;
    try {
      await node.start();
    } catch (error) {
      life.note('start-failed', String(error));
      if (slot.node === node) this.#down(slot, () => life.end());
    }
  }

  /** Ends the node of a slot and plans its next start. */
  #down(slot: Slot, end: () => void): void {
    end();
    slot.node = undefined;
    slot.stopping = false;
    this.#parts.world.plan(`start ${slot.name}`, this.#dice.int(1, 3_000), () => {
      if (slot.node === undefined) void this.#launch(slot);
    });
  }

  #crash(): void {
    const slot = this.#dice.pick(this.#slots);
    if (slot.node === undefined) return;
    this.faultLog.add('crash');
    this.#down(slot, () => slot.node?.crash());
  }

  #stop(): void {
    const slot = this.#dice.pick(this.#slots);
    const { node } = slot;
    if (node === undefined || !node.running || slot.stopping) return;
    this.faultLog.add('stop');
    slot.stopping = true;
    const ended = () => {
      if (slot.node === node) this.#down(slot, () => node.life.end());
    };
    node.stop(DRAIN_MS).then(ended, (error: unknown) => {
      node.life.note('stop-failed', String(error));
      ended();
    });
  }

  #fill(): void {
    this.faultLog.add('full');
    this.#full = true;
    this.#parts.world.plan('room again', this.#dice.int(1, 3_000), () => {
      this.#full = false;
    });
  }

  #jump(): void {
    const { maxJumpMs } = this.#faults;
    const by = this.#dice.int(-maxJumpMs, maxJumpMs);
    const { node } = this.#dice.pick(this.#slots);
    if (node === undefined) return;
    this.faultLog.add(by < 0 ? 'jump-back' : 'jump-forward');
    node.life.skewMs += by;
    node.life.note('clock jumps', by);
  }
}
