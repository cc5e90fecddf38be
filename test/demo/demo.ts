import { setTimeout as delay } from 'node:timers/promises';
import { type Audit, audit } from '../tools/audit.ts';
import { startGateway } from '../tools/gateway.ts';
import { get } from '../tools/http.ts';
import { Ledger } from '../tools/ledger.ts';
import { type NodeProcess, startNode } from '../tools/node-process.ts';
import { startClients, Workload } from '../tools/workload.ts';
import { showDurable } from './durable.ts';
import type { Screen } from './screen.ts';

export interface DemoOptions {
  readonly dataDir: string;
  /** Messages to send, over both halves. */
  readonly messages: number;
  readonly seed: number;
}

const CLIENTS = 16;
const number = (value: number) => value.toLocaleString('en-US');
const money = (minor: number) => (minor / 100).toLocaleString('en-US', { minimumFractionDigits: 2 });

/** A slow payment takes five seconds by itself. */
const HURRY = 2;

/**
 * Shows the main job: signals in, a kill -9 in the middle, and everything that was acknowledged is there, once; then durable handlers, whose
 * process is killed under them. True if all adds up.
 */
export async function demo(screen: Screen, { dataDir, messages, seed }: DemoOptions): Promise<boolean> {
  const ledger = new Ledger();
  const workload = new Workload({ seed, carts: 25, accounts: 12, skus: 12 });
  const gateway = await startGateway((ms) => delay(ms / HURRY));
  const startNext = () => timedStart(screen, dataDir, gateway.url);
  let node: NodeProcess | undefined;
  try {
    screen.heading('1. A node starts on an empty directory');
    node = await startNext();
    for (const request of workload.opening()) await ledger.send(node.url, request);
    screen.line(`  ${ledger.sent.size} accounts opened and goods received`);

    screen.heading('2. Shoppers fill carts, customers move money: signals, updates and batches over HTTP');
    await sendUntilKilled(screen, node, ledger, workload, messages / 2);
    screen.line(`  kill -9 ${node.pid}: ${ledger.unsettled.length} clients had no answer yet`);

    screen.heading('3. The same directory, a new process');
    node = await startNext();
    const found = await audit(node.url, ledger);
    screen.line(`  acknowledged before the kill: ${number(found.accepted)}; found after it: ${number(found.present)}`);

    screen.heading('4. Clients repeat what was not answered, with the same keys, and go on');
    await sendTo(screen, node, ledger, workload, messages);

    screen.heading('5. Every acknowledged message is sent once more: nothing may happen twice');
    const { accepted } = ledger;
    const repeated = await ledger.repeatAccepted(node.url, (done) => screen.progress(`${number(done)} repeated`, done, accepted));
    screen.line(`  ${number(repeated)} sent again, ${ledger.contradictions.length} answers differ from the first`);

    const result = await audit(node.url, ledger);
    showResult(screen, result);
    await showReading(screen, node.url, result);
    const durable = await showDurable(screen, node, gateway, async () => {
      await node?.kill();
      node = await startNext();
      return node;
    });
    const problems = [...found.problems, ...result.problems, ...durable];
    for (const problem of problems.slice(0, 20)) screen.line(`  WRONG: ${problem}`);
    return problems.length === 0;
  } finally {
    await node?.kill();
    await gateway.stop();
  }
}

async function timedStart(screen: Screen, dataDir: string, paymentsUrl: string): Promise<NodeProcess> {
  const startedMs = performance.now();
  const node = await startNode({ dataDir, env: { PERDURE_PAYMENTS_URL: paymentsUrl } });
  screen.line(`  process ${node.pid} is ready at ${node.url} after ${Math.round(performance.now() - startedMs)} ms`);
  return node;
}

/** Loads the node; after so many messages it is killed under the clients' hands. */
async function sendUntilKilled(screen: Screen, node: NodeProcess, ledger: Ledger, workload: Workload, messages: number): Promise<void> {
  let isDoomed = false;
  const clients = startClients(node.url, ledger, CLIENTS, () => {
    screen.progress(`${number(ledger.answers.size)} answered`, ledger.sent.size, messages);
    if (ledger.sent.size >= messages && !isDoomed) {
      isDoomed = true;
      setTimeout(() => node.signal('SIGKILL'), 5);
    }
    return workload.next();
  });
  await clients.done;
  await node.exited;
}

async function sendTo(screen: Screen, node: NodeProcess, ledger: Ledger, workload: Workload, messages: number): Promise<void> {
  const before = ledger.sent.size;
  const clients = startClients(node.url, ledger, CLIENTS, () => {
    screen.progress(`${number(ledger.answers.size)} answered`, ledger.sent.size - before, messages - before);
    return ledger.sent.size < messages ? workload.next() : undefined;
  });
  await clients.done;
  await startClients(node.url, ledger, 1, () => undefined).done; // what was refused in passing
}

function showResult(screen: Screen, { sent, accepted, rejected, present, totals, problems }: Audit): void {
  screen.heading('6. What the clients know, and what the node has');
  screen.table([
    ['messages sent', number(sent)],
    ['  acknowledged', number(accepted)],
    ['  found in the histories', number(present)],
    ['  rejected by a business rule', number(rejected)],
  ]);
  screen.line();
  screen.table([
    ['', 'sum', 'over'],
    ['balances', money(totals.balance), `${number(totals.bookings)} bookings`],
    ['orders', number(totals.orders), `${number(totals.units)} units in carts`],
    ['stock on hand', number(totals.onHand), `${number(totals.reserved)} reserved`],
  ]);
  screen.line();
  screen.line(
    problems.length === 0 ? '  Histories, states, projection rows and answers agree.' : `  ${problems.length} things do not add up.`,
  );
}

async function showReading(screen: Screen, url: string, { histories }: Audit): Promise<void> {
  const carts = [...histories].filter(([name, events]) => name.startsWith('cart/') && events.some(({ type }) => type === 'CheckedOut'));
  const [address = '', history = []] = carts.sort(([, a], [, b]) => b.length - a.length)[0] ?? [];
  screen.heading(`7. One cart's history: GET /v1/entities/${address}/history`);
  const domain = history.filter(({ type }) => !type.startsWith('perdure:'));
  screen.table(
    domain.slice(-6).map(({ revision, type, data }) => [`${revision}  ${type}`.padEnd(16), JSON.stringify(data)]),
    'text',
  );
  const path = '/v1/projections/accounts?limit=4';
  screen.heading(`8. A page of a projection: GET ${path}`);
  const page = (await get(`${url}${path}`)).body as { readonly rows: readonly unknown[]; readonly keys: readonly string[] };
  screen.table(
    page.rows.map((row, n) => [page.keys[n] ?? '', JSON.stringify(row)]),
    'text',
  );
}
