import { entity, query, signal } from 'perdure';
import { z } from 'zod';
import { heldBy, noReservations, type Reservations, withHeld } from './reservations.ts';
import { Identifier, Quantity, Sum } from './values.ts';

// ── contract: the stock of one sku, whose id is the sku ──

const Stock = z.object({ onHand: Sum, reserved: Sum, available: Sum });
const ForOrder = z.object({ orderId: Identifier });
/** A delivery is larger than any order. */
const Delivery = z.object({ quantity: z.int().min(1).max(1_000_000_000) });

export const Inventory = entity(
  'inventory',
  {
    receive: signal({ input: Delivery, output: Stock }),
    reserve: signal({ input: ForOrder.extend({ quantity: Quantity }), output: Stock }),
    release: signal({ input: ForOrder, output: Stock }),
    ship: signal({ input: ForOrder, output: Stock }),
    stock: query({ output: Stock }),
  },
  { rejects: ['out-of-stock', 'no-reservation'] },
);

// ── state ──

interface State {
  readonly onHand: number;
  readonly held: Reservations;
}
/** What an order held when its reservation ended: the quantity is in the event, so that readers need not remember reservations. */
interface Ended {
  readonly orderId: string;
  readonly quantity: number;
}

const ended = (state: State, { orderId }: Ended): State => ({ ...state, held: withHeld(state.held, orderId, 0) });

const model = Inventory.fold(
  (): State => ({ onHand: 0, held: noReservations }),
  {
    Received: (state, { quantity }: { quantity: number }) => ({ ...state, onHand: state.onHand + quantity }),
    Reserved: (state, { orderId, quantity }: { orderId: string; quantity: number }) => ({
      ...state,
      held: withHeld(state.held, orderId, heldBy(state.held, orderId) + quantity),
    }),
    Released: ended,
    Lapsed: ended,
    Shipped: (state, shipped: Ended) => ({ ...ended(state, shipped), onHand: state.onHand - shipped.quantity }),
  },
  { timers: ['lapse'] },
);

function stockOf({ onHand, held }: State): z.output<typeof Stock> {
  return { onHand, reserved: held.units, available: onHand - held.units };
}

// ── behaviour ──

/** As many as an entity may have armed timers: one more would be a defect and park the sku; refused, it can be tried again later. */
const MAX_RESERVATIONS = 10_000;

export const inventory = model.implement({
  signals: {
    receive(item, { quantity }) {
      item.emit.Received({ quantity });
      return stockOf(item.state());
    },

    reserve(item, { orderId, quantity }) {
      const { held } = item.state();
      const { available } = stockOf(item.state());
      if (available < quantity) throw Inventory.reject('out-of-stock', { available });
      if (held.count >= MAX_RESERVATIONS && heldBy(held, orderId) === 0) {
        throw Inventory.reject('out-of-stock', { available, openReservations: held.count });
      }
      item.emit.Reserved({ orderId, quantity });
      item.timers.lapse.set('15 minutes', orderId);
      return stockOf(item.state());
    },

    // Without a reservation nothing happens and nobody is told off: it is the compensation of a reservation that may have been refused.
    release(item, { orderId }) {
      const quantity = heldBy(item.state().held, orderId);
      if (quantity > 0) {
        item.emit.Released({ orderId, quantity });
        item.timers.lapse.clear(orderId);
      }
      return stockOf(item.state());
    },

    ship(item, { orderId }) {
      const quantity = heldBy(item.state().held, orderId);
      if (quantity === 0) throw Inventory.reject('no-reservation', { orderId });
      item.emit.Shipped({ orderId, quantity });
      item.timers.lapse.clear(orderId);
      return stockOf(item.state());
    },
  },

  timers: {
    lapse(item, orderId) {
      const quantity = heldBy(item.state().held, orderId);
      if (quantity > 0) item.emit.Lapsed({ orderId, quantity });
    },
  },

  queries: { stock: stockOf },
});
