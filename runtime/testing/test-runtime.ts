import { setImmediate as breath } from 'node:timers/promises';
import { createMemoryLog, type MemoryLog } from '../adapters/memory/event-store-log.ts';
import { emptyReadContents } from '../adapters/memory/read-store.ts';
import type { Client } from '../client/types.ts';
import { definitionOf } from '../core/definition/entity.ts';
import { projectionOf } from '../core/definition/projection.ts';
import type { ActivityImplementation, AnyImplementation, AnyProjection, Duration, EventOf, StateOf } from '../core/definition/types.ts';
import { durationMs } from '../core/duration.ts';
import { PerdureError } from '../core/errors.ts';
import { TokenWriter } from '../core/token.ts';
import { installGuard } from '../host/guard.ts';
import type { AdminRequest, EntityView } from '../host/surface.ts';
import { projectionDefinition } from '../projection/definitions.ts';
import { Mishaps } from './mishaps.ts';
import { Obligations } from './obligations.ts';
import { Pace } from './pace.ts';
import { Patience } from './patience.ts';
import { ReplayChecks } from './replay-checks.ts';
import { Dice } from './simulation/dice.ts';
import { eventsOf, foldedImage } from './streams.ts';
import { TestClient } from './test-client.ts';
import { TestNode, type TestNodeParts } from './test-node.ts';
import { VirtualTime } from './virtual-time.ts';

/** What a test runs. */
export interface TestProgram {
  readonly entities: readonly AnyImplementation[];
  readonly projections?: readonly AnyProjection[];
  /** The real ones or doubles: the same `charge.implement(…)` with another function. */
  readonly activities?: readonly ActivityImplementation[];
  /** What ids and random numbers are drawn from; the same seed gives the same ones. Default 1. */
  readonly seed?: number;
  /** Default 2026-01-01T00:00:00Z. */
  readonly startAt?: Date;
}

/** An operator's verb; who asks and why may be left out. */
export type TestAdminRequest = Omit<AdminRequest, 'by' | 'why'> & Partial<Pick<AdminRequest, 'by' | 'why'>>;

/**
 * A node in memory whose time does not pass but is moved. `update` and `outcome` move it themselves, from one thing that is due to the next, until the
 * answer is there, and fail at once if nothing that is due can bring it; `signal`, `query` and the reads leave it where it is. A verb resolves when
 * everything that follows from it at that time has happened.
 *
 * What goes wrong without an answer (a defect of a signal's handler, a call nobody awaited, a projection that stopped) is thrown by the verb that was
 * under way, as it was thrown: a test that means it says `await expect(world.signal(…)).rejects.toThrow(…)` and then looks at what is left.
 */
export interface TestRuntime extends Client {
  /** Virtual time, milliseconds since 1970. */
  readonly now: number;
  /** Moves time forward; everything that falls due meanwhile happens, in order, each at its time. */
  advance(by: Duration): Promise<void>;
  /** The domain events of an entity, from its first on. */
  events<I extends AnyImplementation>(of: I, id: string): readonly EventOf<I>[];
  /** What the stream of an entity folds to. Throws `fold-failed`. */
  state<I extends AnyImplementation>(of: I, id: string): StateOf<I>;
  /** What an operator sees of an entity: open runs, what it owes, parked or paused and why. Rejects `not-found` without a stream, `forgotten`. */
  view(of: AnyImplementation, id: string): Promise<EntityView>;
  /** Carries out an operator's verb. Rejects with the code of what stood against it. */
  admin(request: TestAdminRequest): Promise<EntityView>;
  /** Everything in memory is gone at once, attempts under way included; another node starts on what is stored. */
  crash(): Promise<void>;
  /** Ends the runtime. Rejects with what went wrong and was not thrown yet. May be called again. */
  stop(): Promise<void>;
}

/**
 * Starts a node in memory for a test. Throws `invalid-definition`.
 */
export async function testRuntime(program: TestProgram): Promise<TestRuntime> {
  const world = new TestWorld(program);
  try {
    await world.started();
  } catch (error) {
    world.release();
    throw error;
  }
  return world;
}

const START_AT = new Date('2026-01-01T00:00:00Z');

class TestWorld extends TestClient implements TestRuntime {
  readonly #parts: WorldParts;
  readonly #uninstall: () => void;
  #node: TestNode;
  #lives = 0;
  #stopped: Promise<void> | undefined;

  constructor(program: TestProgram) {
    const parts = partsOf(program);
    super(parts);
    this.#parts = parts;
    this.#node = this.#start();
    this.#uninstall = installGuard();
  }

  /** Resolves when the node has started. */
  started(): Promise<void> {
    return this.#parts.pace.perform({ what: 'start', time: 'still', ask: async () => undefined });
  }

  get now(): number {
    return this.#parts.time.nowMs;
  }

  advance(by: Duration): Promise<void> {
    const limitMs = durationMs(by);
    return this.#parts.pace.perform<void>({
      what: `advance by ${by}`,
      time: 'runs',
      limitMs,
      ask: () => new Promise(() => undefined),
      timeUp: () => undefined,
    });
  }

  events<I extends AnyImplementation>(of: I, id: string): readonly EventOf<I>[] {
    return eventsOf(this.#parts.log, definitionOf(of), id) as readonly EventOf<I>[];
  }

  state<I extends AnyImplementation>(of: I, id: string): StateOf<I> {
    return foldedImage(this.#parts.log, definitionOf(of), id).state as StateOf<I>;
  }

  view(of: AnyImplementation, id: string): Promise<EntityView> {
    const { type } = definitionOf(of);
    return this.#parts.pace.perform({
      what: `view ${type}/${id}`,
      time: 'still',
      ask: ({ host }) => host.view(type, id, { strong: true }),
    });
  }

  admin(request: TestAdminRequest): Promise<EntityView> {
    const { type, id, verb } = request;
    const { mishaps, pace } = this.#parts;
    return pace.perform({
      what: `${verb} ${type}/${id}`,
      time: 'still',
      ask: async ({ host }) => {
        try {
          return await host.admin({ by: 'test', why: 'test', ...request });
        } catch (error) {
          throw mishaps.original(request, error);
        }
      },
    });
  }

  crash(): Promise<void> {
    if (this.#stopped !== undefined) return this.started();
    this.#node.crash();
    this.#parts.patience.forget();
    this.#node = this.#start();
    return this.started();
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    try {
      const { pace, checks, mishaps } = this.#parts;
      await pace.perform({ what: 'stop', time: 'still', ask: (node) => node.stop() });
      await checks.inspect(true);
      // Node tells of rejections that nobody took only between the steps of its event loop.
      await breath();
      const mishap = mishaps.take();
      if (mishap !== undefined) throw mishap;
    } finally {
      this.release();
    }
  }

  release(): void {
    this.#node.crash();
    this.#parts.pace.close();
    this.#uninstall();
  }

  #start(): TestNode {
    this.#lives += 1;
    const node = new TestNode(this.#parts, this.#parts.dice.fork(`life ${this.#lives}`));
    this.#parts.pace.start(node);
    return node;
  }
}

interface WorldParts extends TestNodeParts {
  readonly dice: Dice;
  readonly tokens: TokenWriter;
  readonly pace: Pace;
  readonly patience: Patience;
  readonly checks: ReplayChecks;
}

function partsOf({ entities, projections = [], activities = [], seed = 1, startAt = START_AT }: TestProgram): WorldParts {
  if (!Number.isFinite(startAt.getTime())) throw new PerdureError('invalid-definition', 'startAt is not a valid date');
  const log: MemoryLog = createMemoryLog('test');
  const time = new VirtualTime(startAt.getTime());
  const mishaps = new Mishaps();
  const patience = new Patience();
  const definitions = entities.map(definitionOf);
  const checks = new ReplayChecks({ log, definitions, activities: activities.map(({ activity }) => activity), mishaps });
  const obligations = new Obligations(log, { seen: (view) => checks.seen(view), failed: (error) => mishaps.add(error) });
  const pace = new Pace({ time, patience, obligations, mishaps, inspect: () => checks.inspect() });
  return {
    definitions,
    projections: projections.map((one) => projectionDefinition(projectionOf(one))),
    activities: activities.map((one) => patience.watched(one)),
    log,
    contents: emptyReadContents(),
    time,
    mishaps,
    patience,
    dice: new Dice(`test ${seed}`),
    tokens: new TokenWriter(log.storeId),
    pace,
    checks,
  };
}
