import { fileURLToPath } from 'node:url';
import { expect, vi } from 'vitest';
import { field, get, type HistoryEvent, type HttpAnswer, post, wholeHistory } from '../tools/http.ts';
import { JobServer } from '../tools/job-server.ts';
import type { MortalNode } from '../tools/mortal-node.ts';
import type { NodeOptions } from '../tools/node-process.ts';
import { mortalNode, scratchDir } from './scratch.ts';

export const DUTIES = fileURLToPath(new URL('programs/duties.mjs', import.meta.url));

/** A node with the program `duties`, and the outside world that its activities ask. */
export class Duties {
  readonly node: MortalNode;
  readonly jobs: JobServer;

  private constructor(node: MortalNode, jobs: JobServer) {
    this.node = node;
    this.jobs = jobs;
  }

  /** On a new directory. Close it at the end of the test. */
  static async begun(options: Partial<NodeOptions> = {}): Promise<Duties> {
    const jobs = new JobServer();
    const env = { JOBS_URL: await jobs.listen(), ...options.env };
    return new Duties(await mortalNode({ dataDir: await scratchDir(), program: DUTIES, ...options, env }), jobs);
  }

  close(): Promise<void> {
    return this.jobs.close();
  }

  /** Sends a signal; its run has the id `{id}-{name}` unless a key is given. */
  async signal(id: string, name: string, payload: unknown, key = `${id}-${name}`): Promise<string> {
    const answer = await post(`${await this.#entity(id)}/signals/${name}`, payload, { key });
    expect(answer, JSON.stringify(answer.body)).toMatchObject({ status: 202 });
    return key;
  }

  async admin(id: string, verb: string, body: object = {}): Promise<HttpAnswer> {
    return post(`${await this.#entity(id)}/admin/${verb}`, { by: 'ops', why: 'a test', ...body });
  }

  async view(id: string): Promise<unknown> {
    const { status, body } = await get(await this.#entity(id));
    expect(status).toBe(200);
    return body;
  }

  /** What the runs of an entity came to, in order. */
  async told(id: string): Promise<unknown> {
    return (await get(`${await this.#entity(id)}/queries/told`)).body;
  }

  /** Waits until the runs of an entity have come to this. */
  async tells(id: string, ...texts: readonly string[]): Promise<void> {
    await vi.waitFor(async () => expect(await this.told(id)).toEqual(texts), { timeout: 15_000, interval: 20 });
  }

  async run(id: string, run: string, wait = '0ms'): Promise<HttpAnswer> {
    return get(`${await this.#entity(id)}/runs/${run}?wait=${wait}`);
  }

  async complete(token: string, result: unknown): Promise<HttpAnswer> {
    return post(`${await this.node.url()}/v1/callbacks/${token}`, { result });
  }

  async history(id: string): Promise<readonly HistoryEvent[]> {
    return wholeHistory(await this.node.url(), 'duty', id);
  }

  /** The data of an entity's records of one type, in order. */
  async records(id: string, type: string): Promise<readonly unknown[]> {
    return (await this.history(id)).filter((event) => event.type === `perdure:${type}`).map(({ data }) => data);
  }

  /** The token that a run of `ask` logged, whichever life of the node it was. */
  async token(run: string): Promise<string> {
    return vi.waitFor(async () => {
      const line = (await this.node.output()).split('\n').find((text) => text.includes('"token":') && text.includes(`"${run}"`));
      expect(line, `no token of ${run} was logged`).toBeDefined();
      return String(field(JSON.parse(line ?? ''), 'token'));
    });
  }

  async #entity(id: string): Promise<string> {
    return `${await this.node.url()}/v1/entities/duty/${id}`;
  }
}
