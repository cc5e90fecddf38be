import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startGateway } from '../tools/gateway.ts';
import { get, post } from '../tools/http.ts';
import { Patient } from '../tools/patient.ts';
import { Stories } from '../tools/stories.ts';
import { storyBooks } from '../tools/story-books.ts';
import { Duties } from './duties.ts';
import { mortalNode, scratchDir } from './scratch.ts';

test('SIGTERM with runs open: whoever waits is told to join again, what is open goes on at the next start, and nothing is lost', async () => {
  const duties = await Duties.begun({ env: { PERDURE_DRAIN: '500ms' } });
  onTestFinished(() => duties.close());
  const url = await duties.node.url();
  const asked = (id: string, name: string, payload: unknown) => post(`${url}/v1/entities/duty/${id}/updates/${name}`, payload, { key: id });
  const waiting = [
    asked('works', 'work', { job: 'works' }),
    asked('asks', 'ask', { thenMs: 0 }),
    asked('calls', 'visit', { id: 'called', job: 'called' }),
  ];
  const works = await duties.jobs.next('works');
  const called = await duties.jobs.next('called');
  const token = await duties.token('asks');
  const watched = get(`${url}/v1/entities/duty/works/runs/works?wait=20s`);
  await vi.waitFor(async () => expect((await get(`${url}/metrics`)).body).toMatch(/^perdure_runs_waited_for 4$/m));
  const ended = duties.node.restarted();
  const told = await Promise.all(waiting);
  for (const { status, body, headers } of told) {
    expect({ status, body }).toMatchObject({ status: 503, body: { code: 'draining', signalId: expect.any(String) } });
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  }
  expect((await watched).body, 'whoever only looks is told how it stands').toMatchObject({ status: 'running' });
  expect(await ended).toMatchObject({ code: 0, signal: null });

  const next = await duties.node.url();
  const joined = ['works', 'asks', 'calls'].map((id) => get(`${next}/v1/entities/duty/${id}/runs/${id}?wait=20s`));
  for (const before of [works, called]) {
    const again = await duties.jobs.next(before.name);
    expect(again).toMatchObject({ attempt: 2, key: before.key });
    again.done('done');
  }
  expect((await duties.complete(token, 'yes')).status).toBe(200);
  expect((await Promise.all(joined)).map(({ body }) => body)).toMatchObject([
    { status: 'completed', result: 'done' },
    { status: 'completed', result: 'yes' },
    { status: 'completed', result: 'visited done' },
  ]);
});

test('SIGTERM under a load of orders, transfers, approvals and batches, again and again: every one has one outcome, and all adds up', {
  timeout: 60_000,
}, async () => {
  const cast = { seed: 33, accounts: 3, skus: 3 };
  const gateway = await startGateway((ms) => delay(ms / 10));
  onTestFinished(() => gateway.stop());
  const node = await mortalNode({ dataDir: await scratchDir(), env: { PERDURE_PAYMENTS_URL: gateway.url } });
  const client = new Patient(() => node.url());
  const stories = new Stories(client, cast);
  await stories.opening();
  let isOver = false;
  const playing = Array.from({ length: 12 }, async () => {
    while (!isOver) await stories.next();
  });
  for (let stops = 0; stops < 2; stops += 1) {
    await delay(500);
    expect(await node.restarted()).toMatchObject({ code: 0, signal: null });
  }
  isOver = true;
  await Promise.all(playing);
  const books = await storyBooks(client, await node.url(), cast, stories.told, gateway.ledger());
  expect(books.problems).toEqual([]);
  expect(stories.told.length).toBeGreaterThan(12);
});
