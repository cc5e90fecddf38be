import { expect, test } from 'vitest';
import { audit } from '../tools/audit.ts';
import { Ledger } from '../tools/ledger.ts';
import { startClients, Workload } from '../tools/workload.ts';
import { scratchDir, testNode } from './scratch.ts';

test('SIGTERM drains: what is under way is answered, the exit code is 0, and a second SIGTERM changes nothing', {
  timeout: 60_000,
}, async () => {
  const dataDir = await scratchDir();
  const node = await testNode({ dataDir });
  const ledger = new Ledger();
  const workload = new Workload({ seed: 7, carts: 8, accounts: 4, skus: 3 });
  for (const request of workload.opening()) await ledger.send(node.url, request);

  let isAsked = false;
  const clients = startClients(node.url, ledger, 16, () => {
    if (ledger.answers.size >= 500 && !isAsked) {
      isAsked = true;
      node.signal('SIGTERM');
      node.signal('SIGTERM');
    }
    return workload.next();
  });
  const startedMs = performance.now();
  const exit = await node.exited;
  await clients.done;
  expect(exit).toMatchObject({ code: 0, signal: null });
  expect(performance.now() - startedMs).toBeLessThan(10_000);
  expect(exit.output.match(/"msg":"draining"/g)).toHaveLength(1);
  expect(exit.output).toContain('"msg":"stopped"');

  const next = await testNode({ dataDir });
  const seen = await audit(next.url, ledger);
  expect(seen.problems).toEqual([]);
  expect(seen.present, 'a drained node leaves nothing that it did not answer').toBe(seen.accepted);
});
