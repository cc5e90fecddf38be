import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { field, get, type HttpAnswer, post, wholeHistory } from '../tools/http.ts';
import { testNode } from './scratch.ts';
import { type SmallDisk, smallDisk } from './small-disk.ts';

const program = fileURLToPath(new URL('programs/notes.mjs', import.meta.url));

test('a full disk refuses with 503 and loses nothing; with room again the node goes on by itself', { timeout: 120_000 }, async () => {
  const disk = await smallDisk();
  try {
    await fillAndGrow(disk);
  } finally {
    disk.release();
  }
});

async function fillAndGrow(disk: SmallDisk): Promise<void> {
  const dataDir = `${disk.dir}/data`;
  const node = await testNode({ dataDir, program, ...(disk.through === undefined ? {} : { through: disk.through }) });
  const accepted: string[] = [];
  const add = async (key: string): Promise<HttpAnswer> => {
    const text = `${key} ${'x'.repeat(200_000)}`;
    const answer = await post(`${node.url}/v1/entities/notes/n/updates/add`, { text }, { key }).catch(async (error: unknown) => {
      throw new Error(`no answer to ${key}, exit ${JSON.stringify(await Promise.race([node.exited, 'none']))}: ${node.output()}`, {
        cause: error,
      });
    });
    if (answer.status === 200) accepted.push(key);
    return answer;
  };
  let refused: HttpAnswer | undefined;
  for (let n = 0; n < 400 && refused === undefined; n += 1) {
    const answer = await add(`k${n}`);
    if (answer.status !== 200) refused = answer;
  }
  expect(refused).toMatchObject({ status: 503, body: { code: 'store-full' } });
  expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(accepted.length).toBeGreaterThan(20);
  expect((await get(`${node.url}/v1/entities/notes/n/queries/count`)).body, 'reads go on').toMatchObject({ count: accepted.length });

  disk.grow(node.pid);
  await vi.waitFor(async () => expect((await add(`k${accepted.length}`)).status).toBe(200), { timeout: 30_000, interval: 500 });
  await node.kill();
  const next = await testNode({ dataDir, program });
  const history = await wholeHistory(next.url, 'notes', 'n');
  const present = history.filter(({ type }) => type === 'Added').map(({ data }) => String(field(data, 'text')).split(' ')[0]);
  expect(present).toEqual(accepted);
}
