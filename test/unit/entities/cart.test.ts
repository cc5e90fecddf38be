import fc from 'fast-check';
import type { EventOf } from 'perdure';
import { describe, expect, it } from 'vitest';
import { Cart, cart } from '../../../entities/cart.ts';
import { carts } from '../../../projections/carts.ts';
import { given } from '../../../runtime/testing/given.ts';
import { live } from './live.ts';
import { rowsOf } from './rows.ts';

const DAY = 86_400_000;
const tea = { sku: 'tea', quantity: 2, unitPrice: 300 };
const added = (line: typeof tea): EventOf<typeof cart> => ({ type: 'ItemAdded', data: line });
const expired: EventOf<typeof cart> = { type: 'Expired' };
const checkedOut: EventOf<typeof cart> = { type: 'CheckedOut', data: { orderId: 'o', units: 2, total: 600 } };
const closing = [
  ['an expired cart', expired],
  ['a checked out cart', checkedOut],
] as const;

describe('addItem', () => {
  it('adds a line to an untouched cart and arms the expiry', () => {
    const then = given(cart).when(Cart('1').addItem(tea), { nowMs: 5 });
    expect(then.events).toEqual([added(tea)]);
    expect(then.state).toMatchObject({ status: 'open', units: 2, total: 600, lines: [tea] });
    expect(then.timers).toEqual({ expiry: 30 * DAY + 5 });
  });

  it('adds up the units of a sku', () => {
    const then = given(cart, added(tea)).when(Cart('1').addItem({ ...tea, quantity: 3 }));
    expect(then.state).toMatchObject({ units: 5, total: 1_500, lines: [{ ...tea, quantity: 5 }] });
  });

  it('at another price says so first, and the newest price holds for all units', () => {
    const then = given(cart, added(tea)).when(Cart('1').addItem({ ...tea, unitPrice: 250 }));
    expect(then.events).toEqual([
      { type: 'PriceChanged', data: { sku: 'tea', quantity: 2, from: 300, to: 250 } },
      added({ ...tea, unitPrice: 250 }),
    ]);
    expect(then.state).toMatchObject({ units: 4, total: 1_000, lines: [{ sku: 'tea', quantity: 4, unitPrice: 250 }] });
  });

  it('keeps lines in the order they were first added', () => {
    const history = [added(tea), added({ ...tea, sku: 'milk' })];
    const then = given(cart, ...history).when(Cart('1').addItem(tea));
    expect(then.state.lines.map(({ sku }) => sku)).toEqual(['tea', 'milk']);
  });

  it('takes skus that are names of an object', () => {
    for (const sku of ['__proto__', 'constructor', 'toString']) {
      expect(given(cart).when(Cart('1').removeItem({ sku, quantity: 1 })).rejection?.code).toBe('not-in-cart');
      expect(given(cart).when(Cart('1').addItem({ ...tea, sku })).state).toMatchObject({ units: 2, lines: [{ sku }] });
    }
  });

  it.each(closing)('to %s is rejected', (_what, closed) => {
    const then = given(cart, added(tea), closed).when(Cart('1').addItem(tea));
    expect(then.rejection?.code).toBe('cart-closed');
    expect(then.events).toEqual([]);
  });

  it.each([
    { ...tea, quantity: 0 },
    { ...tea, quantity: 1.5 },
    { ...tea, quantity: 10_001 },
    { ...tea, unitPrice: -1 },
    { ...tea, unitPrice: 100_000_001 },
    { ...tea, sku: '' },
    { ...tea, sku: 'x'.repeat(256) },
    { ...tea, sku: 'a\u0000' },
    { ...tea, sku: '\ud800' },
  ])('refuses the payload %j', (line) => {
    expect(() => given(cart).when(Cart('1').addItem(line))).toThrow(/invalid-payload/);
  });
});

describe('removeItem', () => {
  it('lowers the quantity', () => {
    const then = given(cart, added(tea)).when(Cart('1').removeItem({ sku: 'tea', quantity: 1 }));
    expect(then.events).toEqual([{ type: 'ItemRemoved', data: { sku: 'tea', quantity: 1, unitPrice: 300 } }]);
    expect(then.state).toMatchObject({ units: 1, total: 300, lines: [{ ...tea, quantity: 1 }] });
    expect(then.timers).toEqual({ expiry: 30 * DAY });
  });

  it('of the last unit takes the line away', () => {
    const then = given(cart, added(tea), added({ ...tea, sku: 'milk' })).when(Cart('1').removeItem({ sku: 'tea', quantity: 2 }));
    expect(then.state).toMatchObject({ units: 2, total: 600, lines: [{ ...tea, sku: 'milk' }] });
  });

  it.each([
    ['a sku that is not there', { sku: 'milk', quantity: 1 }, 0],
    ['more units than there are', { sku: 'tea', quantity: 3 }, 2],
  ])('of %s is rejected', (_what, item, quantity) => {
    const then = given(cart, added(tea)).when(Cart('1').removeItem(item));
    expect(then.rejection).toMatchObject({ code: 'not-in-cart', details: { sku: item.sku, quantity } });
    expect(then.events).toEqual([]);
    expect(then.timers).toEqual({});
  });

  it.each(closing)('from %s is rejected', (_what, closed) => {
    expect(given(cart, added(tea), closed).when(Cart('1').removeItem({ sku: 'tea', quantity: 1 })).rejection?.code).toBe('cart-closed');
  });
});

describe('checkOut', () => {
  it('answers the order that its event names', () => {
    const then = given(cart, added(tea), added({ ...tea, sku: 'milk', quantity: 1 })).when(Cart('1').checkOut());
    expect(then.result).toEqual({ orderId: expect.stringMatching(/^[0-9a-f-]{36}$/), units: 3, total: 900 });
    expect(then.events).toEqual([{ type: 'CheckedOut', data: then.result }]);
    expect(then.state.status).toBe('checkedOut');
  });

  it('takes the expiry away', () => {
    const life = live(cart, '1');
    life.tell(Cart('1').addItem(tea));
    life.tell(Cart('1').checkOut());
    life.passTo(31 * DAY);
    expect(life.events.map(({ type }) => type)).toEqual(['ItemAdded', 'CheckedOut']);
  });

  it('of an empty cart is rejected, also of one that was emptied', () => {
    expect(given(cart).when(Cart('1').checkOut()).rejection?.code).toBe('cart-empty');
    const emptied: EventOf<typeof cart> = { type: 'ItemRemoved', data: tea };
    expect(given(cart, added(tea), emptied).when(Cart('1').checkOut()).rejection?.code).toBe('cart-empty');
  });

  it.each(closing)('of %s is rejected', (_what, closed) => {
    expect(given(cart, added(tea), closed).when(Cart('1').checkOut()).rejection?.code).toBe('cart-closed');
  });
});

describe('expiry', () => {
  it('comes 30 days after the last change, not after the first', () => {
    const life = live(cart, '1');
    life.tell(Cart('1').addItem(tea));
    life.passTo(29 * DAY);
    life.tell(Cart('1').removeItem({ sku: 'tea', quantity: 1 }));
    life.passTo(59 * DAY - 1);
    expect(life.answers(Cart('1').summary())).toMatchObject({ status: 'open' });
    life.passTo(59 * DAY);
    expect(life.answers(Cart('1').summary())).toMatchObject({ status: 'expired', units: 1 });
    expect(life.events.at(-1)?.meta.time).toBe(59 * DAY);
  });

  it('is not put off by a rejection', () => {
    const life = live(cart, '1');
    life.tell(Cart('1').addItem(tea));
    life.passTo(10 * DAY);
    expect(life.tell(Cart('1').removeItem({ sku: 'milk', quantity: 1 })).rejected).toBe('not-in-cart');
    life.passTo(30 * DAY);
    expect(life.answers(Cart('1').summary())).toMatchObject({ status: 'expired' });
  });
});

describe('any life of a cart', () => {
  const skus = fc.constantFrom('tea', 'milk', '__proto__');
  const add = fc.record({ sku: skus, quantity: fc.integer({ min: 1, max: 5 }), unitPrice: fc.integer({ min: 0, max: 9 }) });
  const remove = fc.record({ sku: skus, quantity: fc.integer({ min: 1, max: 5 }) });

  it('adds up: summary, row and an own account of the lines agree after every message', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(add, remove), { maxLength: 30 }), (items) => {
        const life = live(cart, '1');
        const lines = new Map<string, { sku: string; quantity: number; unitPrice: number }>();
        for (const item of items) {
          const old = lines.get(item.sku);
          const possible = 'unitPrice' in item || (old !== undefined && old.quantity >= item.quantity);
          const answer = life.tell('unitPrice' in item ? Cart('1').addItem(item) : Cart('1').removeItem(item));
          expect(answer.rejected).toBe(possible ? undefined : 'not-in-cart');
          if (!possible) continue;
          const by = 'unitPrice' in item ? item.quantity : -item.quantity;
          const line = {
            ...item,
            unitPrice: 'unitPrice' in item ? item.unitPrice : (old?.unitPrice ?? 0),
            quantity: (old?.quantity ?? 0) + by,
          };
          if (line.quantity === 0) lines.delete(item.sku);
          else lines.set(item.sku, line);
        }
        const all = [...lines.values()];
        const units = all.reduce((sum, line) => sum + line.quantity, 0);
        const total = all.reduce((sum, line) => sum + line.quantity * line.unitPrice, 0);
        expect(life.answers(Cart('1').summary())).toEqual({ status: 'open', units, total, lines: all });
        if (life.events.length > 0) expect(rowsOf(carts, life.events).get('1')).toMatchObject({ id: '1', status: 'open', units, total });
        const order = life.tell(Cart('1').checkOut());
        if (units === 0) expect(order.rejected).toBe('cart-empty');
        else expect(order.result).toMatchObject({ units, total });
      }),
    );
  });
});
