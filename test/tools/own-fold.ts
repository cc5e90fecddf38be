import { field, get, type HistoryEvent } from './http.ts';

/** Sums over all entities, as a bookkeeper would keep them. Changed in place. */
export interface Totals {
  balance: number;
  bookings: number;
  onHand: number;
  reserved: number;
  units: number;
  orders: number;
}

/**
 * Folds a history by rules of its own and compares the state, the query and the projection's row with it; adds to `totals`. Answers what differs.
 */
export async function foldHistory(
  url: string,
  type: string,
  id: string,
  history: readonly HistoryEvent[],
  totals: Totals,
): Promise<readonly string[]> {
  if (history.length === 0) return [];
  const entity = await get(`${url}/v1/entities/${type}/${id}`);
  const headers = { 'perdure-position': String(field(entity.body, 'position')) };
  const row = async (projection: string) => (await get(`${url}/v1/projections/${projection}/${id}`, headers)).body;
  const query = async (name: string) => (await get(`${url}/v1/entities/${type}/${id}/queries/${name}`)).body;
  if (type === 'account')
    return account(history, totals, { query: await query('balance'), row: await row('accounts') }, await statements(url, id, headers));
  if (type === 'cart') return cart(history, totals, { query: await query('summary'), row: await row('carts') });
  return inventory(history, totals, { query: await query('stock'), row: await row('stock') });
}

interface Seen {
  readonly query: unknown;
  readonly row: unknown;
}

function account(history: readonly HistoryEvent[], totals: Totals, seen: Seen, rows: readonly unknown[]): readonly string[] {
  let balance = 0;
  const bookings: string[] = [];
  for (const { type, data, revision } of history) {
    const sign = type === 'Deposited' ? 1 : type === 'Withdrawn' ? -1 : 0;
    if (sign === 0) continue;
    const amount = sign * Number(field(data, 'amount'));
    balance += amount;
    if (balance < 0) return [`the balance is ${balance} at revision ${revision}`];
    bookings.push(`${revision}: ${amount}, ${String(field(data, 'reference'))}`);
  }
  totals.balance += balance;
  totals.bookings += bookings.length;
  const stated = rows.map(
    (row) => `${String(field(row, 'revision'))}: ${String(field(row, 'amount'))}, ${String(field(row, 'reference'))}`,
  );
  return [
    ...differs('balance of the query', field(seen.query, 'balance'), balance),
    ...differs('balance of the row', field(seen.row, 'balance'), balance),
    ...differs('statement', stated, bookings),
  ];
}

function cart(history: readonly HistoryEvent[], totals: Totals, seen: Seen): readonly string[] {
  const held = new Map<string, { quantity: number; price: number }>();
  let status = 'open';
  for (const { type, data } of history) {
    if (type === 'CheckedOut') status = 'checkedOut';
    if (type !== 'ItemAdded') continue;
    const sku = String(field(data, 'sku'));
    const quantity = Number(field(data, 'quantity')) + (held.get(sku)?.quantity ?? 0);
    held.set(sku, { quantity, price: Number(field(data, 'unitPrice')) });
  }
  let units = 0;
  let total = 0;
  for (const line of held.values()) {
    units += line.quantity;
    total += line.quantity * line.price;
  }
  totals.units += units;
  if (status === 'checkedOut') totals.orders += 1;
  const expected = { status, units, total };
  return [...differs('summary', only(seen.query, expected), expected), ...differs('row', only(seen.row, expected), expected)];
}

function inventory(history: readonly HistoryEvent[], totals: Totals, seen: Seen): readonly string[] {
  let onHand = 0;
  let reserved = 0;
  for (const { type, data } of history) {
    if (type === 'Received') onHand += Number(field(data, 'quantity'));
    if (type === 'Reserved') reserved += Number(field(data, 'quantity'));
  }
  totals.onHand += onHand;
  totals.reserved += reserved;
  const expected = { onHand, reserved, available: onHand - reserved };
  return [
    ...(expected.available < 0 ? [`more is reserved than there is: ${JSON.stringify(expected)}`] : []),
    ...differs('stock of the query', only(seen.query, expected), expected),
    ...differs('row', only(seen.row, expected), expected),
  ];
}

/** The statement rows of an account in the order of their bookings, over all pages. */
async function statements(url: string, id: string, headers: Readonly<Record<string, string>>): Promise<readonly unknown[]> {
  const all: unknown[] = [];
  for (let cursor = ''; ; ) {
    const { body } = await get(`${url}/v1/projections/statements?index=byAccount&equals="${id}"&limit=1000${cursor}`, headers);
    all.push(...(field(body, 'rows') as readonly unknown[]));
    const next = field(body, 'next');
    if (typeof next !== 'string') return all;
    cursor = `&cursor=${encodeURIComponent(next)}`;
  }
}

/** The fields of a value that the other one has, in its order. */
function only(value: unknown, like: object): unknown {
  return Object.fromEntries(Object.keys(like).map((name) => [name, field(value, name)]));
}

function differs(what: string, seen: unknown, expected: unknown): readonly string[] {
  const [a, b] = [JSON.stringify(seen), JSON.stringify(expected)];
  return a === b ? [] : [`${what} is ${String(a).slice(0, 500)}, by the history ${String(b).slice(0, 500)}`];
}
