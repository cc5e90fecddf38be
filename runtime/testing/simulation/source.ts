import type { Cluster } from './cluster.ts';
import type { Dice } from './dice.ts';
import type { History, Request, Wish } from './history.ts';
import type { SimulatedNode } from './node.ts';
import type { World } from './world.ts';

/** Messages of a source on their way at once. */
const WINDOW = 4;

/**
 * A source of signals with exact places, as a partition of Kafka is: it delivers in order, and after a crash, or just so, again from a place
 * before. With `everywhere` all nodes get everything at the same time, as after a rebalance that one of them has not heard of.
 */
export class SimulatedSource {
  readonly #world: World;
  readonly #cluster: Cluster;
  readonly #dice: Dice;
  readonly #requests: readonly Request[];
  readonly #everywhere: boolean;
  #finished = 0;

  /** `wishes` are delivered in this order; the mark of each is its place in it. */
  constructor(
    name: string,
    wishes: readonly Omit<Wish, 'from' | 'number' | 'mark'>[],
    parts: {
      readonly world: World;
      readonly cluster: Cluster;
      readonly history: History;
      readonly dice: Dice;
      readonly everywhere: boolean;
    },
  ) {
    this.#world = parts.world;
    this.#cluster = parts.cluster;
    this.#dice = parts.dice.fork(name);
    this.#everywhere = parts.everywhere;
    this.#requests = wishes.map((wish, at) =>
      parts.history.add({ ...wish, from: name, number: at + 1, mark: { source: name, position: at, index: 0 } }),
    );
  }

  /** Delivers everything. Resolves when every message has its end at some node. */
  async run(): Promise<void> {
    while (this.#finished < this.#requests.length) {
      const nodes = this.#cluster.running;
      if (nodes.length === 0) await this.#world.sleep(100, 'source looks for a node');
      else if (this.#everywhere) await Promise.all(nodes.map((node) => this.#feed(node)));
      else await this.#feed(this.#dice.pick(nodes));
    }
  }

  /** Feeds one node from the first message that has no end yet, until all have one or the node is gone. */
  async #feed(node: SimulatedNode): Promise<void> {
    const rewind = this.#dice.chance(this.#cluster.faults.duplicate) ? this.#dice.int(0, 5) : 0;
    if (rewind > 0) this.#cluster.faultLog.add('redelivery');
    const underWay: Promise<boolean>[] = [];
    for (let at = Math.max(0, this.#finished - rewind); at < this.#requests.length; at += 1) {
      const request = this.#requests[at];
      if (request === undefined) break;
      underWay.push(this.#deliver(node, request));
      if (underWay.length >= WINDOW && !(await underWay.shift())) break;
      await this.#world.sleep(this.#dice.int(0, 60), 'source goes on');
      // A rebalance: the rest goes on elsewhere, from where the ends are known.
      if (!node.running || this.#dice.chance(this.#cluster.faults.duplicate / 4)) break;
    }
    await Promise.all(underWay);
    while (this.#requests[this.#finished]?.final !== undefined) this.#finished += 1;
  }

  /** True when the message has its end. */
  async #deliver(node: SimulatedNode, request: Request): Promise<boolean> {
    const answer = await node.deliver(request, `${request.from}/${request.number}`);
    if (answer === undefined) return false;
    request.final ??= answer;
    return true;
  }
}
