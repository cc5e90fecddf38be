import type { LedgerEntry } from '../../entities/payments-sandbox.ts';
import { field, type HistoryEvent, wholeHistory } from './http.ts';
import type { Patient } from './patient.ts';
import { runProblems, taskEnds } from './run-books.ts';
import { accountIds, type Cast, OPENING, type Story, skuIds } from './stories.ts';

/**
 * Balances the books of stories that have all ended: what their clients were told against what the node, its read models and the gateway have.
 *
 * Invariants:
 * B1. A story that was told a result has one run with one end, and the state, the run and the row say what its client was told. One that was
 *     rejected left nothing.
 * B2. Stock is what was received less what completed orders took; nothing is reserved.
 * B3. The gateway keeps money for completed orders alone, each total once.
 * B4. Every balance is its opening and the transfers that were done; so the sum over all accounts is what was paid in.
 * B5. A decision is what the votes say, and a vote that was counted for certain is among them.
 * B6. Every task of a batch has one end: its number, or all its attempts were lost; the batch counts them so.
 * B7. No run is open, no entity parked, nothing is owed but timers.
 */
export interface StoryBooks {
  readonly problems: readonly string[];
  /** Stories by type and how they ended. */
  readonly ends: Readonly<Record<string, number>>;
}

const AT_ONCE = 16;

/** Reads all that the stories touched and judges it (B1 to B7). `position`: of the node's last change, so that rows are as new as that. */
export async function storyBooks(
  client: Patient,
  url: string,
  cast: Cast,
  stories: readonly Story[],
  ledger: readonly LedgerEntry[],
): Promise<StoryBooks> {
  const reader = new Reader(client, url);
  const problems: string[] = [];
  const check = async <T>(all: readonly T[], judge: (one: T) => Promise<readonly string[]>) => {
    for (let n = 0; n < all.length; n += AT_ONCE) problems.push(...(await Promise.all(all.slice(n, n + AT_ONCE).map(judge))).flat());
  };
  await check(stories, (story) => storyProblems(reader, story));
  await check(skuIds(cast), (sku) => stockProblems(reader, sku, stories));
  await check(accountIds(cast), (account) => accountProblems(reader, account, stories));
  problems.push(...gatewayProblems(stories, ledger));
  const ends: Record<string, number> = {};
  for (const { type, outcome } of stories) {
    const end = `${type} ${String(field(outcome.result, 'status') ?? field(outcome.result, 'decision') ?? outcome.code ?? 'done')}`;
    ends[end] = (ends[end] ?? 0) + 1;
  }
  return { problems, ends };
}

/** Reads entities with all that is judged of them. */
class Reader {
  readonly #client: Patient;
  readonly #url: string;

  constructor(client: Patient, url: string) {
    this.#client = client;
    this.#url = url;
  }

  /** An entity that exists, and what of it contradicts itself (B7). */
  async entity(type: string, id: string): Promise<Seen> {
    const address = `${type}/${id}`;
    const { status, body } = await this.#client.get(`entities/${address}`);
    if (status !== 200) return { state: undefined, position: '', history: [], problems: [`${address}: ${status} ${JSON.stringify(body)}`] };
    const history = await wholeHistory(this.#url, type, id);
    const owed = (field(body, 'owes') as readonly unknown[]).filter((one) => field(one, 'kind') !== 'timer');
    const loose = { runs: field(body, 'runs'), owed, parked: field(body, 'parked') };
    const isAtRest = JSON.stringify(loose) === JSON.stringify({ runs: [], owed: [], parked: null });
    const problems = [...(isAtRest ? [] : [`${address} is not at rest: ${JSON.stringify(loose)}`]), ...runProblems(address, history)];
    return { state: field(body, 'state'), position: String(field(body, 'position')), history, problems };
  }

  async get(path: string, position?: string): Promise<{ readonly status: number; readonly body: unknown }> {
    return this.#client.get(path, position === undefined ? {} : { 'perdure-position': position });
  }
}

interface Seen {
  readonly state: unknown;
  readonly position: string;
  readonly history: readonly HistoryEvent[];
  readonly problems: readonly string[];
}

/** B1 for one story, and what is particular to its type. */
async function storyProblems(reader: Reader, story: Story): Promise<readonly string[]> {
  const address = `${story.type}/${story.id}`;
  if (story.outcome.result === undefined) {
    const { status } = await reader.get(`entities/${address}`);
    return status === 404 ? [] : [`${address} was rejected with ${String(story.outcome.code)}, but is there`];
  }
  const seen = await reader.entity(story.type, story.id);
  const problems = [...seen.problems];
  const run = (await reader.get(`entities/${address}/runs/${story.key}`)).body;
  problems.push(
    ...differs(
      `${address}: the run`,
      { status: field(run, 'status'), result: field(run, 'result') },
      { status: 'completed', result: story.outcome.result },
    ),
  );
  const started = seen.history.filter(({ type, metadata }) => type === 'perdure:RunStarted' && metadata['signal'] === story.key);
  if (started.length !== 1) problems.push(`${address}: ${started.length} runs of ${story.key}`);
  problems.push(...(await OF_TYPE[story.type](reader, story, seen)).map((problem) => `${address}: ${problem}`));
  return problems;
}

type Judge = (reader: Reader, story: Story, seen: Seen) => Promise<readonly string[]>;

const OF_TYPE: Readonly<Record<Story['type'], Judge>> = {
  order: async (reader, { id, outcome }, { state, position }) => {
    const row = await reader.get(`projections/orders/${id}`, position);
    return [
      ...differs('state', only(state, outcome.result), outcome.result),
      ...differs('row', only(row.body, outcome.result), outcome.result),
    ];
  },
  transfer: async (_reader, { outcome }, { state }) => differs('state', only(state, outcome.result), outcome.result),
  batch: async (reader, { id, payload, outcome }, { state, history }) => {
    const tasks = Number(payload['tasks']);
    const names =
      tasks > Number(payload['childSize'])
        ? Array.from({ length: Math.ceil(tasks / Number(payload['childSize'])) }, (_, n) => `${id}.${n}`)
        : [];
    const children = await Promise.all(names.map((name) => reader.entity('batch', name)));
    const leaves = names.length === 0 ? [history] : children.map((child) => child.history);
    const tally = tallyOf(leaves, payload);
    return [
      ...children.flatMap(({ problems }) => problems),
      ...tally.problems,
      ...differs('result', outcome.result, tally.expected),
      ...differs('state', only(state, tally.expected), tally.expected),
    ];
  },
  approval: async (reader, { id, payload, outcome, votes }, { state, position }) => {
    const counted = field(state, 'votes') as readonly { readonly approver: string; readonly decision: string }[];
    const voteOf = (name: string) => counted.find(({ approver }) => approver === name)?.decision;
    const decision = field(outcome.result, 'decision');
    const problems = [
      ...differs('status', field(state, 'status'), decision),
      ...differs('decision by its votes', decision, decisionOf(payload, counted)),
    ];
    for (const { approver, decision: voted, by } of votes)
      if (voteOf(approver) !== voted && (by === 'decide' || voteOf(approver) !== undefined))
        problems.push(`the vote of ${approver} is lost`);
    for (const approver of payload['approvers'] as readonly string[]) {
      const row = (await reader.get(`projections/approvals/${encodeURIComponent(`${approver}/${id}`)}`, position)).body;
      const expected = { status: decision, vote: voteOf(approver) ?? null, isWaiting: false };
      problems.push(...differs(`row of ${approver}`, only(row, expected), expected));
    }
    return problems;
  },
};

/** What the histories of the batches that have tasks say of them (B6). */
function tallyOf(leaves: readonly (readonly HistoryEvent[])[], payload: Story['payload']) {
  const ends = leaves.flatMap((history) => taskEnds(history));
  const wanted = Array.from({ length: Number(payload['tasks']) }, (_, n) => Number(payload['first']) + n);
  const problems = differs(
    'tasks',
    ends.map(({ n }) => n).sort((a, b) => a - b),
    wanted,
  );
  const lost = ends.filter(({ value, lostAttempts }) => value === undefined && lostAttempts !== WORK_ATTEMPTS - 1);
  const wrong = ends.filter(({ n, value }) => value !== undefined && value !== n);
  const done = ends.filter(({ value }) => value !== undefined);
  const sum = done.reduce((total, { n }) => total + n, 0);
  return {
    expected: { done: done.length, failed: ends.length - done.length, sum },
    problems: [
      ...problems,
      ...lost.map(({ n }) => `task ${n} was given up too early`),
      ...wrong.map(({ n }) => `task ${n} came to something else`),
    ],
  };
}

/** What entities/batch.ts allows. */
const WORK_ATTEMPTS = 3;

/** By rules of its own (B5). */
function decisionOf(payload: Story['payload'], votes: readonly { readonly decision: string }[]): string {
  const [quorum, count] = [Number(payload['quorum']), (payload['approvers'] as readonly string[]).length];
  const approved = votes.filter(({ decision }) => decision === 'approve').length;
  if (approved >= quorum) return 'approved';
  return count - (votes.length - approved) < quorum ? 'rejected' : 'timedOut';
}

/** B2. */
async function stockProblems(reader: Reader, sku: string, stories: readonly Story[]): Promise<readonly string[]> {
  let onHand: number = OPENING.quantity;
  for (const { type, payload, outcome } of stories) {
    if (type !== 'order' || field(outcome.result, 'status') !== 'completed') continue;
    for (const line of payload['lines'] as readonly { readonly sku: string; readonly quantity: number }[])
      if (line.sku === sku) onHand -= line.quantity;
  }
  const { problems, position } = await reader.entity('inventory', sku);
  const expected = { onHand, reserved: 0, available: onHand };
  const row = await reader.get(`projections/stock/${sku}`, position);
  const stock = await reader.get(`entities/inventory/${sku}/queries/stock`);
  return [...problems, ...differs(`stock of ${sku}`, stock.body, expected), ...differs(`stock row of ${sku}`, row.body, expected)];
}

/** B4. */
async function accountProblems(reader: Reader, account: string, stories: readonly Story[]): Promise<readonly string[]> {
  let balance: number = OPENING.balance;
  for (const { type, payload, outcome } of stories) {
    if (type !== 'transfer' || field(outcome.result, 'status') !== 'done') continue;
    if (payload['from'] === account) balance -= Number(payload['amount']);
    if (payload['to'] === account) balance += Number(payload['amount']);
  }
  const { problems, state, position } = await reader.entity('account', account);
  const row = await reader.get(`projections/accounts/${account}`, position);
  return [
    ...problems,
    ...differs(`balance of ${account}`, field(state, 'balance'), balance),
    ...differs(`row of ${account}`, field(row.body, 'balance'), balance),
  ];
}

/** B3. */
function gatewayProblems(stories: readonly Story[], ledger: readonly LedgerEntry[]): readonly string[] {
  const problems: string[] = [];
  for (const { id, type, outcome } of stories) {
    if (type !== 'order') continue;
    const entries = ledger.filter(({ orderId }) => orderId === id);
    if (entries.length > 1) problems.push(`order/${id} was charged under ${entries.length} keys`);
    const kept = entries.filter(({ isCharged, isRefunded }) => isCharged && !isRefunded).reduce((sum, { amount }) => sum + amount, 0);
    const isCompleted = field(outcome.result, 'status') === 'completed';
    problems.push(...differs(`money kept of order/${id}`, kept, isCompleted ? field(outcome.result, 'total') : 0));
  }
  return problems;
}

/** The fields of a value that the other one has, in its order. */
function only(value: unknown, like: unknown): unknown {
  return Object.fromEntries(Object.keys(like as object).map((name) => [name, field(value, name)]));
}

function differs(what: string, seen: unknown, expected: unknown): readonly string[] {
  const [a, b] = [JSON.stringify(seen), JSON.stringify(expected)];
  return a === b ? [] : [`${what} is ${String(a).slice(0, 500)}, and should be ${String(b).slice(0, 500)}`];
}
