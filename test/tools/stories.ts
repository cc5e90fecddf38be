import { setTimeout as delay } from 'node:timers/promises';
import { field, type HistoryEvent, type HttpAnswer } from './http.ts';
import type { Patient } from './patient.ts';
import { mulberry32 } from './workload.ts';

/** How a workflow was asked for, and all that its client was told of it. */
export interface Story {
  readonly type: 'order' | 'transfer' | 'approval' | 'batch';
  readonly id: string;
  readonly name: string;
  readonly payload: Readonly<Record<string, unknown>>;
  /** The idempotency key of its first message, and so the id of its run. */
  readonly key: string;
  /** What the first message was told in the end: its result, or the code of its rejection. */
  readonly outcome: Told;
  /** Of an approval: the votes that were answered 2xx, and whether each was counted for certain. */
  readonly votes: readonly Vote[];
}
export interface Told {
  readonly result?: unknown;
  readonly code?: unknown;
}
export interface Vote {
  readonly approver: string;
  readonly decision: string;
  /** A vote by link may come too late although its link was open: it is then taken and not counted. */
  readonly by: 'decide' | 'link';
}

export interface Cast {
  readonly seed: number;
  readonly accounts: number;
  readonly skus: number;
}

/** What every account is opened with and every sku is received with. */
export const OPENING = { balance: 100_000, quantity: 150 } as const;
const METHODS = ['card', 'invoice', 'decline', 'decline:stolen', 'fail-once', 'twice', 'slow', 'fail'] as const;
const APPROVERS = ['ada', 'bela', 'chidi', 'dara'] as const;

/** The accounts and skus of a cast; `account-closed` was never opened. */
export function accountIds({ accounts }: Cast): readonly string[] {
  return Array.from({ length: accounts }, (_, n) => `account-${n}`);
}
export function skuIds({ skus }: Cast): readonly string[] {
  return Array.from({ length: skus }, (_, n) => `sku-${n}`);
}

/**
 * Customers of durable entities: each story is a workflow that is asked for, voted on or cancelled, and waited for to its end. The n-th story of
 * a seed is always the same, whatever becomes of the node meanwhile.
 */
export class Stories {
  readonly told: Story[] = [];
  readonly #client: Patient;
  readonly #cast: Cast;
  #begun = 0;

  constructor(client: Patient, cast: Cast) {
    this.#client = client;
    this.#cast = cast;
  }

  /** Opens the accounts and receives the goods. */
  async opening(): Promise<void> {
    for (const id of accountIds(this.#cast)) {
      await this.#update(`account/${id}`, 'open', { owner: id }, `open-${id}`);
      await this.#update(`account/${id}`, 'deposit', { amount: OPENING.balance }, `deposit-${id}`);
    }
    for (const id of skuIds(this.#cast)) await this.#update(`inventory/${id}`, 'receive', { quantity: OPENING.quantity }, `receive-${id}`);
  }

  /** Plays the next story to its end. */
  async next(): Promise<void> {
    this.#begun += 1;
    const n = this.#begun;
    const dice = diceOf(this.#cast.seed * 100_003 + n);
    const kind = dice.below(10);
    if (kind < 4) await this.#order(n, dice);
    else if (kind < 7) await this.#transfer(n, dice);
    else if (kind < 9) await this.#approval(n, dice);
    else await this.#batch(n, dice);
  }

  async #order(n: number, dice: Dice): Promise<void> {
    const line = () => ({ sku: dice.pick(skuIds(this.#cast)), quantity: 1 + dice.below(4), unitPrice: 100 * dice.below(6) });
    const lines = Array.from({ length: dice.below(20) === 0 ? 0 : 1 + dice.below(3) }, line);
    const paymentMethod = dice.pick(METHODS);
    const payload = { customer: dice.pick(APPROVERS), lines, paymentMethod };
    const story = { type: 'order' as const, id: `order-${n}`, name: 'place', payload, key: `place-${n}` };
    // A gateway that is always out of order would be asked for ten minutes.
    const isCancelled = paymentMethod === 'fail' || dice.below(8) === 0;
    const told = this.#asked(story, dice);
    if (isCancelled && lines.length > 0) await this.#cancelled(story.id, n, dice);
    this.#tell(story, await told);
  }

  /** Cancels once the order is there: before, there would be nothing to cancel. */
  async #cancelled(id: string, n: number, dice: Dice): Promise<void> {
    while ((await this.#client.get(`entities/order/${id}`)).status === 404) await delay(10);
    await delay(dice.below(60));
    await this.#client.post(`entities/order/${id}/signals/cancel`, {}, { key: `cancel-${n}` });
  }

  async #transfer(n: number, dice: Dice): Promise<void> {
    const from = dice.pick(accountIds(this.#cast));
    const to = dice.below(5) === 0 ? 'account-unopened' : dice.pick(accountIds(this.#cast));
    const amount = dice.below(6) === 0 ? OPENING.balance * 10 : 1 + dice.below(5_000);
    const story = { type: 'transfer' as const, id: `transfer-${n}`, name: 'start', payload: { from, to, amount }, key: `start-${n}` };
    this.#tell(story, await this.#asked(story, dice));
  }

  async #approval(n: number, dice: Dice): Promise<void> {
    const approvers = APPROVERS.slice(0, 2 + dice.below(3));
    const [quorum, hasTime] = [1 + dice.below(approvers.length), dice.below(5) > 0];
    const payload = { subject: `expense ${n}`, approvers, quorum, timeoutMs: hasTime ? 3_600_000 : 1_000 + dice.below(1_000) };
    const story = { type: 'approval' as const, id: `approval-${n}`, name: 'request', payload, key: `request-${n}` };
    const told = this.#asked(story, dice);
    const votes: Vote[] = [];
    const tokens = await this.#tokens(story.id, approvers.length);
    for (const approver of hasTime ? approvers : approvers.slice(0, quorum - 1)) {
      await delay(dice.below(80));
      const vote = { approver, decision: dice.pick(['approve', 'approve', 'reject']), by: dice.pick(['decide', 'link'] as const) };
      if (await this.#voted(story.id, vote, tokens.get(approver) ?? '', `vote-${n}-${approver}`)) votes.push(vote);
    }
    this.#tell(story, await told, votes);
  }

  /** True if the vote was taken; false if it came too late. */
  async #voted(id: string, { approver, decision, by }: Vote, token: string, key: string): Promise<boolean> {
    if (by === 'decide') {
      const { status, body } = await this.#client.post(`entities/approval/${id}/updates/decide`, { approver, decision }, { key });
      // Told again after a crash, a vote that decided finds its approval closed only if the first one did not count.
      return expected(status, body, [200, 409]) === 200;
    }
    const { status, body } = await this.#client.post(`callbacks/${token}`, { result: { decision } });
    return expected(status, body, [200, 410]) === 200;
  }

  /** The links of an approval by approver, out of the notices that carry them. */
  async #tokens(id: string, count: number): Promise<ReadonlyMap<string, string>> {
    for (;;) {
      const tokens = new Map<string, string>();
      const { body } = await this.#client.get(`entities/approval/${id}/history?limit=1000`);
      for (const { type, data } of (field(body, 'events') ?? []) as readonly HistoryEvent[]) {
        const notice = type === 'perdure:Scheduled' && field(data, 'activity') === 'notify' ? field(data, 'input') : undefined;
        if (notice !== undefined) tokens.set(String(field(notice, 'to')), String(field(notice, 'token')));
      }
      if (tokens.size >= count) return tokens;
      await delay(10);
    }
  }

  async #batch(n: number, dice: Dice): Promise<void> {
    const payload = { tasks: 1 + dice.below(40), childSize: 10, first: dice.below(100) };
    const story = { type: 'batch' as const, id: `batch-${n}`, name: 'start', payload, key: `start-${n}` };
    this.#tell(story, await this.#asked(story, dice));
  }

  /** Asks for a workflow in one of the three ways, and waits for its end. */
  async #asked({ type, id, name, payload, key }: Omit<Story, 'outcome' | 'votes'>, dice: Dice): Promise<Told> {
    const path = `entities/${type}/${id}`;
    const way = dice.below(3);
    if (way > 0) {
      const sent = await this.#client.post(`${path}/signals/${name}`, payload, { key });
      if (expected(sent.status, sent.body, [202, 409]) === 409) return { code: field(sent.body, 'code') };
    }
    if (way < 2) return toldOf(await this.#client.post(`${path}/updates/${name}?timeout=${1 + dice.below(5)}s`, payload, { key }));
    return this.#runEnd(`${path}/runs/${key}?wait=2s`);
  }

  /** Asks for the status of a run until it has ended. */
  async #runEnd(path: string): Promise<Told> {
    for (;;) {
      const { status, body } = await this.#client.get(path);
      expected(status, body, [200]);
      const now = field(body, 'status');
      if (now === 'completed') return { result: field(body, 'result') };
      if (now !== 'running') throw new Error(`${path}: ${JSON.stringify(body)}`);
    }
  }

  async #update(address: string, name: string, payload: unknown, key: string): Promise<void> {
    const { status, body } = await this.#client.post(`entities/${address}/updates/${name}`, payload, { key });
    expected(status, body, [200]);
  }

  #tell(story: Omit<Story, 'outcome' | 'votes'>, outcome: Told, votes: readonly Vote[] = []): void {
    this.told.push({ ...story, outcome, votes });
  }
}

function toldOf({ status, body }: HttpAnswer): Told {
  return expected(status, body, [200, 409]) === 200 ? { result: field(body, 'result') } : { code: field(body, 'code') };
}

/** Throws for an answer that a correct client must never see. */
function expected(status: number, body: unknown, statuses: readonly number[]): number {
  if (!statuses.includes(status)) throw new Error(`unexpected answer ${status}: ${JSON.stringify(body)}`);
  return status;
}

interface Dice {
  below(bound: number): number;
  pick<T>(of: readonly T[]): T;
}

function diceOf(seed: number): Dice {
  const random = mulberry32(seed);
  const below = (bound: number) => Math.floor(random() * bound);
  return {
    below,
    pick: (of) => {
      const one = of[below(of.length)];
      if (one === undefined) throw new Error('nothing to pick from');
      return one;
    },
  };
}
