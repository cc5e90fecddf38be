import { projection } from 'perdure';
import { z } from 'zod';
import { CartStatus, cart } from '../entities/cart.ts';
import { Sum } from '../entities/values.ts';

/** A row per cart; `updatedAt` is the time of its last event, milliseconds since 1970. */
const Row = z.object({
  id: z.string(),
  status: CartStatus,
  units: Sum,
  total: Sum,
  orderId: z.string().nullable(),
  updatedAt: z.int(),
});

export const Carts = projection('carts', { row: Row, version: 1, indexes: { byStatus: ['status', 'updatedAt'] } });

type Row = z.output<typeof Row>;

export const carts = Carts.from(cart, {
  ItemAdded: (row, { quantity, unitPrice }, { id, time }) => {
    const { units, total }: Pick<Row, 'units' | 'total'> = row ?? { units: 0, total: 0 };
    return { id, status: 'open', orderId: null, units: units + quantity, total: total + quantity * unitPrice, updatedAt: time };
  },
  PriceChanged: (row, { quantity, from, to }, { time }) => row && { ...row, total: row.total + quantity * (to - from), updatedAt: time },
  ItemRemoved: (row, { quantity, unitPrice }, { time }) =>
    row && { ...row, units: row.units - quantity, total: row.total - quantity * unitPrice, updatedAt: time },
  CheckedOut: (row, { orderId }, { time }) => row && { ...row, status: 'checkedOut', orderId, updatedAt: time },
  Expired: (row, _event, { time }) => row && { ...row, status: 'expired', updatedAt: time },
});
