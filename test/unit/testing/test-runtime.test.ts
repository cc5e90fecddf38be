import { type TestRuntime, testRuntime } from 'perdure/testing';
import { afterEach, expect, test } from 'vitest';
import { Account, account } from '../../../entities/account.ts';
import { Cart, cart } from '../../../entities/cart.ts';
import { Inventory, inventory } from '../../../entities/inventory.ts';
import { Accounts, accounts } from '../../../projections/accounts.ts';
import { Carts, carts } from '../../../projections/carts.ts';

const DAY = 86_400_000;
const tea = { sku: 'tea', quantity: 1, unitPrice: 300 };

let world: TestRuntime;
afterEach(() => world.stop());

test('a cart expires 30 days after its last change, whatever crashes in between', async () => {
  world = await testRuntime({ entities: [cart], projections: [carts] });
  const start = world.now;
  await world.update(Cart('42').addItem(tea));
  await world.advance('29 days');
  expect(world.state(cart, '42').status).toBe('open');
  await world.crash();
  await world.advance('1 day');
  expect(world.events(cart, '42').map(({ type }) => type)).toEqual(['ItemAdded', 'Expired']);
  expect(await world.rows(Carts).get('42')).toMatchObject({ status: 'expired', updatedAt: start + 30 * DAY });
  expect(world.now).toBe(start + 30 * DAY);
});

test('each of a thousand carts expires at its own time', async () => {
  world = await testRuntime({ entities: [cart], projections: [carts] });
  const start = world.now;
  for (let n = 0; n < 1_000; n += 1) {
    await world.signal(Cart(`${n}`).addItem(tea));
    if (n % 100 === 99) await world.advance('1 hour');
  }
  await world.advance('30 days');
  const page = await world.rows(Carts).find({ index: 'byStatus', equals: ['expired'], limit: 1_000 });
  expect(page.rows).toHaveLength(1_000);
  const times = new Set(page.rows.map(({ updatedAt }) => (updatedAt - start - 30 * DAY) / 3_600_000));
  expect([...times].sort((one, other) => one - other)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('a timer of milliseconds fires at its time, also right after a crash', async () => {
  world = await testRuntime({ entities: [cart] });
  await world.signal(Cart('1').addItem(tea));
  await world.advance(30 * DAY - 300);
  await world.crash();
  await world.advance(299);
  expect(world.state(cart, '1').status).toBe('open');
  await world.advance(1);
  expect(world.state(cart, '1').status).toBe('expired');
});

test('updates answer, reject and are known again by their id', async () => {
  world = await testRuntime({ entities: [account], projections: [accounts] });
  await world.signal(Account('a').open({ owner: 'ann' }));
  expect(await world.update(Account('a').deposit({ amount: 10 }), { id: 'd-1' })).toEqual({ balance: 10 });
  expect(await world.update(Account('a').deposit({ amount: 10 }), { id: 'd-1' })).toEqual({ balance: 10 });
  const refused = await world.update(Account('a').withdraw({ amount: 11 })).catch((error: unknown) => error);
  expect(Account.rejected(refused, 'insufficient-funds')).toBe(true);
  expect(await world.query(Account('a').balance())).toMatchObject({ balance: 10 });
  expect(await world.rows(Accounts).get('a')).toMatchObject({ balance: 10 });
  expect(world.events(account, 'a')).toEqual([
    { type: 'Opened', data: { owner: 'ann' } },
    { type: 'Deposited', data: { amount: 10 } },
  ]);
});

test('reservations lapse one by one', async () => {
  world = await testRuntime({ entities: [inventory] });
  await world.signal(Inventory('tea').receive({ quantity: 5 }));
  await world.signal(Inventory('tea').reserve({ orderId: 'a', quantity: 1 }));
  await world.advance('10 minutes');
  await world.signal(Inventory('tea').reserve({ orderId: 'b', quantity: 2 }));
  await world.advance('5 minutes');
  expect(await world.query(Inventory('tea').stock())).toEqual({ onHand: 5, reserved: 2, available: 3 });
  await world.advance('10 minutes');
  expect(await world.query(Inventory('tea').stock())).toEqual({ onHand: 5, reserved: 0, available: 5 });
});
