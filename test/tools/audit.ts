import { field, get, type HistoryEvent, wholeHistory } from './http.ts';
import type { Answer, Ledger, Message } from './ledger.ts';
import { foldHistory, type Totals } from './own-fold.ts';

/**
 * Compares what the clients know with what a node holds.
 *
 * Invariants:
 * A1. acknowledged ⊆ present ⊆ sent: every accepted message is in a history, everything in a history was sent as it stands there.
 * A2. No message is present twice, and none that was rejected.
 * A3. An accepted update's answer is what the history says at its revision.
 * A4. State, built-in row and projection rows equal an own fold of the histories; it shares no code with the entities.
 */
export interface Audit {
  /** What does not add up; empty if all does. */
  readonly problems: readonly string[];
  readonly sent: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly present: number;
  readonly totals: Totals;
  /** Histories by `type/id`. */
  readonly histories: ReadonlyMap<string, readonly HistoryEvent[]>;
}

/** The event by which a message is present. */
const EVENT_OF: Readonly<Record<string, string>> = {
  addItem: 'ItemAdded',
  checkOut: 'CheckedOut',
  open: 'Opened',
  deposit: 'Deposited',
  withdraw: 'Withdrawn',
  receive: 'Received',
  reserve: 'Reserved',
};

/** Entities that are read side by side. */
const AT_ONCE = 16;

/** Reads every entity that was written to and judges it (A1 to A4). */
export async function audit(url: string, ledger: Ledger): Promise<Audit> {
  const problems: string[] = [...ledger.contradictions];
  const present = new Map<string, HistoryEvent>();
  const histories = new Map<string, readonly HistoryEvent[]>();
  const totals: Totals = { balance: 0, bookings: 0, onHand: 0, reserved: 0, units: 0, orders: 0 };
  const addresses = [...new Set([...ledger.sent.values()].map(({ type, id }) => `${type}/${id}`))];
  for (let n = 0; n < addresses.length; n += AT_ONCE) {
    await Promise.all(
      addresses.slice(n, n + AT_ONCE).map(async (address) => {
        const [type = '', id = ''] = address.split('/');
        const history = await wholeHistory(url, type, id);
        histories.set(address, history);
        problems.push(...presence(address, history, present));
        for (const problem of await foldHistory(url, type, id, history, totals)) problems.push(`${address}: ${problem}`);
      }),
    );
  }
  for (const [key, event] of present) problems.push(...sentAsPresent(key, event, ledger.sent.get(key)));
  for (const [key, answer] of ledger.answers) problems.push(...keptPromise(key, answer, present.get(key)));
  problems.push(...(await statementCount(url, totals.bookings)));
  const { accepted } = ledger;
  return {
    problems,
    sent: ledger.sent.size,
    accepted,
    rejected: ledger.answers.size - accepted,
    present: present.size,
    totals,
    histories,
  };
}

/** Notes which messages a history shows; a revision that is missing or a message that is there twice is a problem (A2). */
function presence(address: string, history: readonly HistoryEvent[], present: Map<string, HistoryEvent>): string[] {
  const problems: string[] = [];
  for (const [n, event] of history.entries()) {
    if (event.revision !== n) problems.push(`${address}: revision ${n} is missing`);
    const { signal, name } = event.metadata;
    if (typeof signal !== 'string' || typeof name !== 'string' || EVENT_OF[name] !== event.type) continue;
    if (present.has(signal)) problems.push(`${address}: ${signal} is there twice`);
    present.set(signal, event);
  }
  return problems;
}

function sentAsPresent(key: string, event: HistoryEvent, message: Message | undefined): string[] {
  if (message === undefined) return [`${key} is in a history, but was never sent`];
  const data = event.data as Readonly<Record<string, unknown>>;
  const asSent = Object.entries(message.payload as object).every(([name, value]) => data[name] === value);
  return asSent && EVENT_OF[message.name] === event.type
    ? []
    : [`${key} was sent as ${JSON.stringify(message)}, and is ${JSON.stringify(event)}`];
}

/** A1, A2, A3 for one answer. */
function keptPromise(key: string, answer: Answer, event: HistoryEvent | undefined): string[] {
  if (!answer.accepted) return event === undefined ? [] : [`${key} was rejected, but is in a history`];
  if (event === undefined) return [`${key} was acknowledged, but is lost`];
  if (answer.shape !== 'update') return [];
  const problems: string[] = [];
  if (answer.revision !== event.revision)
    problems.push(`${key} was answered at revision ${String(answer.revision)}, and is at ${event.revision}`);
  if (event.type === 'CheckedOut' && JSON.stringify(answer.result) !== JSON.stringify(event.data))
    problems.push(`${key} was answered another order`);
  return problems;
}

/** As many statement rows as bookings, over all pages. */
async function statementCount(url: string, bookings: number): Promise<string[]> {
  let rows = 0;
  for (let cursor = ''; ; ) {
    const { status, body } = await get(`${url}/v1/projections/statements?limit=1000${cursor}`);
    if (status !== 200) return [`statements: ${status} ${JSON.stringify(body)}`];
    rows += (field(body, 'rows') as readonly unknown[]).length;
    const next = field(body, 'next');
    if (typeof next !== 'string') break;
    cursor = `&cursor=${encodeURIComponent(next)}`;
  }
  return rows === bookings ? [] : [`${rows} statement rows for ${bookings} bookings`];
}
