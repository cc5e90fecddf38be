import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { heldBy, noReservations, withHeld } from '../../../entities/reservations.ts';
import { deepFreeze, plainSize } from '../../../runtime/core/plain.ts';

const orderId = fc.oneof(
  fc.string({ minLength: 1 }),
  fc.nat({ max: 300 }).map(String),
  fc.constantFrom('__proto__', 'constructor', 'length'),
);
const changes = fc.array(fc.tuple(orderId, fc.nat({ max: 5 })), { maxLength: 200 });

describe('reservations', () => {
  it('V2, V3: are a map: what an order holds is what was set last, count and units are those of all orders', () => {
    fc.assert(
      fc.property(changes, (all) => {
        const expected = new Map<string, number>();
        let actual = deepFreeze(noReservations);
        for (const [order, quantity] of all) {
          actual = deepFreeze(withHeld(actual, order, quantity));
          if (quantity === 0) expected.delete(order);
          else expected.set(order, quantity);
        }
        for (const [order] of all) expect(heldBy(actual, order)).toBe(expected.get(order) ?? 0);
        expect(actual.count).toBe(expected.size);
        expect(actual.units).toBe([...expected.values()].reduce((sum, quantity) => sum + quantity, 0));
      }),
    );
  });

  it('V1: leave nothing behind when the last one ends', () => {
    fc.assert(
      fc.property(fc.uniqueArray(orderId, { maxLength: 50 }), (orders) => {
        const full = orders.reduce((all, order) => withHeld(all, order, 2), noReservations);
        expect(orders.reduce((all, order) => withHeld(all, order, 0), full)).toEqual(noReservations);
      }),
    );
  });

  it('are plain data', () => {
    const some = ['a', '__proto__', '1'].reduce((all, order) => withHeld(all, order, 1), noReservations);
    expect(plainSize(some, 'state')).toBeGreaterThan(0);
    expect(JSON.parse(JSON.stringify(some))).toEqual(some);
  });

  it('spread over the buckets: of 10 000 orders no change copies more than a small part', () => {
    const orders = Array.from({ length: 10_000 }, (_, i) => `order-${i}`);
    const full = orders.reduce((all, order) => withHeld(all, order, 1), noReservations);
    const sizes = full.buckets.map((bucket) => bucket.length);
    expect(sizes).toHaveLength(128);
    expect(Math.max(...sizes)).toBeLessThan(160);
  });
});
