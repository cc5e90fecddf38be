import { setTimeout as delay } from 'node:timers/promises';
import { type Exit, type NodeOptions, type NodeProcess, startNode } from './node-process.ts';

/**
 * A node that is killed and started again on its directory, at an address that changes with every life. Whoever asks it waits for the next life.
 */
export class MortalNode {
  readonly #options: NodeOptions;
  readonly #outputs: string[] = [];
  #node: Promise<NodeProcess>;
  #lives = 1;

  private constructor(options: NodeOptions, node: NodeProcess) {
    this.#options = options;
    this.#node = Promise.resolve(node);
  }

  /** Its first life. Throws with its output if it does not become ready. */
  static async born(options: NodeOptions): Promise<MortalNode> {
    return new MortalNode(options, await startNode(options));
  }

  get lives(): number {
    return this.#lives;
  }

  /** The address of this life; if it is dead, of the next. */
  async url(): Promise<string> {
    return (await this.#node).url;
  }

  /** The process of this life. */
  async process(): Promise<NodeProcess> {
    return this.#node;
  }

  /** Ends this life with kill -9 and, after `downMs`, begins the next one, with other options where they are given. */
  async reborn(options: Partial<NodeOptions> = {}, downMs = 0): Promise<void> {
    await this.#next(async (node) => {
      await node.kill();
      await delay(downMs);
    }, options);
  }

  /** Ends this life as SIGTERM does and begins the next one; answers how it ended. */
  async restarted(options: Partial<NodeOptions> = {}): Promise<Exit> {
    return this.#next((node) => node.stop(), options);
  }

  /** What it printed in all its lives. */
  async output(): Promise<string> {
    return [...this.#outputs, (await this.#node).output()].join('');
  }

  /** kill -9, and no life after it. */
  async end(): Promise<void> {
    await (await this.#node).kill();
  }

  async #next<T>(end: (node: NodeProcess) => Promise<T>, options: Partial<NodeOptions>): Promise<T> {
    const node = await this.#node;
    const ended = end(node);
    this.#node = ended.then(async () => {
      this.#outputs.push(node.output());
      return startNode({ ...this.#options, ...options });
    });
    this.#lives += 1;
    await this.#node;
    return ended;
  }
}
