import { memoryOf } from '../lib/machine.ts';
import type { Sample } from './samples.ts';

/** Where a node is, and which batch it is to run. */
export interface BatchLoad {
  readonly port: number;
  readonly pid: number;
  readonly id: string;
  readonly tasks: number;
  readonly childSize: number;
}
export interface Tally {
  readonly done: number;
  readonly failed: number;
  readonly sum: number;
}

/**
 * Starts a batch over HTTP and samples what it has done and the memory of the node's process every `everyMs` until its run has ended. Throws if the run
 * ends in any other way than by completing with every task done and the right sum, and if nothing more is done for a minute.
 */
export async function runBatch(load: BatchLoad, everyMs: number): Promise<readonly Sample[]> {
  const entity = `http://127.0.0.1:${load.port}/v1/entities/batch/${load.id}`;
  const body = JSON.stringify({ tasks: load.tasks, childSize: load.childSize, first: 0 });
  const headers = { 'content-type': 'application/json', 'idempotency-key': load.id };
  const began = performance.now();
  const memory = () => memoryOf(load.pid);
  const samples: Sample[] = [{ ms: 0, done: 0, memory: memory() }];
  await json(await fetch(`${entity}/signals/start`, { method: 'POST', headers, body }));
  for (let advancedAt = began; ; ) {
    await new Promise((resolve) => setTimeout(resolve, everyMs));
    const run = (await json(await fetch(`${entity}/runs/${load.id}`))) as { status: string; result?: Tally };
    if (run.status === 'completed') {
      expectWhole(load, run.result);
      samples.push({ ms: performance.now() - began, done: load.tasks, memory: memory() });
      return samples;
    }
    if (!OPEN.has(run.status)) throw new Error(`the batch ended: ${JSON.stringify(run)}`);
    const { state } = (await json(await fetch(entity))) as { state: Tally };
    const now = performance.now();
    if (state.done > (samples.at(-1)?.done ?? 0)) advancedAt = now;
    if (now - advancedAt > STUCK_MS) throw new Error(`nothing was done for a minute at ${state.done} of ${load.tasks} tasks`);
    samples.push({ ms: now - began, done: state.done, memory: memory() });
  }
}
const OPEN = new Set(['queued', 'held', 'running']);
const STUCK_MS = 60_000;

function expectWhole({ tasks }: BatchLoad, result: Tally | undefined): void {
  const sum = (tasks * (tasks - 1)) / 2;
  if (result?.done !== tasks || result.failed !== 0 || result.sum !== sum)
    throw new Error(`the batch completed with ${JSON.stringify(result)}, not ${tasks} done and the sum ${sum}`);
}

async function json(response: Response): Promise<unknown> {
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}: ${text.slice(0, 500)}`);
  return JSON.parse(text);
}
