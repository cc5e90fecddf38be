import { CancelledError, durable, entity, query, type Saga, signal } from 'perdure';
import { z } from 'zod';
import { refusalOf } from './callee.ts';
import { Inventory } from './inventory.ts';
import { charge, refund } from './payments.ts';
import { Identifier, Quantity, Sum, Text, UnitPrice } from './values.ts';

// ── contract ──

const Line = z.object({ sku: Identifier, quantity: Quantity, unitPrice: UnitPrice });
const MAX_LINES = 100;
/** Several lines may name one sku; what is reserved of it is one quantity, with the bounds of one. */
const Lines = z
  .array(Line)
  .max(MAX_LINES)
  .refine((lines) => unitsBySku(lines).every(({ quantity }) => Quantity.safeParse(quantity).success), 'too many units of one sku')
  .readonly();
const Placing = z.object({ customer: Identifier, lines: Lines, paymentMethod: Text });
export const OrderStatus = z.enum([
  'new',
  'placed',
  'reserving',
  'charging',
  'shipping',
  'completed',
  'compensating',
  'compensated',
  'cancelled',
]);
const Ending = z.object({ status: OrderStatus.extract(['completed', 'compensated', 'cancelled']), total: Sum });

export const Order = entity(
  'order',
  {
    place: signal({ input: Placing, output: Ending, once: true }),
    cancel: signal(),
    /** `reason`: the code of what went wrong, null while nothing did. */
    progress: query({ output: z.object({ status: OrderStatus, total: Sum, reason: z.string().nullable() }) }),
  },
  { rejects: ['no-lines'] },
);

// ── state ──

type Lines = z.output<typeof Lines>;
/** `total` is in the event, so that readers need not add up lines. */
type Placed = Readonly<z.output<typeof Placing>> & { readonly total: number };
interface State {
  readonly status: z.output<typeof OrderStatus>;
  readonly total: number;
  readonly reason: string | null;
}

const model = Order.fold((): State => ({ status: 'new', total: 0, reason: null }), {
  Placed: (state, { total }: Placed) => ({ ...state, status: 'placed', total }),
  Reserving: (state) => ({ ...state, status: 'reserving' }),
  Charging: (state) => ({ ...state, status: 'charging' }),
  Shipping: (state) => ({ ...state, status: 'shipping' }),
  Completed: (state) => ({ ...state, status: 'completed' }),
  Compensating: (state, { reason }: { reason: string }) => ({ ...state, status: 'compensating', reason }),
  Compensated: (state) => ({ ...state, status: 'compensated' }),
  Cancelled: (state) => ({ ...state, status: 'cancelled' }),
});

interface Units {
  readonly sku: string;
  readonly quantity: number;
}

/** One reservation per sku, however many lines name it: an inventory ships all that an order holds at once. */
function unitsBySku(lines: readonly Units[]): readonly Units[] {
  const units = new Map<string, number>();
  for (const { sku, quantity } of lines) units.set(sku, (units.get(sku) ?? 0) + quantity);
  return [...units].map(([sku, quantity]) => ({ sku, quantity }));
}

function totalOf(lines: Lines): number {
  return lines.reduce((sum, { quantity, unitPrice }) => sum + quantity * unitPrice, 0);
}

// ── behaviour ──

export const order = model.implement({
  signals: {
    place: durable(async (order, placing) => {
      if (placing.lines.length === 0) throw Order.reject('no-lines');
      const total = totalOf(placing.lines);
      const placed = { ...placing, total };
      order.emit.Placed(placed);
      try {
        await order.saga((saga) => fulfilled(saga, placed));
      } catch (error) {
        if (refusalOf(error) === undefined) throw error;
        if (error instanceof CancelledError) {
          order.emit.Cancelled();
          return { status: 'cancelled', total };
        }
        order.emit.Compensated();
        return { status: 'compensated', total };
      }
      order.emit.Completed();
      return { status: 'completed', total };
    }),

    // Too late, it changes nothing.
    cancel(order) {
      order.cancel('place');
    },
  },

  queries: { progress: ({ status, total, reason }) => ({ status, total, reason }) },
});

/** Tells that the order is being undone before the saga begins to. */
async function fulfilled(saga: Saga<typeof model>, placed: Placed): Promise<void> {
  try {
    await steps(saga, placed);
  } catch (error) {
    saga.emit.Compensating({ reason: refusalOf(error) ?? 'defect' });
    throw error;
  }
}

/**
 * What does nothing where nothing happened (release, refund) is registered before its step, so that it also undoes a step of which nobody
 * knows whether it was done. Taking back what was shipped would make stock of nothing, so it is registered after.
 */
async function steps(saga: Saga<typeof model>, { lines, paymentMethod, total }: Placed): Promise<void> {
  const orderId = saga.id;
  const units = unitsBySku(lines);
  saga.emit.Reserving();
  await saga.map(units, async ({ sku, quantity }) => {
    saga.compensate(Inventory(sku).release({ orderId }));
    await saga.call(Inventory(sku).reserve({ orderId, quantity }));
  });
  // No gateway takes a charge of nothing.
  if (total > 0) {
    saga.emit.Charging();
    const payment = { orderId, amount: total, paymentMethod };
    saga.compensate(refund(payment));
    await saga.call(charge(payment));
  }
  saga.emit.Shipping();
  // One after another: a cancellation that came during the charge then stops all of them, not the first alone.
  for (const { sku, quantity } of units) {
    await saga.call(Inventory(sku).ship({ orderId }));
    saga.compensate(Inventory(sku).receive({ quantity }));
  }
}
