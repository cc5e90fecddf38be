import type { Answer } from '../../core/answer.ts';
import { errorSpec } from '../../core/errors.ts';
import type { Cluster } from './cluster.ts';
import type { Dice } from './dice.ts';
import type { History, Request, Wish } from './history.ts';
import type { SimulatedNode } from './node.ts';
import type { World } from './world.ts';

/**
 * A client that does what the documentation tells it: repeats a request with the same key until it has an answer that is final, and now and
 * then repeats it though it need not.
 */
export class SimulatedClient {
  readonly name: string;
  readonly #world: World;
  readonly #cluster: Cluster;
  readonly #history: History;
  readonly #dice: Dice;
  readonly #patienceMs: number | undefined;
  #number = 0;

  /** `patienceMs`: how long it waits for an answer before it asks again; absent: for ever. */
  constructor(
    name: string,
    parts: {
      readonly world: World;
      readonly cluster: Cluster;
      readonly history: History;
      readonly dice: Dice;
      readonly patienceMs?: number;
    },
  ) {
    this.name = name;
    this.#patienceMs = parts.patienceMs;
    this.#world = parts.world;
    this.#cluster = parts.cluster;
    this.#history = parts.history;
    this.#dice = parts.dice.fork(name);
  }

  /** The next number of this client: part of what it sends. */
  next(): number {
    this.#number += 1;
    return this.#number;
  }

  /** Sends a request and stays with it until its end. Without a key it is sent once; undefined if nobody knows what came of it. */
  async perform(wish: Omit<Wish, 'from'>): Promise<{ readonly request: Request; readonly answer: Answer | undefined }> {
    return this.#settle(this.#history.add({ ...wish, from: this.name }));
  }

  /** Sends several requests, each with a key, to one node at once, and stays with each until its end. */
  async burst(wishes: readonly (Omit<Wish, 'from'> & { readonly key: string })[]): Promise<void> {
    const requests = wishes.map((wish) => this.#history.add({ ...wish, from: this.name }));
    const node = await this.#node();
    const answers = await Promise.all(requests.map((request) => node.deliver(request, request.key ?? '')));
    const clean = answers.every((answer) => answer !== undefined && answer.kind !== 'failed');
    for (const [at, request] of requests.entries()) {
      const answer = answers[at];
      request.unordered = !clean;
      if (answer !== undefined && isFinal(answer)) request.final = answer;
      else await this.#settle(request);
    }
  }

  async #settle(request: Request): Promise<{ readonly request: Request; readonly answer: Answer | undefined }> {
    const signalId = request.key ?? this.#dice.id();
    for (;;) {
      const node = await this.#node();
      const { duplicate, withdraw } = this.#cluster.faults;
      const twice = request.key !== undefined && this.#dice.chance(duplicate);
      if (twice && this.#dice.chance(0.5)) this.#again(request, signalId);
      const takesBack = request.key !== undefined && this.#dice.chance(withdraw) ? this.#dice.int(0, 500) : this.#patienceMs;
      const answer = await node.deliver(request, signalId, takesBack);
      if (answer !== undefined && isFinal(answer)) {
        request.final = answer;
        if (twice) this.#again(request, signalId);
        return { request, answer };
      }
      if (request.key === undefined) return { request, answer };
      await this.#world.sleep(this.#dice.int(10, 1_000), `${this.name} retries`);
    }
  }

  /** Sends a request once more without waiting for it. */
  #again(request: Request, signalId: string): void {
    const nodes = this.#cluster.running;
    if (nodes.length === 0) return;
    this.#cluster.faultLog.add('duplicate');
    void this.#dice.pick(nodes).deliver(request, signalId);
  }

  /** A node that takes requests, as soon as there is one. */
  async #node(): Promise<SimulatedNode> {
    for (;;) {
      const nodes = this.#cluster.running;
      if (nodes.length > 0) return this.#dice.pick(nodes);
      await this.#world.sleep(100, `${this.name} looks for a node`);
    }
  }
}

/** Would the same request be answered like that again? */
export function isFinal(answer: Answer): boolean {
  return answer.kind !== 'failed' || errorSpec(answer.code).retry === 'never';
}
