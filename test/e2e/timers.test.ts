import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { get, post, wholeHistory } from '../tools/http.ts';
import { scratchDir, testNode } from './scratch.ts';

const program = fileURLToPath(new URL('programs/alarm.mjs', import.meta.url));

test('timers that fell due while the process was down fire after the restart, once, and those that are not due wait', async () => {
  const dataDir = await scratchDir();
  const first = await testNode({ dataDir, program });
  const set = (id: string, label: string, ms: number) =>
    post(`${first.url}/v1/entities/alarm/${id}/signals/set`, { label, ms }, { key: `${id}-${label}` });
  for (let n = 0; n < 20; n += 1) expect((await set(`a${n}`, 'soon', 1_500)).status).toBe(202);
  expect((await set('a0', 'later', 3_600_000)).status).toBe(202);
  await first.kill();
  await new Promise((resolve) => setTimeout(resolve, 1_600));

  const second = await testNode({ dataDir, program });
  for (let n = 0; n < 20; n += 1) {
    await vi.waitFor(async () => expect((await get(`${second.url}/v1/entities/alarm/a${n}/queries/rung`)).body).toEqual(['soon']), {
      timeout: 10_000,
    });
  }
  await second.kill();
  const third = await testNode({ dataDir, program });
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  for (let n = 0; n < 20; n += 1) {
    const history = await wholeHistory(third.url, 'alarm', `a${n}`);
    expect(history.filter(({ type }) => type === 'Rang').map(({ data }) => data)).toEqual([{ label: 'soon' }]);
  }
});
