import { expect, test } from 'vitest';
import { field } from '../../tools/http.ts';
import { shop } from './node.ts';

const { update, signal, query, read, write, crash } = shop();

test('cart: items are added, priced anew, removed; checked out, it is closed', async () => {
  const cart = 'cart/a';
  expect((await signal(cart, 'addItem', { sku: 'tea', quantity: 2, unitPrice: 450 })).status).toBe(202);
  expect((await signal(cart, 'addItem', { sku: 'salt', quantity: 1, unitPrice: 99 })).status).toBe(202);
  expect((await signal(cart, 'addItem', { sku: 'tea', quantity: 1, unitPrice: 400 })).status).toBe(202);
  expect(await update(cart, 'removeItem', { sku: 'salt', quantity: 2 })).toMatchObject({
    status: 409,
    body: { code: 'not-in-cart', details: { sku: 'salt', quantity: 1 }, by: 'cart/a' },
  });
  expect((await update(cart, 'removeItem', { sku: 'salt', quantity: 1 })).status).toBe(200);
  const order = { orderId: expect.any(String), units: 3, total: 1200 };
  const checkedOut = await update(cart, 'checkOut');
  expect(checkedOut).toMatchObject({ status: 200, body: { result: order } });
  expect(await update(cart, 'checkOut')).toMatchObject({ status: 409, body: { code: 'cart-closed' } });
  expect(await update('cart/empty', 'checkOut')).toMatchObject({ status: 409, body: { code: 'cart-empty' } });
  expect(await query(cart, 'summary')).toMatchObject({
    status: 'checkedOut',
    units: 3,
    total: 1200,
    lines: [{ sku: 'tea', quantity: 3, unitPrice: 400 }],
  });
  const row = await read('projections/carts/a', field(checkedOut.body, 'position'));
  expect(row).toMatchObject({ status: 200, body: { id: 'a', status: 'checkedOut', units: 3, total: 1200 } });
  const types = (field((await read('entities/cart/a/history')).body, 'events') as readonly { type: string }[]).map(({ type }) => type);
  expect(types.filter((type) => !type.startsWith('perdure:'))).toEqual([
    'ItemAdded',
    'ItemAdded',
    'PriceChanged',
    'ItemAdded',
    'ItemRemoved',
    'CheckedOut',
  ]);
});

test('account: money is neither made nor lost; the statement lists every booking in order', async () => {
  const account = 'account/ada';
  expect(await update(account, 'deposit', { amount: 5 })).toMatchObject({ status: 409, body: { code: 'account-not-open' } });
  expect((await update(account, 'open', { owner: 'Ada' })).status).toBe(200);
  expect(await update(account, 'open', { owner: 'Eve' })).toMatchObject({ status: 409, body: { code: 'account-exists' } });
  expect(await update(account, 'deposit', { amount: 500, reference: 'salary' })).toMatchObject({ body: { result: { balance: 500 } } });
  expect(await update(account, 'withdraw', { amount: 501 })).toMatchObject({
    body: { code: 'insufficient-funds', details: { balance: 500 } },
  });
  const last = await update(account, 'withdraw', { amount: 200 });
  expect(last).toMatchObject({ body: { result: { balance: 300 } } });
  expect(await update(account, 'close')).toMatchObject({ status: 409, body: { code: 'balance-not-zero' } });
  const position = field(last.body, 'position');
  expect((await read('projections/accounts/ada', position)).body).toEqual({ balance: 300, owner: 'Ada', status: 'open' });
  const statement = await read('projections/statements?index=byAccount&equals="ada"', position);
  expect(field(statement.body, 'rows')).toMatchObject([
    { amount: 500, reference: 'salary' },
    { amount: -200, reference: null },
  ]);
});

test('inventory: what is reserved is not available; released or shipped it ends', async () => {
  const sku = 'inventory/honey';
  expect((await update(sku, 'receive', { quantity: 10 })).body).toMatchObject({ result: { onHand: 10, reserved: 0, available: 10 } });
  expect((await update(sku, 'reserve', { orderId: 'o1', quantity: 6 })).body).toMatchObject({ result: { available: 4 } });
  expect(await update(sku, 'reserve', { orderId: 'o2', quantity: 5 })).toMatchObject({
    status: 409,
    body: { code: 'out-of-stock', details: { available: 4 } },
  });
  expect((await update(sku, 'release', { orderId: 'nobody' })).body, 'releasing nothing changes nothing').toMatchObject({
    result: { available: 4 },
  });
  expect(await update(sku, 'ship', { orderId: 'o2' })).toMatchObject({ status: 409, body: { code: 'no-reservation' } });
  const shipped = await update(sku, 'ship', { orderId: 'o1' });
  expect(shipped.body).toMatchObject({ result: { onHand: 4, reserved: 0, available: 4 } });
  expect((await read('projections/stock/honey', field(shipped.body, 'position'))).body).toEqual({ onHand: 4, reserved: 0, available: 4 });
});

test('a key that was used answers as it did the first time, also after kill -9; a rejected one is decided anew', async () => {
  const account = 'account/keys';
  expect((await update(account, 'withdraw', { amount: 1 }, 'w')).status).toBe(409);
  await update(account, 'open', { owner: 'Kim' });
  const first = await update(account, 'deposit', { amount: 100 }, 'd');
  await update(account, 'deposit', { amount: 1 });
  const again = await update(account, 'deposit', { amount: 100 }, 'd');
  expect(field(again.body, 'result')).toEqual({ balance: 100 });
  expect(field(again.body, 'revision')).toBe(field(first.body, 'revision'));
  await crash();
  const afterwards = await update(account, 'deposit', { amount: 100 }, 'd');
  expect(field(afterwards.body, 'result')).toEqual({ balance: 100 });
  expect(field(afterwards.body, 'revision')).toBe(field(first.body, 'revision'));
  expect(await query(account, 'balance')).toMatchObject({ balance: 101 });
  expect(await update(account, 'withdraw', { amount: 1 }, 'w'), 'there is money now').toMatchObject({ status: 200 });
});

test('a batch answers line by line, in order, what single signals would', async () => {
  const line = (id: string, amount: number, signalId: string) => ({ type: 'account', id, name: 'deposit', payload: { amount }, signalId });
  await update('account/batch', 'open', { owner: 'Bo' });
  const batch = [
    line('batch', 1, 'b1'),
    line('batch', 2, 'b2'),
    line('unopened', 3, 'b3'),
    line('batch', -4, 'b4'),
    line('batch', 1, 'b1'),
  ];
  const { status, body } = await write('signals', batch);
  expect(status).toBe(200);
  expect((body as readonly unknown[]).map((result) => field(result, 'code') ?? field(result, 'status'))).toEqual([
    202,
    202,
    'account-not-open',
    'invalid-payload',
    202,
  ]);
  expect(await query('account/batch', 'balance')).toMatchObject({ balance: 3 });
});

test('what is wrong with a request is told by a stable code', async () => {
  expect(await update('account/x', 'deposit', { amount: 'much' })).toMatchObject({
    status: 400,
    body: { code: 'invalid-payload', errors: [{ path: expect.anything() }] },
  });
  expect(await update('account/x', 'steal')).toMatchObject({ status: 404, body: { code: 'unknown-signal' } });
  expect(await update('bank/x', 'open')).toMatchObject({ status: 404, body: { code: 'unknown-entity-type' } });
  expect(await read('entities/account/nobody')).toMatchObject({ status: 404, body: { code: 'not-found' } });
  expect(await read('projections/nothing/x')).toMatchObject({ status: 404, body: { code: 'unknown-projection' } });
  expect(await write('entities/account/x/updates/open', '{"owner":')).toMatchObject({ status: 400, body: { code: 'malformed-request' } });
});
