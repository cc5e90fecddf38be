import { type TestRuntime, testRuntime } from 'perdure/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Inventory, inventory } from '../../../entities/inventory.ts';
import { Order, order } from '../../../entities/order.ts';
import { payments } from '../../../entities/payments.ts';
import { type Sandbox, sandbox } from '../../../entities/payments-sandbox.ts';
import { Orders, orders } from '../../../projections/orders.ts';
import { crashedAtEveryStep } from './crashing.ts';

const MINUTE = 60_000;
const o = Order('o');
const line = (sku: string, quantity: number, unitPrice = 100) => ({ sku, quantity, unitPrice });
const placing = (paymentMethod = 'visa', lines = [line('tea', 2), line('milk', 3)]) => ({ customer: 'ann', lines, paymentMethod });
const FULL = { onHand: 10, reserved: 0, available: 10 };
const SHIPPED = { tea: { onHand: 8, reserved: 0, available: 8 }, milk: { onHand: 7, reserved: 0, available: 7 } };

async function shop(bank: Sandbox): Promise<TestRuntime> {
  const world = await testRuntime({ entities: [order, inventory], projections: [orders], activities: payments(bank) });
  for (const sku of ['tea', 'milk']) await world.update(Inventory(sku).receive({ quantity: 10 }));
  return world;
}

async function stockOf(world: TestRuntime) {
  return { tea: await world.query(Inventory('tea').stock()), milk: await world.query(Inventory('milk').stock()) };
}

/** Slow charges wait until the test says so, or their attempt is aborted. */
function heldCharges() {
  const waiting: (() => void)[] = [];
  const bank = sandbox(
    (_ms, signal) =>
      new Promise((resolve, reject) => {
        waiting.push(resolve);
        signal.addEventListener('abort', () => reject(signal.reason));
      }),
  );
  const release = () => {
    for (const resolve of waiting.splice(0)) resolve();
  };
  return { bank, release };
}

let held: ReturnType<typeof heldCharges>;
let bank: Sandbox;
let world: TestRuntime;
beforeEach(async () => {
  held = heldCharges();
  bank = held.bank;
  world = await shop(bank);
});
afterEach(() => world.stop());

const typesOf = () => world.events(order, 'o').map(({ type }) => type);
const statusOf = async () => (await world.query(o.progress())).status;
const operator = (verb: 'pause' | 'resume', sku: string) => world.admin({ type: 'inventory', id: sku, verb });

describe('an order', () => {
  it('reserves, charges and ships', async () => {
    expect(await world.update(o.place(placing()))).toEqual({ status: 'completed', total: 500 });
    expect(typesOf()).toEqual(['Placed', 'Reserving', 'Charging', 'Shipping', 'Completed']);
    expect(await stockOf(world)).toEqual(SHIPPED);
    expect(bank.ledger()).toMatchObject([{ orderId: 'o', amount: 500, paymentMethod: 'visa', isCharged: true, isRefunded: false }]);
    expect(await world.query(o.progress())).toEqual({ status: 'completed', total: 500, reason: null });
  });

  it('is new before it is placed', async () => {
    expect(await world.query(o.progress())).toEqual({ status: 'new', total: 0, reason: null });
  });

  it('without lines is rejected and leaves nothing', async () => {
    await expect(world.update(o.place(placing('visa', [])))).rejects.toMatchObject({ code: 'no-lines' });
    expect(world.events(order, 'o')).toEqual([]);
    expect(await world.update(o.place(placing()))).toMatchObject({ status: 'completed' });
  });

  it('is placed once: placed again it answers what it came to', async () => {
    await world.update(o.place(placing()));
    expect(await world.update(o.place(placing('decline')))).toEqual({ status: 'completed', total: 500 });
    expect(bank.ledger()).toHaveLength(1);
  });

  it('with several lines of one sku holds and ships it once', async () => {
    const lines = [line('tea', 2), line('tea', 3, 50)];
    expect(await world.update(o.place(placing('visa', lines)))).toEqual({ status: 'completed', total: 350 });
    expect(world.events(inventory, 'tea').slice(1)).toEqual([
      { type: 'Reserved', data: { orderId: 'o', quantity: 5 } },
      { type: 'Shipped', data: { orderId: 'o', quantity: 5 } },
    ]);
  });

  it('of nothing but gifts is not charged', async () => {
    expect(await world.update(o.place(placing('decline', [line('tea', 1, 0)])))).toEqual({ status: 'completed', total: 0 });
    expect(bank.ledger()).toEqual([]);
  });

  it.each([
    { ...placing(), customer: '' },
    { ...placing(), paymentMethod: 'x'.repeat(256) },
    placing('visa', [line('', 1)]),
    placing('visa', [line('tea', 0)]),
    placing('visa', [line('tea', 10_000), line('tea', 1)]),
    placing(
      'visa',
      Array.from({ length: 101 }, (_, n) => line(`sku-${n}`, 1)),
    ),
  ])('refuses the payload %#', async (payload) => {
    await expect(world.update(o.place(payload))).rejects.toMatchObject({ code: 'invalid-payload' });
  });
});

describe('an order that fails', () => {
  const undone = async (reason: string) => {
    expect(typesOf().slice(-2)).toEqual(['Compensating', 'Compensated']);
    expect(await world.query(o.progress())).toMatchObject({ status: 'compensated', reason });
    expect(await stockOf(world)).toEqual({ tea: FULL, milk: FULL });
  };

  it('because the card is declined gives back what it held', async () => {
    expect(await world.update(o.place(placing('decline')))).toEqual({ status: 'compensated', total: 500 });
    await undone('declined');
    expect(bank.ledger()).toMatchObject([{ isCharged: false, charges: 1 }]);
  });

  it('because one of its lines is short gives back the others and charges nothing', async () => {
    const lines = [line('tea', 2), line('milk', 11), line('sugar', 1)];
    expect(await world.update(o.place(placing('visa', lines)))).toEqual({ status: 'compensated', total: 1_400 });
    await undone('out-of-stock');
    expect(bank.ledger()).toEqual([]);
  });

  it('because the gateway stays away is undone while its reservation still holds, and a late charge would lose', async () => {
    const before = world.now;
    expect(await world.update(o.place(placing('fail')))).toMatchObject({ status: 'compensated' });
    await undone('activity-failed');
    expect(world.now - before).toBeLessThan(15 * MINUTE);
    expect(world.events(inventory, 'tea').at(-1)).toMatchObject({ type: 'Released' });
    const [entry] = bank.ledger();
    expect(entry).toMatchObject({ isCharged: false, isRefunded: true });
    expect(entry?.charges).toBeGreaterThan(5);
    const request = { key: entry?.key ?? '', signal: new AbortController().signal };
    expect(await bank.charge({ orderId: 'o', amount: 500, paymentMethod: 'fail' }, request).catch(() => 'failed')).not.toBeUndefined();
  });

  it('because a reservation is gone takes back what it has shipped, and refunds', async () => {
    const sent = await world.signal(o.place(placing('slow')));
    expect(await statusOf()).toBe('charging');
    await world.update(Inventory('milk').release({ orderId: 'o' }));
    held.release();
    expect(await world.outcome(sent)).toEqual({ status: 'compensated', total: 500 });
    await undone('no-reservation');
    expect(world.events(inventory, 'tea').slice(-2)).toEqual([
      { type: 'Shipped', data: { orderId: 'o', quantity: 2 } },
      { type: 'Received', data: { quantity: 2 } },
    ]);
    expect(bank.ledger()).toMatchObject([{ isCharged: true, isRefunded: true }]);
  });
});

describe('a gateway', () => {
  it.each(['fail-once', 'twice'])('that does %s is asked again under the same key, and charges once', async (paymentMethod) => {
    expect(await world.update(o.place(placing(paymentMethod)))).toMatchObject({ status: 'completed' });
    expect(bank.ledger()).toMatchObject([{ isCharged: true, isRefunded: false, charges: 2 }]);
  });

  it.each(['fail-once', 'twice'])('that does %s to a refund is asked again too', async (paymentMethod) => {
    await operator('pause', 'milk');
    const sent = await world.signal(o.place(placing(paymentMethod)));
    await world.signal(Inventory('milk').release({ orderId: 'o' }));
    await operator('resume', 'milk');
    expect(await world.outcome(sent)).toMatchObject({ status: 'compensated' });
    expect(bank.ledger()).toMatchObject([{ isCharged: true, isRefunded: true, refunds: 2 }]);
  });
});

describe('cancel', () => {
  const cancelled = async (reserved = {}) => {
    expect(typesOf().slice(-2)).toEqual(['Compensating', 'Cancelled']);
    expect(await world.query(o.progress())).toMatchObject({ status: 'cancelled', reason: 'cancelled' });
    expect(await stockOf(world)).toEqual({ tea: FULL, milk: FULL, ...reserved });
  };

  it('while it reserves gives back what it held and charges nothing', async () => {
    await operator('pause', 'milk');
    const sent = await world.signal(o.place(placing()));
    expect(await statusOf()).toBe('reserving');
    await world.update(o.cancel());
    expect(await statusOf()).toBe('reserving');
    await operator('resume', 'milk');
    expect(await world.outcome(sent)).toEqual({ status: 'cancelled', total: 500 });
    await cancelled();
    expect(bank.ledger().filter(({ charges }) => charges > 0)).toEqual([]);
  });

  it('while it charges stops the charge, and refunds what it may have taken', async () => {
    const sent = await world.signal(o.place(placing('slow')));
    await world.update(o.cancel());
    expect(await world.outcome(sent)).toEqual({ status: 'cancelled', total: 500 });
    await cancelled();
    expect(bank.ledger()).toMatchObject([{ isCharged: false, isRefunded: true }]);
  });

  it('while it charges, by a gateway that does not stop, ships nothing and refunds', async () => {
    await world.stop();
    let goOn = () => {};
    bank = sandbox(
      () =>
        new Promise((resolve) => {
          goOn = resolve;
        }),
    );
    world = await shop(bank);
    const sent = await world.signal(o.place(placing('slow')));
    await world.update(o.cancel());
    goOn();
    expect(await world.outcome(sent)).toEqual({ status: 'cancelled', total: 500 });
    await cancelled();
    expect(bank.ledger()).toMatchObject([{ isCharged: true, isRefunded: true }]);
    expect(world.events(inventory, 'tea').map(({ type }) => type)).toEqual(['Received', 'Reserved', 'Released']);
  });

  it('while it ships takes back what is shipped, if something is left to be stopped', async () => {
    const sent = await world.signal(o.place(placing('slow')));
    await operator('pause', 'tea');
    held.release();
    await world.advance(0);
    expect(await statusOf()).toBe('shipping');
    await world.update(o.cancel());
    await operator('resume', 'tea');
    expect(await world.outcome(sent)).toEqual({ status: 'cancelled', total: 500 });
    await cancelled();
    expect(bank.ledger()).toMatchObject([{ isCharged: true, isRefunded: true }]);
  });

  it('while its last line ships is too late', async () => {
    const sent = await world.signal(o.place(placing('slow')));
    await operator('pause', 'milk');
    held.release();
    await world.advance(0);
    await world.update(o.cancel());
    await operator('resume', 'milk');
    expect(await world.outcome(sent)).toEqual({ status: 'completed', total: 500 });
    expect(await stockOf(world)).toEqual(SHIPPED);
  });

  it('before it is placed and after it is over changes nothing', async () => {
    await world.update(o.cancel());
    expect(await world.update(o.place(placing()))).toMatchObject({ status: 'completed' });
    await world.update(o.cancel());
    expect(await statusOf()).toBe('completed');
    expect(typesOf()).toHaveLength(5);
  });
});

describe('orders', () => {
  it('has a row per order, found by customer and by status', async () => {
    const startedAt = world.now;
    await world.update(o.place(placing('decline')));
    await world.update(Order('p').place({ ...placing(), customer: 'bob' }));
    expect(await world.rows(Orders).get('o')).toMatchObject({
      ...{ id: 'o', customer: 'ann', status: 'compensated', total: 500, reason: 'declined' },
      placedAt: startedAt,
    });
    const ofBob = await world.rows(Orders).find({ index: 'byCustomer', equals: ['bob'] });
    expect(ofBob.rows).toMatchObject([{ id: 'p', status: 'completed', reason: null }]);
    const completed = await world.rows(Orders).find({ index: 'byStatus', equals: ['completed'] });
    expect(completed.keys).toEqual(['p']);
  });

  it('follows an order from stage to stage', async () => {
    await operator('pause', 'tea');
    await world.signal(o.place(placing('slow')));
    expect(await world.rows(Orders).get('o')).toMatchObject({ status: 'reserving' });
    await operator('resume', 'tea');
    expect(await world.rows(Orders).get('o')).toMatchObject({ status: 'charging' });
    await world.update(o.cancel());
    await world.advance('1 minute');
    expect(await world.rows(Orders).get('o')).toMatchObject({ status: 'cancelled', reason: 'cancelled' });
  });
});

describe('a crash at any moment', () => {
  it.each([
    ['completed', 'visa', placing().lines],
    ['completed', 'twice', placing().lines],
    ['compensated', 'decline', placing().lines],
    ['compensated', 'visa', [line('tea', 2), line('milk', 11)]],
  ] as const)('leaves stock and money that add up in an order that is %s by %s', async (status, paymentMethod, lines) => {
    let ledger: Sandbox;
    await crashedAtEveryStep({
      world: () => {
        ledger = sandbox();
        return shop(ledger);
      },
      act: (one) => one.update(o.place(placing(paymentMethod, [...lines]))),
      holds: async (one) => {
        expect(await one.query(o.progress())).toMatchObject({ status });
        expect(await stockOf(one)).toEqual(status === 'completed' ? SHIPPED : { tea: FULL, milk: FULL });
        const taken = ledger.ledger().filter(({ isCharged, isRefunded }) => isCharged && !isRefunded);
        expect(taken.map(({ amount }) => amount)).toEqual(status === 'completed' ? [500] : []);
        expect(ledger.ledger().length).toBeLessThanOrEqual(1);
      },
    });
  });

  it('leaves them so too when it is cancelled', async () => {
    let ledger: Sandbox;
    await crashedAtEveryStep({
      world: () => {
        ledger = sandbox(async () => undefined);
        return shop(ledger);
      },
      act: async (one) => {
        const sent = await one.signal(o.place(placing('slow')), { id: 'place' });
        await one.update(o.cancel(), { id: 'cancel' });
        return one.outcome(sent);
      },
      holds: async (one) => {
        const { status } = await one.query(o.progress());
        expect(['completed', 'cancelled']).toContain(status);
        expect(await stockOf(one)).toEqual(status === 'completed' ? SHIPPED : { tea: FULL, milk: FULL });
        const taken = ledger.ledger().filter(({ isCharged, isRefunded }) => isCharged && !isRefunded);
        expect(taken).toHaveLength(status === 'completed' ? 1 : 0);
      },
    });
  });
});
