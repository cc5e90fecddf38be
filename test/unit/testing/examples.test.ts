import { given, type TestRuntime, testRuntime } from 'perdure/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { Approval, approval } from '../../../entities/approval.ts';
import { Cart, cart } from '../../../entities/cart.ts';
import { Inventory, inventory } from '../../../entities/inventory.ts';
import { notify } from '../../../entities/notify.ts';
import { Order, order } from '../../../entities/order.ts';
import { charge, refund } from '../../../entities/payments.ts';
import { Carts, carts } from '../../../projections/carts.ts';

// The examples of runtime/testing/README.md: every block there stands here, word for word.

const tea = { sku: 'tea', quantity: 2, unitPrice: 300 };
const placing = { customer: 'ann', lines: [tea], paymentMethod: 'visa' };

test('a plain handler, without a runtime', () => {
  const { events, timers } = given(cart).when(Cart('42').addItem(tea));
  expect(events).toEqual([{ type: 'ItemAdded', data: tea }]);
  expect(timers).toEqual({ expiry: 30 * 86_400_000 });
});

describe('a node in memory', () => {
  let world: TestRuntime;
  afterEach(() => world.stop());

  test('a month in milliseconds', async () => {
    world = await testRuntime({ entities: [cart], projections: [carts] });
    await world.update(Cart('42').addItem(tea));
    await world.advance('29 days');
    expect(world.state(cart, '42').status).toBe('open');
    await world.crash();
    await world.advance('1 day');
    expect(world.events(cart, '42').at(-1)?.type).toBe('Expired');
    expect(await world.rows(Carts).get('42')).toMatchObject({ status: 'expired' });
  });

  test('doubles of activities', async () => {
    const refunded: string[] = [];
    world = await testRuntime({
      entities: [order, inventory],
      activities: [
        charge.implement(() => {
          throw charge.reject('declined');
        }),
        refund.implement(({ orderId }) => {
          refunded.push(orderId);
        }),
      ],
    });
    await world.update(Inventory('tea').receive({ quantity: 5 }));
    expect(await world.update(Order('o-1').place(placing))).toEqual({ status: 'compensated', total: 600 });
    expect(await world.query(Inventory('tea').stock())).toEqual({ onHand: 5, reserved: 0, available: 5 });
  });

  test('a link in a mail', async () => {
    const links = new Map<string, string>();
    world = await testRuntime({
      entities: [approval],
      activities: [notify.implement(({ to, token = '' }) => void links.set(to, token))],
    });
    const request = { subject: 'a desk', approvers: ['ann', 'bo'], quorum: 2, timeoutMs: 7 * 86_400_000 };
    const sent = await world.signal(Approval('a-1').request(request));
    await world.callback(links.get('ann') ?? '', { result: { decision: 'approve' } });
    await world.signal(Approval('a-1').decide({ approver: 'bo', decision: 'approve' }));
    expect(await world.outcome(sent)).toEqual({ decision: 'approved' });

    expect(await world.update(Approval('a-2').request(request))).toEqual({ decision: 'timedOut' });
  });

  test('a crash while money is on its way', async () => {
    const keys: string[] = [];
    world = await testRuntime({
      entities: [order, inventory],
      activities: [
        charge.implement(async (_payment, { idempotencyKey, attempt }) => {
          keys.push(idempotencyKey);
          if (attempt === 1) await world.crash();
        }),
        refund.implement(() => undefined),
      ],
    });
    await world.update(Inventory('tea').receive({ quantity: 5 }));
    expect(await world.update(Order('o-1').place(placing))).toEqual({ status: 'completed', total: 600 });
    expect(keys).toHaveLength(2);
    expect(new Set(keys).size).toBe(1);
  });

  test('a defect that is meant', async () => {
    world = await testRuntime({ entities: [order, inventory] });
    await world.update(Inventory('tea').receive({ quantity: 5 }));
    await expect(world.update(Order('o-1').place(placing))).rejects.toMatchObject({ code: 'unknown-activity' });
    const { runs } = await world.view(order, 'o-1');
    expect(runs).toMatchObject([{ name: 'place', status: 'stalled' }]);
  });
});
