import { entity, query, signal, typed } from 'perdure';
import { expect, test } from 'vitest';
import { Cart, cart } from '../../../entities/cart.ts';
import { Inventory, inventory } from '../../../entities/inventory.ts';
import { given } from '../../../runtime/testing/given.ts';

const MINUTE = 60_000;
const tea = Inventory('tea');
const stocked = given(inventory)
  .when(tea.receive({ quantity: 5 }))
  .when(tea.reserve({ orderId: 'o1', quantity: 2 }), { nowMs: 7 });

test('a timer that a message armed fires when it is due', () => {
  expect(stocked.timers).toEqual({ 'lapse/o1': 15 * MINUTE + 7 });
  const lapsed = stocked.fires('lapse', 'o1');
  expect(lapsed.events).toEqual([{ type: 'Lapsed', data: { orderId: 'o1', quantity: 2 } }]);
  expect(lapsed.timers).toEqual({});
  expect(lapsed.answers(tea.stock())).toEqual({ onHand: 5, reserved: 0, available: 5 });
});

test('a history is not changed by what follows it: it can be gone on with twice', () => {
  const shipped = stocked.when(tea.ship({ orderId: 'o1' }));
  const released = stocked.when(tea.release({ orderId: 'o1' }));
  expect([shipped.result, released.result]).toEqual([
    { onHand: 3, reserved: 0, available: 3 },
    { onHand: 5, reserved: 0, available: 5 },
  ]);
  expect(stocked.answers(tea.stock())).toEqual({ onHand: 5, reserved: 2, available: 3 });
  expect(() => shipped.fires('lapse', 'o1')).toThrow('the timer lapse/o1 is not armed');
});

test('after events alone any timer of the entity may fire, at the time that is given', () => {
  const line = { sku: 'tea', quantity: 1, unitPrice: 3 };
  expect(given(cart, { type: 'ItemAdded', data: line }).fires('expiry', '', { id: '1' }).events).toEqual([{ type: 'Expired' }]);
  expect(() => given(cart).fires('expiri')).toThrow('the timer expiri is not armed');
});

test('a history is of one entity', () => {
  expect(() =>
    given(cart)
      .when(Cart('1').addItem({ sku: 'tea', quantity: 1, unitPrice: 3 }))
      .when(Cart('2').checkOut()),
  ).toThrow(/cart\/1.*cart\/2/);
});

test('a defect carries its code and what was thrown, of a signal, a timer and a query', () => {
  const Bad = entity('bad', { go: signal(), ask: query({ output: typed<number>() }) });
  const boom = () => {
    throw new TypeError('boom');
  };
  const bad = given(
    Bad.fold(() => 0, {}, { timers: ['late'] }).implement({ signals: { go: boom }, timers: { late: boom }, queries: { ask: boom } }),
  );
  const thrown = (act: () => unknown): unknown => {
    try {
      return act();
    } catch (error) {
      return error;
    }
  };
  const cause = expect.objectContaining({ name: 'TypeError', message: 'boom' });
  expect(thrown(() => bad.when(Bad('1').go()))).toMatchObject({ code: 'defect', message: 'defect: bad.go: TypeError: boom', cause });
  expect(thrown(() => bad.fires('late'))).toMatchObject({ code: 'defect', message: 'defect: bad.late: TypeError: boom', cause });
  expect(thrown(() => bad.answers(Bad('1').ask()))).toMatchObject({ code: 'defect', message: expect.stringMatching(/^defect: .*boom/) });
});
