import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { get, post } from '../tools/http.ts';
import { refusedNode } from '../tools/node-process.ts';
import { scratchDir, testNode } from './scratch.ts';

const FIRST_SEGMENT = 'log/0000000000000000.log';
const LOCAL = { PERDURE_PORT: '0' };

/** A data directory with so many deposits, each one block of the log; the node is stopped. */
async function filledDir(deposits: number): Promise<string> {
  const dataDir = await scratchDir();
  const node = await testNode({ dataDir });
  await post(`${node.url}/v1/entities/account/a/updates/open`, { owner: 'Ada' });
  for (let n = 0; n < deposits; n += 1) await post(`${node.url}/v1/entities/account/a/updates/deposit`, { amount: 1 });
  await node.kill();
  return dataDir;
}

test('a second process on the same directory is refused with a readable line, and the first is unharmed', async () => {
  const dataDir = await scratchDir();
  const first = await testNode({ dataDir });
  const second = await refusedNode({ dataDir, env: LOCAL });
  expect(second.code).toBe(1);
  expect(second.output).toContain(`The data directory ${dataDir} is in use by another process. [store-in-use]`);
  expect(second.output).not.toMatch(/\n\s+at /);

  expect((await post(`${first.url}/v1/entities/account/a/updates/open`, { owner: 'Ada' })).status).toBe(200);
  expect((await get(`${first.url}/readyz`)).status).toBe(200);
  expect((await first.stop()).code).toBe(0);
});

test('a log that is damaged before its end is refused with file and position, and nothing is changed', async () => {
  const dataDir = await filledDir(20);
  const path = join(dataDir, FIRST_SEGMENT);
  const log = await readFile(path);
  const at = log.indexOf('Deposited');
  expect(at).toBeGreaterThan(0);
  const file = await open(path, 'r+');
  await file.write(Buffer.from([(log[at] ?? 0) ^ 1]), 0, 1, at);
  await file.close();
  const damaged = await readFile(path);

  const refused = await refusedNode({ dataDir, env: LOCAL });
  expect(refused.code).toBe(1);
  expect(refused.output).toMatch(/The log is damaged in \S*0000000000000000\.log at byte \d+ \(position \d+\)\. \[store-corrupt\]/);
  expect((await readFile(path)).equals(damaged)).toBe(true);
});

test('a directory of a newer format is refused, and nothing is changed', async () => {
  const dataDir = await filledDir(1);
  const path = join(dataDir, 'store.json');
  const identity = JSON.parse(await readFile(path, 'utf8')) as { format: number };
  const newer = JSON.stringify({ ...identity, format: identity.format + 1 });
  await writeFile(path, newer);

  const refused = await refusedNode({ dataDir, env: LOCAL });
  expect(refused.code).toBe(1);
  expect(refused.output).toContain(`The data directory has format ${identity.format + 1}`);
  expect(refused.output).toContain('[store-too-new]');
  expect(await readFile(path, 'utf8')).toBe(newer);
});

test('a setting that is not known, and one that is not understood, stop the start by name', async () => {
  const dataDir = await scratchDir();
  const unknown = await refusedNode({ dataDir, env: { PERDURE_PROT: '8080' } });
  expect(unknown).toMatchObject({ code: 1, output: expect.stringContaining('PERDURE_PROT is not a setting') });
  const wrong = await refusedNode({ dataDir, env: { PERDURE_DRAIN: 'soon' } });
  expect(wrong).toMatchObject({ code: 1, output: expect.stringContaining("PERDURE_DRAIN is 'soon'") });
  const later = await refusedNode({ dataDir, env: { PERDURE_KAFKA_BROKERS: '127.0.0.1:9092' } });
  expect(later).toMatchObject({ code: 1, output: expect.stringContaining('does not support signals from Kafka') });
});
