import { type Runtime, start } from 'perdure/host';
import { freePort } from '../lib/service.ts';
import { Walk, walks } from './program.ts';

/** Far more records than any run here leaves. */
export const NO_SNAPSHOTS = 1_000_000_000;
export const DEFAULT_SNAPSHOTS = 200;
const IN_PRODUCTION = 'production';
const RUNS_AT_ONCE = 32;

async function open(dataDir: string, passivateAfter: number, snapshotEvery: number, waiting: (id: string, token: string) => void) {
  // As the `perdure` command is run: the checks of development would be measured too.
  process.env['NODE_ENV'] = IN_PRODUCTION;
  return start(walks({ passivateAfter, snapshotEvery }, waiting), { dataDir, port: await freePort(), host: '127.0.0.1', logLevel: 'warn' });
}

/** Starts a run of `steps` in each entity, waits until all wait for their callbacks and owe nothing else, stops the node. Answers the tokens by id. */
export async function fill(
  dataDir: string,
  snapshotEvery: number,
  ids: readonly string[],
  steps: number,
): Promise<ReadonlyMap<string, string>> {
  const tokens = new Map<string, string>();
  const node = await open(dataDir, 300_000, snapshotEvery, (id, token) => void tokens.set(id, token));
  try {
    for (let at = 0; at < ids.length; at += RUNS_AT_ONCE) {
      const some = ids.slice(at, at + RUNS_AT_ONCE);
      await Promise.all(some.map((id) => node.client.signal(Walk(id).start({ steps }), { id: runOf(id) })));
      for (const id of some) await eventually(`${id} waits for its callback`, async () => tokens.has(id) && owesItsCallbackOnly(node, id));
    }
  } finally {
    await node.stop();
  }
  return tokens;
}

/** A node on the same directory whose entities leave memory after every turn, so that whatever comes next brings them back. */
export function reopen(dataDir: string, snapshotEvery: number): Promise<Runtime> {
  return open(dataDir, 0, snapshotEvery, (id) => {
    throw new Error(`${id} handed its token over a second time: its run was not waiting for its callback alone`);
  });
}

/** Asks again every few milliseconds. Throws when a condition does not come true within two minutes. */
async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const until = Date.now() + 120_000; !(await holds()); ) {
    if (Date.now() > until) throw new Error(`not within two minutes: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Signal id of the run of an entity. */
export const runOf = (id: string): string => `run-${id}`;

async function owesItsCallbackOnly(node: Runtime, id: string): Promise<boolean> {
  const { owes } = (await json(`${node.url}/v1/entities/walk/${id}?consistency=strong`)) as { owes: { kind: string }[] };
  return owes.every(({ kind }) => kind === 'callback') && owes.length === 1;
}

/** The body of a request's answer. Throws for an answer that is not 2xx. */
export async function json(url: string, body?: unknown): Promise<unknown> {
  const response = await fetch(
    url,
    body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) },
  );
  const answer = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${answer.slice(0, 500)}`);
  return JSON.parse(answer);
}
