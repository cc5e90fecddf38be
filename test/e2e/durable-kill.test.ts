import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { startGateway } from '../tools/gateway.ts';
import { Patient } from '../tools/patient.ts';
import { Stories } from '../tools/stories.ts';
import { storyBooks } from '../tools/story-books.ts';
import { mulberry32 } from '../tools/workload.ts';
import { mortalNode, scratchDir } from './scratch.ts';

/** By hand: `SOAK_KILLS=200 SOAK_SEED=7 npx vitest run test/e2e/durable-kill.test.ts`. */
const KILLS = Number(process.env['SOAK_KILLS'] ?? 4);
const SEED = Number(process.env['SOAK_SEED'] ?? Date.now() % 1_000_000);
const CLIENTS = 24;
/** A life ends a moment after so many stories were told in it, or when it is old. */
const MAX_TOLD = 30;
const MAX_LIFE_MS = 2_000;
/** How runs come back from a stream: all at once, from snapshots of open runs, or out of memory. */
const LIMITS = [
  {},
  { PERDURE_LIMIT_PASSIVATE_AFTER: '0ms', PERDURE_LIMIT_SNAPSHOT_EVERY: '3' },
  { PERDURE_LIMIT_PASSIVATE_AFTER: '500ms', PERDURE_LIMIT_SNAPSHOT_EVERY: '10' },
];

test('kill -9 under a load of orders, transfers, approvals and batches: every one has one outcome, and stock, money and decisions add up', {
  timeout: 60_000 + KILLS * 10_000,
}, async () => {
  const limits = LIMITS[SEED % LIMITS.length];
  console.log(`durable kill test: seed ${SEED}`, limits);
  const cast = { seed: SEED, accounts: 4, skus: 5 };
  // A slow charge takes a tenth of its time here; it is still the likeliest thing to be cut off.
  const gateway = await startGateway((ms) => delay(ms / 10));
  try {
    const node = await mortalNode({
      dataDir: await scratchDir(),
      env: { PERDURE_PAYMENTS_URL: gateway.url, ...limits },
    });
    const client = new Patient(() => node.url());
    const stories = new Stories(client, cast);
    await stories.opening();
    const random = mulberry32(SEED);
    let isOver = false;
    const playing = Array.from({ length: CLIENTS }, async () => {
      while (!isOver) await stories.next();
    });
    const killing = (async () => {
      for (let kill = 0; kill < KILLS; kill += 1) {
        await lived(stories, Math.floor(random() * MAX_TOLD), random() * 50);
        await node.reborn();
      }
      isOver = true;
    })();
    await Promise.all([killing, ...playing]);
    expect(client.lost, 'the kills hit requests under way').toBeGreaterThan(KILLS);

    const books = await storyBooks(client, await node.url(), cast, stories.told, gateway.ledger());
    console.log(
      `durable kill test: ${stories.told.length} stories, ${client.lost} requests lost, ${client.joined} told to come back`,
      books.ends,
    );
    expect(books.problems).toEqual([]);
    await node.reborn();
    const again = await storyBooks(client, await node.url(), cast, stories.told, gateway.ledger());
    expect(again.problems, 'the same after one more start').toEqual([]);
    await repeated(client, stories);

    const [first, ...others] = stories.told.filter(({ type }) => type === 'order');
    if (first === undefined) throw new Error('no order was played');
    const lied = [...others, { ...first, outcome: { result: { status: 'completed', total: 1 } } }];
    expect(
      (await storyBooks(client, await node.url(), cast, lied, gateway.ledger())).problems,
      'books that always balance prove nothing',
    ).not.toEqual([]);
  } finally {
    await gateway.stop();
  }
});

/** Waits until so many more stories are told, but not for ever: the next ones may all be waiting; then a moment more. */
async function lived(stories: Stories, more: number, momentMs: number): Promise<void> {
  const [enough, oldMs] = [stories.told.length + more, performance.now() + MAX_LIFE_MS];
  while (stories.told.length < enough && performance.now() < oldMs) await delay(5);
  await delay(momentMs);
}

/** Every workflow that was accepted is asked for once more under its key, and under another: both are told the first outcome. */
async function repeated(client: Patient, stories: Stories): Promise<void> {
  for (const { type, id, name, payload, key, outcome } of stories.told) {
    if (outcome.result === undefined) continue;
    for (const asked of [key, `${key}-again`]) {
      const { body } = await client.post(`entities/${type}/${id}/updates/${name}`, payload, { key: asked });
      expect(body, `${type}/${id} under ${asked}`).toMatchObject({ result: outcome.result });
    }
  }
}
