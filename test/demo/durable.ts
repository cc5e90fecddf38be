import { setTimeout as delay } from 'node:timers/promises';
import type { GatewayServer } from '../tools/gateway.ts';
import { field, get, type HistoryEvent, type HttpAnswer, post, wholeHistory } from '../tools/http.ts';
import type { NodeProcess } from '../tools/node-process.ts';
import type { Screen } from './screen.ts';

const ORDER = { customer: 'ada', lines: [{ sku: 'lamp', quantity: 2, unitPrice: 4_900 }], paymentMethod: 'slow' };
const REQUEST = { subject: 'a lamp for the hall', approvers: ['ada', 'bela'], quorum: 1, timeoutMs: 7 * 86_400_000 };
/** What the demo waits for is there in a moment; longer, and something is wrong. */
const MAX_LOOKS = 500;
const LOOK_MS = 20;

/**
 * Shows handlers that wait: an order whose process is killed while its payment is under way, and an approval that a link decides after another
 * kill. `killed` kills the node and starts the next. Answers what does not add up.
 */
export async function showDurable(
  screen: Screen,
  node: NodeProcess,
  gateway: GatewayServer,
  killed: () => Promise<NodeProcess>,
): Promise<readonly string[]> {
  screen.heading('9. An order: reserve, charge, ship. The process is killed while the payment is under way');
  await post(`${node.url}/v1/entities/inventory/lamp/updates/receive`, { quantity: 10 }, { key: 'lamps' });
  await post(`${node.url}/v1/entities/order/demo/signals/place`, ORDER, { key: 'demo-order' });
  await seen('a request for payment', () => gateway.ledger().length > 0);
  screen.line(`  the gateway was asked for the money; kill -9 ${node.pid}`);
  const second = await killed();
  const run = await get(`${second.url}/v1/entities/order/demo/runs/demo-order?wait=30s`);
  const problems = await paid(screen, second, gateway, run);

  screen.heading('10. An approval: two people are sent a link, the process is killed, one of them clicks');
  await post(`${second.url}/v1/entities/approval/demo/signals/request`, REQUEST, { key: 'demo-approval' });
  const token = await linkOf(second, 'bela');
  screen.line(`  bela's link: POST /v1/callbacks/${token.slice(0, 24)}…; kill -9 ${second.pid}`);
  const third = await killed();
  await post(`${third.url}/v1/callbacks/${token}`, { result: { decision: 'approve' } });
  const decided = await get(`${third.url}/v1/entities/approval/demo/runs/demo-approval?wait=30s`);
  const decision = field(field(decided.body, 'result'), 'decision');
  screen.line(`  the run that asked them goes on in process ${third.pid}: ${String(decision)}`);
  return decision === 'approved' ? problems : [...problems, `the approval came to ${JSON.stringify(decided.body)}`];
}

/** What the order came to, at the gateway and in stock. */
async function paid(screen: Screen, { url }: NodeProcess, gateway: GatewayServer, run: HttpAnswer): Promise<readonly string[]> {
  const history = await wholeHistory(url, 'order', 'demo');
  screen.table(
    history
      .filter(({ type }) => !type.startsWith('perdure:') || type.endsWith(':AttemptFailed'))
      .map(({ revision, type, data }) => [
        `${revision}  ${type}`.padEnd(28),
        type.endsWith(':AttemptFailed') ? String(field(data, 'message')) : '',
      ]),
    'text',
  );
  const [payment, ...others] = gateway.ledger();
  const stock = (await get(`${url}/v1/entities/inventory/lamp/queries/stock`)).body;
  screen.line(
    `  the gateway was asked ${payment?.charges} times under one key, and took the money ${payment?.isCharged ? 'once' : 'not at all'}`,
  );
  screen.line(`  lamps: ${JSON.stringify(stock)}; the order: ${JSON.stringify(field(run.body, 'result'))}`);
  const isRight =
    field(field(run.body, 'result'), 'status') === 'completed' &&
    payment?.isCharged === true &&
    others.length === 0 &&
    field(stock, 'onHand') === 8;
  return isRight ? [] : [`the order came to ${JSON.stringify(run.body)}, its payment to ${JSON.stringify(gateway.ledger())}`];
}

/** The token in the notice that an approver is sent. */
async function linkOf({ url }: NodeProcess, approver: string): Promise<string> {
  let token: unknown;
  await seen('a notice', async () => {
    const notices = (await wholeHistory(url, 'approval', 'demo')).filter(isNotice).map(({ data }) => field(data, 'input'));
    token = field(
      notices.find((notice) => field(notice, 'to') === approver),
      'token',
    );
    return typeof token === 'string';
  });
  return String(token);
}

function isNotice({ type, data }: HistoryEvent): boolean {
  return type === 'perdure:Scheduled' && field(data, 'activity') === 'notify';
}

/** Looks until it is there. Throws if it does not come. */
async function seen(what: string, isThere: () => boolean | Promise<boolean>): Promise<void> {
  for (let look = 0; look < MAX_LOOKS; look += 1) {
    if (await isThere()) return;
    await delay(LOOK_MS);
  }
  throw new Error(`${what} did not come`);
}
