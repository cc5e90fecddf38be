import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { field, get, post, wholeHistory } from '../tools/http.ts';
import type { NodeProcess } from '../tools/node-process.ts';
import { WallClock } from './clock.ts';
import { DUTIES } from './duties.ts';
import { mortalNode, scratchDir } from './scratch.ts';

const COUNT = 10_000;
const PER_BATCH = 1_000;
const HOUR_MS = 3_600_000;
const MIB = 1024 * 1024;
/** Every other one sleeps in a run; the others have a timer that begins one. */
const KINDS = ['nap', 'alarm'] as const;
const RECORDS = [
  ['perdure:Scheduled', 'perdure:Resolved'],
  ['perdure:TimerSet', 'perdure:TimerFired'],
] as const;

test('ten thousand waits that are due in one second all end, once; meanwhile others are served, and memory stays bounded', {
  timeout: 90_000,
}, async () => {
  const clock = await WallClock.ahead(0);
  const node = await mortalNode({ dataDir: await scratchDir(), program: DUTIES, env: clock.env });
  const secondMs = Date.now() + HOUR_MS;
  for (let from = 0; from < COUNT; from += PER_BATCH) await asleep(await node.url(), from, secondMs);
  // A new process has none of them in memory: it wakes them, and all at the same time.
  await clock.set(secondMs - Date.now() - 2_500);
  await node.reborn();
  const life = await node.process();
  const before = await residentBytes(life);
  const latencies: number[] = [];
  const startedMs = performance.now();
  let isOver = false;
  let largest = 0;
  const asking = (async () => {
    for (let n = 0; !isOver; n += 1) {
      const askedMs = performance.now();
      expect((await post(`${life.url}/v1/entities/duty/other-${n % 50}/updates/nap`, { ms: 0 })).status).toBe(200);
      latencies.push(performance.now() - askedMs);
      largest = Math.max(largest, await residentBytes(life));
      await delay(50);
    }
  })();
  const all = () => COUNT + latencies.length;
  await vi.waitFor(async () => expect(await ended(life)).toBeGreaterThanOrEqual(all()), { timeout: 60_000, interval: 100 });
  const tookMs = Math.round(performance.now() - startedMs);
  isOver = true;
  await asking;
  await vi.waitFor(async () => expect(await ended(life)).toBe(all()));

  const late = await lateness(life.url);
  latencies.sort((a, b) => a - b);
  console.log(
    `rush: ${tookMs} ms from the start until all had ended; late by ${at(late, 0.5)} ms (median), ${at(late, 1)} ms (most); ` +
      `updates meanwhile ${at(latencies, 0.5)} ms (median), ${at(latencies, 1)} ms (slowest of ${latencies.length}); ` +
      `${Math.round((largest - before) / MIB)} MiB more than before`,
  );
  expect(largest - before, 'bytes more than before').toBeLessThan(400 * MIB);
  expect(at(latencies, 0.5), 'others are served meanwhile').toBeLessThan(1_000);
});

/** Sends a batch of waits that end within the second that begins at `secondMs`. */
async function asleep(url: string, from: number, secondMs: number): Promise<void> {
  const lines = Array.from({ length: PER_BATCH }, (_, n) => {
    const id = from + n;
    const ms = secondMs + (id % 1_000) - Date.now();
    const name = KINDS[id % 2];
    const payload = name === 'nap' ? { ms } : { ms, job: 'none' };
    return JSON.stringify({ type: 'duty', id: `d${id}`, name, payload, signalId: `d${id}-${name}` });
  });
  const { status, body } = await post(`${url}/v1/signals`, lines.join('\n'), { headers: { 'content-type': 'application/x-ndjson' } });
  expect(status).toBe(200);
  expect(
    String(body)
      .split('\n')
      .filter((line) => line.includes('"status":202')).length,
  ).toBe(PER_BATCH);
}

/** Runs that have ended in this process. */
async function ended({ url }: NodeProcess): Promise<number> {
  return Number(/^perdure_runs_ended_total (\d+)$/m.exec(String((await get(`${url}/metrics`)).body))?.[1]);
}

/** How late a sample of the waits ended, milliseconds, least first; each ended once. */
async function lateness(url: string): Promise<readonly number[]> {
  const late: number[] = [];
  for (let id = 0; id < COUNT; id += 101) {
    const history = await wholeHistory(url, 'duty', `d${id}`);
    const [set, over] = RECORDS[id % 2] ?? [];
    const dueAt = Number(field(history.find(({ type }) => type === set)?.data, 'dueAt'));
    const ends = history.filter(({ type }) => type === over);
    expect(ends.length, `d${id}`).toBe(1);
    late.push((ends[0]?.time ?? 0) - dueAt);
  }
  return late.sort((a, b) => a - b);
}

function at(sorted: readonly number[], share: number): number {
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN);
}

/** Resident memory of a process, as Linux tells it. */
async function residentBytes({ pid }: NodeProcess): Promise<number> {
  return Number(/VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}
