import { entity, query, signal, type Turn } from 'perdure';
import { z } from 'zod';
import { Identifier, Quantity, Sum, UnitPrice } from './values.ts';

// ── contract ──

const Line = z.object({ sku: Identifier, quantity: Quantity, unitPrice: UnitPrice });
/** What the cart holds of one sku: added up over many signals, so its quantity has no maximum of its own. */
const HeldLine = Line.extend({ quantity: Sum });
export const CartStatus = z.enum(['open', 'checkedOut', 'expired']);

export const Cart = entity(
  'cart',
  {
    addItem: signal({ input: Line }),
    removeItem: signal({ input: Line.pick({ sku: true, quantity: true }) }),
    checkOut: signal({ output: z.object({ orderId: z.string(), units: Sum, total: Sum }) }),
    summary: query({ output: z.object({ status: CartStatus, units: Sum, total: Sum, lines: z.array(HeldLine).readonly() }) }),
  },
  { rejects: ['cart-closed', 'cart-empty', 'not-in-cart'] },
);

// ── state ──

type Line = Readonly<z.output<typeof Line>>;
interface State {
  readonly status: z.output<typeof CartStatus>;
  /** In the order they were first added. An array, not a record by sku: it copies far faster, and a sku named `constructor` is no trap. */
  readonly lines: readonly Line[];
  /** Kept, not added up from the lines when asked for: a check-out costs the same however long the cart is. */
  readonly units: number;
  readonly total: number;
}

const model = Cart.fold(
  (): State => ({ status: 'open', lines: [], units: 0, total: 0 }),
  {
    ItemAdded: (state, added: Line) => {
      const held = lineOf(state, added.sku)?.quantity ?? 0;
      return withLine(state, { ...added, quantity: held + added.quantity });
    },
    // A fact of its own, so that whoever adds up totals from events needs no lines of its own. `quantity`: the units that were held.
    PriceChanged: (state, change: { sku: string; quantity: number; from: number; to: number }) =>
      withLine(state, { sku: change.sku, quantity: change.quantity, unitPrice: change.to }),
    ItemRemoved: (state, removed: Line) => {
      const held = lineOf(state, removed.sku)?.quantity ?? 0;
      return withLine(state, { ...removed, quantity: held - removed.quantity });
    },
    CheckedOut: (state, _order: { orderId: string; units: number; total: number }) => ({ ...state, status: 'checkedOut' }),
    Expired: (state) => ({ ...state, status: 'expired' }),
  },
  { timers: ['expiry'] },
);

function lineOf(state: State, sku: string): Line | undefined {
  return state.lines.find((line) => line.sku === sku);
}

/** The state with one line replaced, added or, at 0 units, gone; the sums follow. */
function withLine(state: State, line: Line): State {
  const at = state.lines.findIndex(({ sku }) => sku === line.sku);
  const old = state.lines[at];
  const lines = line.quantity === 0 ? state.lines.filter((_, i) => i !== at) : old ? state.lines.with(at, line) : [...state.lines, line];
  return {
    ...state,
    lines,
    units: state.units + line.quantity - (old?.quantity ?? 0),
    total: state.total + price(line) - (old === undefined ? 0 : price(old)),
  };
}

function price(line: Line): number {
  return line.quantity * line.unitPrice;
}

// ── behaviour ──

export const cart = model.implement({
  signals: {
    addItem(cart, line) {
      const held = lineOf(opened(cart), line.sku);
      // One price per sku: the newest holds for the units that are there already.
      if (held !== undefined && held.unitPrice !== line.unitPrice) {
        cart.emit.PriceChanged({ sku: line.sku, quantity: held.quantity, from: held.unitPrice, to: line.unitPrice });
      }
      cart.emit.ItemAdded(line);
      expireLater(cart);
    },

    removeItem(cart, { sku, quantity }) {
      const held = lineOf(opened(cart), sku);
      if (held === undefined || held.quantity < quantity) throw Cart.reject('not-in-cart', { sku, quantity: held?.quantity ?? 0 });
      cart.emit.ItemRemoved({ sku, quantity, unitPrice: held.unitPrice });
      expireLater(cart);
    },

    checkOut(cart) {
      const { units, total } = opened(cart);
      if (units === 0) throw Cart.reject('cart-empty');
      const order = { orderId: cart.uuid(), units, total };
      cart.emit.CheckedOut(order);
      cart.timers.expiry.clear();
      return order;
    },
  },

  timers: {
    expiry(cart) {
      if (cart.state().status === 'open') cart.emit.Expired();
    },
  },

  queries: { summary: ({ status, units, total, lines }) => ({ status, units, total, lines }) },
});

function opened(cart: Turn<typeof model>): State {
  const state = cart.state();
  if (state.status !== 'open') throw Cart.reject('cart-closed', { status: state.status });
  return state;
}

function expireLater(cart: Turn<typeof model>): void {
  cart.timers.expiry.set('30 days');
}
