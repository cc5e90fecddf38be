import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { get, post } from '../tools/http.ts';
import { scratchDir, testNode } from './scratch.ts';

const program = fileURLToPath(new URL('programs/notes.mjs', import.meta.url));
const MIB = 1024 * 1024;

test('more than the limits allow is answered 503 with retry-after before memory grows, and all goes on afterwards', {
  timeout: 60_000,
}, async () => {
  const limits = {
    PERDURE_LIMIT_MAX_QUEUED_MESSAGES: '50',
    PERDURE_LIMIT_MAX_QUEUED_BYTES: '1MiB',
    PERDURE_LIMIT_MAX_MAILBOX_MESSAGES: '20',
  };
  const node = await testNode({ dataDir: await scratchDir(), program, env: limits });
  const text = 'x'.repeat(60_000);
  const add = (n: number) => post(`${node.url}/v1/entities/notes/n${n % 50}/signals/add`, { text }, { key: `k${n}` });
  const answers = [];
  for (let n = 0; n < 20; n += 1) answers.push(await add(n));
  const before = await residentBytes(node.pid);

  const client = async (_: unknown, n: number) => {
    for (let round = 0; round < 8; round += 1) answers.push(await add(1_000 + n * 8 + round));
  };
  await Promise.all(Array.from({ length: 250 }, client));
  const refused = answers.filter(({ status }) => status === 503);
  expect(refused.length, 'the burst is over the limits').toBeGreaterThan(100);
  expect(answers.length - refused.length, 'what fits is taken').toBeGreaterThan(50);
  for (const { body, headers } of refused) {
    expect(body).toMatchObject({ code: 'overloaded' });
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  }
  expect(answers.filter(({ status }) => status !== 202 && status !== 503)).toEqual([]);
  const grownBy = (await residentBytes(node.pid)) - before;
  expect(grownBy, `${Math.round(grownBy / MIB)} MiB more than before the burst of ${Math.round((2_000 * 60_000) / MIB)} MiB`).toBeLessThan(
    250 * MIB,
  );

  const metrics = String((await get(`${node.url}/metrics`)).body);
  expect(metrics).toMatch(new RegExp(`^perdure_overloaded_total ${refused.length}$`, 'm'));
  expect(metrics).toMatch(/^perdure_queued_messages 0$/m);
  expect((await add(9_999)).status).toBe(202);
});

/** Resident memory of a process, as Linux tells it. */
async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}
