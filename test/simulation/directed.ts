import type { EntityDefinition } from '../../runtime/core/definition/erased.ts';
import type { HostLimits } from '../../runtime/host/context.ts';
import { Cluster } from '../../runtime/testing/simulation/cluster.ts';
import { Dice } from '../../runtime/testing/simulation/dice.ts';
import { type Faults, NO_FAULTS } from '../../runtime/testing/simulation/faults.ts';
import { History, type Request } from '../../runtime/testing/simulation/history.ts';
import type { Wrapping } from '../../runtime/testing/simulation/node.ts';
import { World } from '../../runtime/testing/simulation/world.ts';
import { type Cast, DEFINITIONS, DURABLE_CAST, PROJECTIONS } from './casts.ts';
import { Outside } from './knot/outside.ts';
import { LogFold } from './log-fold.ts';
import { defectiveTangle, soundTangle } from './tangle.ts';
import type { Asked } from './wishes.ts';

const TANGLES: Cast = { sound: [soundTangle], defective: [defectiveTangle], projections: PROJECTIONS };

interface DirectedOptions {
  readonly limits?: Partial<HostLimits>;
  readonly faults?: Partial<Faults>;
  readonly wrapping?: Wrapping;
  /** The entity of durable handlers, in place of that of plain ones. */
  readonly isDurable?: boolean;
}

/** A world of one node that a test leads by the hand: nothing goes wrong in it but what the test asks for. */
export class Directed {
  readonly world: World;
  readonly cluster: Cluster;
  readonly fold: LogFold;
  readonly outside: Outside;
  /** What the next node runs. */
  definitions: readonly EntityDefinition[];
  readonly #history = new History();
  readonly #cast: Cast;

  constructor(options: DirectedOptions = {}) {
    const dice = new Dice('directed');
    this.#cast = options.isDurable === true ? DURABLE_CAST : TANGLES;
    this.definitions = this.#cast.sound;
    this.world = new World(dice);
    this.outside = new Outside(this.world, dice.fork('outside'), () => this.cluster);
    this.cluster = new Cluster({
      world: this.world,
      dice,
      faults: { ...NO_FAULTS, ...options.faults },
      nodes: 1,
      definitions: () => this.definitions,
      projections: this.#cast.projections,
      activities: (life) => (options.isDurable === true ? this.outside.activities(life) : []),
      limits: options.limits ?? {},
      wrapping: options.wrapping ?? {},
    });
    this.fold = new LogFold(this.cluster.log, DEFINITIONS);
  }

  /** Starts the node; `defective` with the older code. */
  async start(defective = false): Promise<void> {
    this.definitions = defective ? this.#cast.defective : this.#cast.sound;
    this.cluster.start();
    await this.pass(10);
  }

  /** Lets time pass. */
  async pass(forMs: number): Promise<void> {
    await this.world.run({ forMs, maxSteps: 100_000 });
  }

  /** Crashes the node and waits until the next one runs. */
  async restart(): Promise<void> {
    this.cluster.redeploy();
    await this.world.run({ finished: () => this.cluster.running.length > 0, forMs: 10_000 });
  }

  /** Sends a message with a key; the answers are in the request's attempts. */
  send(asked: Asked, wants: Request['wants'] = 'durability'): Request {
    const number = this.#history.requests.length + 1;
    const request = this.#history.add({ ...asked, from: 'test', number, wants, key: `test:${number}` });
    void this.node.deliver(request, `test:${number}`);
    return request;
  }

  get node() {
    const [node] = this.cluster.running;
    if (node === undefined) throw new Error('no node runs');
    return node;
  }

  /** Types of the records of a stream, and what they say. */
  records(stream: string): readonly { readonly type: string; readonly data: unknown; readonly time: number }[] {
    this.fold.update();
    return this.fold.turns
      .filter((turn) => turn.stream === stream)
      .flatMap(({ records, time }) => records.map(({ type, data }) => ({ type, data, time })));
  }

  /** The data of all records of a type in a stream. */
  data(stream: string, type: string): readonly unknown[] {
    return this.records(stream)
      .filter((record) => record.type === type)
      .map(({ data }) => data);
  }
}
