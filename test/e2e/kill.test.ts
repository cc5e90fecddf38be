import { expect, test } from 'vitest';
import { audit } from '../tools/audit.ts';
import { Ledger } from '../tools/ledger.ts';
import type { NodeProcess } from '../tools/node-process.ts';
import { mulberry32, startClients, Workload } from '../tools/workload.ts';
import { scratchDir, testNode } from './scratch.ts';

const ROUNDS = 5;
const CLIENTS = 24;

test('kill -9 under load, round after round: what was acknowledged is there, once, and answers do not change', {
  timeout: 120_000,
}, async () => {
  const seed = Date.now() % 1_000_000;
  console.log(`kill test: seed ${seed}`);
  const dataDir = await scratchDir();
  const ledger = new Ledger();
  const workload = new Workload({ seed, carts: 12, accounts: 6, skus: 5 });
  const random = mulberry32(seed + 1);

  let node = await testNode({ dataDir });
  for (const request of workload.opening()) await ledger.send(node.url, request);
  let interrupted = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    await killUnderLoad(node, ledger, workload, 200 + Math.floor(random() * 600), random() * 20);
    interrupted += ledger.unsettled.length;
    node = await testNode({ dataDir });
    const seen = await audit(node.url, ledger);
    expect(seen.problems, `after kill ${round + 1}, before anything is repeated`).toEqual([]);
  }
  expect(interrupted, 'the kills hit requests under way').toBeGreaterThan(ROUNDS);

  await startClients(node.url, ledger, CLIENTS, () => undefined).done;
  expect(ledger.unsettled).toEqual([]);
  const settled = await audit(node.url, ledger);
  expect(settled.problems).toEqual([]);
  expect(settled.present).toBe(settled.accepted);
  expect(settled.accepted + settled.rejected).toBe(settled.sent);

  await ledger.repeatAccepted(node.url);
  await node.kill();
  node = await testNode({ dataDir });
  await ledger.repeatAccepted(node.url);
  const again = await audit(node.url, ledger);
  expect(again.problems).toEqual([]);
  expect(again.totals).toEqual(settled.totals);
  expect(again.histories).toEqual(settled.histories);

  ledger.sent.set('lost', { key: 'lost', type: 'account', id: 'account-0', name: 'deposit', payload: { amount: 1 } });
  ledger.answers.set('lost', { accepted: true, shape: 'signal' });
  expect((await audit(node.url, ledger)).problems, 'an audit that could not fail would prove nothing').toEqual([
    'lost was acknowledged, but is lost',
  ]);
  console.log(`kill test: ${again.sent} sent, ${again.accepted} accepted, ${again.rejected} rejected, ${interrupted} requests interrupted`);
});

/** Loads the node until it has been killed, after a number of answers and then at no particular moment. */
async function killUnderLoad(node: NodeProcess, ledger: Ledger, workload: Workload, answersFirst: number, waitMs: number): Promise<void> {
  const enough = ledger.answers.size + answersFirst;
  let isDoomed = false;
  const clients = startClients(node.url, ledger, CLIENTS, () => {
    if (ledger.answers.size >= enough && !isDoomed) {
      isDoomed = true;
      setTimeout(() => node.signal('SIGKILL'), waitMs);
    }
    return workload.next();
  });
  await clients.done;
  await node.exited;
}
