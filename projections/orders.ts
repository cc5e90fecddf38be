import { projection } from 'perdure';
import { z } from 'zod';
import { OrderStatus, order } from '../entities/order.ts';
import { Sum } from '../entities/values.ts';

/** A row per order; its key is the order's id. `reason`: the code of what went wrong; times are milliseconds since 1970. */
const Row = z.object({
  id: z.string(),
  customer: z.string(),
  status: OrderStatus,
  total: Sum,
  reason: z.string().nullable(),
  placedAt: z.int(),
  updatedAt: z.int(),
});
type Row = z.output<typeof Row>;

export const Orders = projection('orders', {
  row: Row,
  version: 1,
  indexes: { byCustomer: ['customer', 'placedAt'], byStatus: ['status', 'placedAt'] },
});

const becomes =
  (status: Row['status']) =>
  (row: Row | undefined, _event: unknown, { time }: { readonly time: number }): Row | undefined =>
    row && { ...row, status, updatedAt: time };

export const orders = Orders.from(order, {
  Placed: (_row, { customer, total }, { id, time }) => ({
    id,
    customer,
    status: 'placed',
    total,
    reason: null,
    placedAt: time,
    updatedAt: time,
  }),
  Reserving: becomes('reserving'),
  Charging: becomes('charging'),
  Shipping: becomes('shipping'),
  Completed: becomes('completed'),
  Compensating: (row, { reason }, { time }) => row && { ...row, status: 'compensating', reason, updatedAt: time },
  Compensated: becomes('compensated'),
  Cancelled: becomes('cancelled'),
});
