import { expect, test } from 'vitest';
import { audit } from '../tools/audit.ts';
import { get, type HistoryEvent } from '../tools/http.ts';
import { Ledger } from '../tools/ledger.ts';
import { Workload } from '../tools/workload.ts';
import { scratchDir, testNode } from './scratch.ts';

test('an entity that leaves memory after every turn has the same history and answers as one that stays', { timeout: 60_000 }, async () => {
  const [stays, leaves] = await Promise.all([life('1h'), life('0ms')]);
  expect(stays.passivations).toBe(0);
  expect(leaves.passivations, 'it really leaves').toBeGreaterThan(300);
  expect(stays.problems).toEqual([]);
  expect(leaves.problems).toEqual([]);
  expect(leaves.answers).toEqual(stays.answers);
  expect(leaves.histories).toEqual(stays.histories);
});

/** The same requests, one after another, under one time of passivation. */
async function life(passivateAfter: string) {
  const node = await testNode({ dataDir: await scratchDir(), env: { PERDURE_LIMIT_PASSIVATE_AFTER: passivateAfter } });
  const ledger = new Ledger();
  const workload = new Workload({ seed: 20_26, carts: 6, accounts: 3, skus: 3 });
  for (const request of workload.opening()) await ledger.send(node.url, request);
  for (let n = 0; n < 400; n += 1) await ledger.send(node.url, workload.next());
  await ledger.repeatAccepted(node.url);
  const { problems, histories } = await audit(node.url, ledger);
  const metrics = String((await get(`${node.url}/metrics`)).body);
  return {
    problems,
    answers: JSON.parse(withoutChance([...ledger.answers])) as unknown,
    histories: Object.fromEntries([...histories].map(([address, history]) => [address, history.map(essence)])),
    passivations: Number(/^perdure_passivations_total (\d+)$/m.exec(metrics)?.[1]),
  };
}

/** What does not depend on when it happened. Journal records stay: a wake-up that only one of the two owes would be a difference. */
function essence({ revision, type, data, metadata: { signal, name, res } }: HistoryEvent): unknown {
  return JSON.parse(withoutChance({ revision, type, data: type === 'perdure:Wake' ? null : data, signal, name, res }));
}

/** Order ids are random. */
function withoutChance(value: unknown): string {
  return JSON.stringify(value).replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '(uuid)');
}
