import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { field, get, type HttpAnswer, post, wholeHistory } from '../tools/http.ts';
import { scratchDir, testNode } from './scratch.ts';

const program = fileURLToPath(new URL('programs/notes.mjs', import.meta.url));

test('a message that its handler cannot stand parks its entity alone; corrected code and a retry handle all that was held, in order', async () => {
  const dataDir = await scratchDir();
  const broken = await testNode({ dataDir, program, env: { BROKEN: '1' } });
  const add = (url: string, id: string, text: string, kind = 'signals') =>
    post(`${url}/v1/entities/notes/${id}/${kind}/add`, { text }, { key: `${id}-${text}` });
  for (const text of ['one', 'two', 'poison', 'three', 'four']) expect((await add(broken.url, 'bad', text)).status, text).toBe(202);
  expect((await add(broken.url, 'good', 'fine', 'updates')).status, 'another entity goes on').toBe(200);

  const refused = await add(broken.url, 'bad', 'five', 'updates');
  expect(refused).toMatchObject({ status: 503, body: { code: 'parked' } });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(parkedOf(await get(`${broken.url}/v1/entities/notes/bad`))).toMatchObject({ signal: 'bad-poison', held: 3 });
  const retried = await post(`${broken.url}/v1/entities/notes/bad/admin/retry`, { by: 'ops', why: 'too early' });
  expect(retried, 'retried under the same code it fails again').toMatchObject({ status: 503, body: { code: 'parked' } });
  await broken.kill();

  const corrected = await testNode({ dataDir, program });
  expect(parkedOf(await get(`${corrected.url}/v1/entities/notes/bad`)), 'a restart alone releases nothing').toMatchObject({ held: 3 });
  expect((await post(`${corrected.url}/v1/entities/notes/bad/admin/retry`, { by: 'ops', why: 'corrected' })).status).toBe(200);
  await vi.waitFor(async () =>
    expect((await get(`${corrected.url}/v1/entities/notes/bad/queries/count`)).body).toEqual({ count: 5, last: 'four' }),
  );
  expect(parkedOf(await get(`${corrected.url}/v1/entities/notes/bad`))).toBeNull();
  expect((await add(corrected.url, 'bad', 'five', 'updates')).body).toMatchObject({ result: { count: 6 } });
  expect((await add(corrected.url, 'bad', 'poison')).status, 'its id is known').toBe(202);

  const history = await wholeHistory(corrected.url, 'notes', 'bad');
  const texts = history.filter(({ type }) => type === 'Added').map(({ data }) => field(data, 'text'));
  expect(texts).toEqual(['one', 'two', 'poison', 'three', 'four', 'five']);
});

function parkedOf(answer: HttpAnswer): unknown {
  expect(answer.status).toBe(200);
  return field(answer.body, 'parked');
}
