import type { MemoryLog } from '../../adapters/memory/event-store-log.ts';
import type { MemoryReadContents } from '../../adapters/memory/read-store.ts';
import type { Answer } from '../../core/answer.ts';
import type { EntityDefinition } from '../../core/definition/erased.ts';
import type { ActivityImplementation } from '../../core/definition/types.ts';
import { checkedFreeze } from '../../core/plain.ts';
import type { HostLimits, HostLog } from '../../host/context.ts';
import { guard } from '../../host/guard.ts';
import { createHost, type Host } from '../../host/host.ts';
import type { EventStore } from '../../ports/event-store.ts';
import type { ReadStore } from '../../ports/read-store.ts';
import type { Delivery } from '../../ports/signal-bus.ts';
import type { ProjectionDefinition } from '../../projection/definition.ts';
import { builtInProjections, entityFold } from '../../projection/definitions.ts';
import { Projections } from '../../projection/projections.ts';
import type { Dice } from './dice.ts';
import { SimulatedEventStore } from './event-store.ts';
import type { FaultLog, Faults } from './faults.ts';
import type { Attempt, Request } from './history.ts';
import { type Incarnation, simulatedClock } from './incarnation.ts';
import { SimulatedReadStore } from './read-store.ts';

/** Puts something of a user's own between a node and its stores: a store with other faults, or (to test the judges) a broken one. */
export interface Wrapping {
  readonly store?: (inner: EventStore, life: Incarnation, log: MemoryLog) => EventStore;
  readonly rows?: (inner: ReadStore, life: Incarnation) => ReadStore;
  /** What a process is known by, in place of something random per start. */
  readonly incarnation?: string;
}

export interface SimulatedNodeParts {
  readonly life: Incarnation;
  readonly log: MemoryLog;
  readonly contents: MemoryReadContents;
  readonly dice: Dice;
  readonly faults: () => Faults;
  readonly faultLog: FaultLog;
  readonly full: () => boolean;
  readonly definitions: readonly EntityDefinition[];
  readonly activities: readonly ActivityImplementation[];
  readonly projections: readonly ProjectionDefinition[];
  readonly limits: Partial<HostLimits>;
  readonly wrapping: Wrapping;
}

/** One running node: host and projections as `start` composes them, on simulated stores, clock and entropy. */
export class SimulatedNode {
  readonly life: Incarnation;
  readonly host: Host;
  readonly projections: Projections;
  /** Every read store and log entry of this life is gone with it; so are these. */
  readonly #open = new Set<Attempt>();
  #endedBy: 'crashed' | 'stopped' = 'crashed';

  constructor(parts: SimulatedNodeParts) {
    const { life, wrapping, dice } = parts;
    this.life = life;
    const own = { ...parts, dice: dice.fork('store') };
    const inner = new SimulatedEventStore(own);
    const store = wrapping.store?.(inner, life, parts.log) ?? inner;
    const plainRows = new SimulatedReadStore({ ...parts, dice: dice.fork('rows') });
    const rows = wrapping.rows?.(plainRows, life) ?? plainRows;
    const clock = simulatedClock(life);
    const entropy = dice.fork('entropy');
    this.host = createHost({
      definitions: parts.definitions,
      activities: parts.activities,
      store,
      rows,
      clock,
      drained: (run) => void life.plan('drained', 0, run),
      entropy: {
        turnId: () => entropy.id(),
        random: () => entropy.next(),
        incarnation: wrapping.incarnation ?? dice.fork('incarnation').id(),
      },
      guard,
      log: hostLog(life),
      limits: parts.limits,
      freeze: checkedFreeze,
    });
    const types = parts.definitions.map(({ type }) => type);
    this.projections = new Projections(
      { events: store, rows, clock, log: (level, message, fields) => life.note(`projection-${level}`, message, plain(fields)) },
      [...builtInProjections(types), ...parts.projections],
      parts.definitions.map(entityFold),
    );
    life.onEnd(() => {
      for (const attempt of this.#open) attempt.nodeEnded = this.#endedBy;
    });
  }

  get running(): boolean {
    return this.life.alive && this.host.status().state === 'running';
  }

  /** Has it nothing to do, with a log that ends at `head`? */
  idle(head: number): boolean {
    return this.unrest(head).length === 0;
  }

  /** What it has to do still, in words. */
  unrest(head: number): readonly string[] {
    const { gauges } = this.host.metrics();
    const busy = ['queued_messages', 'rehydrating', 'outbox_pending'].filter((gauge) => (gauges[gauge] ?? 0) > 0);
    const behind = this.projections.status().filter(({ position, state }) => state !== 'running' || position < head);
    return [
      ...busy.map((gauge) => `${this.life.name}: ${gauge} ${gauges[gauge]}`),
      ...behind.map(
        ({ name, state, position, error }) =>
          `${this.life.name}: projection ${name} is ${state} at ${position} of ${head} ${error?.message ?? ''}`,
      ),
    ];
  }

  async start(): Promise<void> {
    await this.projections.start();
    await this.host.start();
    this.life.note('started');
  }

  /** Everything in memory is gone at once. */
  crash(): void {
    this.life.note('crashed');
    this.life.end();
  }

  /** The orderly end: drains, then releases. */
  async stop(drainMs: number): Promise<void> {
    this.life.note('stopping', drainMs);
    await this.host.stop(drainMs);
    await this.projections.stop();
    this.life.note('stopped');
    this.#endedBy = 'stopped';
    this.life.end();
  }

  /**
   * Hands a request to the host. Resolves with the answer, or undefined if the node ends or the sender takes the request back after
   * `withdrawAfterMs`.
   */
  deliver(request: Request, signalId: string, withdrawAfterMs?: number): Promise<Answer | undefined> {
    const { life } = this;
    const attempt: Attempt = {
      node: life.name,
      signalId,
      atMs: life.world.nowMs,
      answers: [],
      toldMs: undefined,
      withdrawn: undefined,
      nodeEnded: undefined,
    };
    request.attempts.push(attempt);
    this.#open.add(attempt);
    return new Promise((resolve) => {
      const delivery = deliveryOf(request, signalId, (answer) => {
        if (!life.alive) return;
        attempt.answers.push(answer);
        attempt.toldMs = life.world.nowMs;
        this.#open.delete(attempt);
        life.note('answer', request.from, request.number, request.name, answer.kind, shortOf(answer));
        resolve(answer);
      });
      life.note('request', request.from, request.number, `${request.type}/${request.id}`, request.name);
      this.host.deliver(delivery);
      life.onEnd(() => resolve(undefined));
      if (withdrawAfterMs === undefined) return;
      life.plan('withdraw', withdrawAfterMs, () => {
        if (attempt.answers.length > 0) return;
        attempt.withdrawn = this.host.withdraw(delivery);
        this.#open.delete(attempt);
        life.note('withdrawn', request.from, request.number, attempt.withdrawn);
        resolve(undefined);
      });
    });
  }
}

function deliveryOf(request: Request, signalId: string, done: Delivery['done']): Delivery {
  const { type, id, name, payload, wants, key, mark } = request;
  const bytes = 64;
  return {
    kind: 'signal',
    type,
    id,
    name,
    payload,
    wants,
    signalId,
    idChosen: key !== undefined,
    mark,
    context: undefined,
    bytes,
    done,
    state: 'waiting',
  };
}

function shortOf(answer: Answer): unknown {
  if (answer.kind === 'done') return [answer.revision, answer.position, answer.repeated, answer.result];
  return answer.kind === 'rejected' ? answer.code : [answer.code, answer.message];
}

function hostLog(life: Incarnation): HostLog {
  const at = (level: string) => (event: string, fields: Readonly<Record<string, unknown>>) => life.note(`${level} ${event}`, plain(fields));
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** Errors as text: their stacks name places that differ from run to run. */
function plain(fields: Readonly<Record<string, unknown>>): unknown {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, value instanceof Error ? String(value) : value]));
}
