import { projection } from 'perdure';
import { z } from 'zod';
import { inventory } from '../entities/inventory.ts';
import { Sum } from '../entities/values.ts';

/** A row per sku; its key is the sku. */
const Row = z.object({ onHand: Sum, reserved: Sum, available: Sum });
type Row = z.output<typeof Row>;

export const Stock = projection('stock', { row: Row, version: 1, indexes: { byAvailability: ['available'] } });

export const stock = Stock.from(inventory, {
  Received: (row, { quantity }) => changed(row, quantity, 0),
  Reserved: (row, { quantity }) => changed(row, 0, quantity),
  Released: (row, { quantity }) => changed(row, 0, -quantity),
  Lapsed: (row, { quantity }) => changed(row, 0, -quantity),
  Shipped: (row, { quantity }) => changed(row, -quantity, -quantity),
});

function changed(row: Row | undefined, onHandBy: number, reservedBy: number): Row {
  const onHand = (row?.onHand ?? 0) + onHandBy;
  const reserved = (row?.reserved ?? 0) + reservedBy;
  return { onHand, reserved, available: onHand - reserved };
}
