import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { get, type HttpAnswer, post } from '../../tools/http.ts';
import { type NodeProcess, startNode } from '../../tools/node-process.ts';

/** One node for a file of tests, with the reference entities; each test takes ids of its own. `npm test` runs these files twice, the second time with `PERDURE_LIMIT_PASSIVATE_AFTER=0ms`. */
export interface Shop {
  update(address: string, name: string, payload?: unknown, key?: string): Promise<HttpAnswer>;
  signal(address: string, name: string, payload?: unknown, key?: string): Promise<HttpAnswer>;
  query(address: string, name: string): Promise<unknown>;
  /** `GET` of a path below `/v1`. */
  read(path: string, position?: unknown): Promise<HttpAnswer>;
  /** `POST` of a path below `/v1`. */
  write(path: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<HttpAnswer>;
  /** Kills the node with -9 and starts it again. */
  crash(): Promise<void>;
}

/** Call it at the top of a file. */
export function shop(): Shop {
  let node: NodeProcess;
  let dataDir: string;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'perdure-e2e-'));
    node = await startNode({ dataDir });
  });
  afterAll(async () => {
    await node.kill();
    await rm(dataDir, { recursive: true, force: true });
  });
  const send =
    (kind: string) =>
    (address: string, name: string, payload: unknown = {}, key?: string) =>
      post(`${node.url}/v1/entities/${address}/${kind}/${name}`, payload, key === undefined ? {} : { key });
  return {
    update: send('updates'),
    signal: send('signals'),
    query: async (address, name) => (await get(`${node.url}/v1/entities/${address}/queries/${name}`)).body,
    read: (path, position) => get(`${node.url}/v1/${path}`, position === undefined ? {} : { 'perdure-position': String(position) }),
    write: (path, body, headers = {}) => post(`${node.url}/v1/${path}`, body, { headers }),
    crash: async () => {
      await node.kill();
      node = await startNode({ dataDir });
    },
  };
}
