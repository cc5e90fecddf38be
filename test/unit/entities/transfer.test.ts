import { type TestRuntime, testRuntime } from 'perdure/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Account, account } from '../../../entities/account.ts';
import { Transfer, transfer } from '../../../entities/transfer.ts';
import { Statements, statements } from '../../../projections/statements.ts';
import { crashedAtEveryStep } from './crashing.ts';

const t = Transfer('t');
const order = { from: 'ann', to: 'bob', amount: 30 };

async function bank(): Promise<TestRuntime> {
  const world = await testRuntime({ entities: [transfer, account], projections: [statements] });
  await world.update(Account('ann').open({ owner: 'Ann' }));
  await world.update(Account('bob').open({ owner: 'Bob' }));
  await world.update(Account('ann').deposit({ amount: 100 }));
  return world;
}

async function balances(world: TestRuntime): Promise<readonly [ann: number, bob: number]> {
  const [ann, bob] = [await world.query(Account('ann').balance()), await world.query(Account('bob').balance())];
  return [ann.balance, bob.balance];
}

let world: TestRuntime;
beforeEach(async () => {
  world = await bank();
});
afterEach(() => world.stop());

const typesOf = () => world.events(transfer, 't').map(({ type }) => type);

describe('a transfer', () => {
  it('withdraws, then deposits, with itself as the reference', async () => {
    expect(await world.update(t.start(order))).toEqual({ status: 'done' });
    expect(await balances(world)).toEqual([70, 30]);
    expect(typesOf()).toEqual(['Started', 'Withdrawn', 'Done']);
    expect(world.state(transfer, 't')).toEqual({ status: 'done', order, reason: null });
    const { rows } = await world.rows(Statements).find({ index: 'byAccount', equals: ['bob'] });
    expect(rows).toMatchObject([{ amount: 30, reference: 't' }]);
  });

  it('is made once: started again, also as another one, it answers what it came to', async () => {
    await world.update(t.start(order));
    expect(await world.update(t.start(order))).toEqual({ status: 'done' });
    expect(await world.update(t.start({ ...order, amount: 70 }))).toEqual({ status: 'done' });
    expect(await balances(world)).toEqual([70, 30]);
  });

  it('to where it comes from is rejected and leaves nothing', async () => {
    await expect(world.update(t.start({ ...order, to: 'ann' }))).rejects.toMatchObject({ code: 'same-account' });
    expect(world.events(transfer, 't')).toEqual([]);
    expect(await world.update(t.start(order))).toEqual({ status: 'done' });
  });

  it.each([
    { ...order, from: '' },
    { ...order, to: 'x'.repeat(256) },
    { ...order, amount: 0 },
    { ...order, amount: 10_000_000_001 },
  ])('refuses the payload %j', async (payload) => {
    await expect(world.update(t.start(payload))).rejects.toMatchObject({ code: 'invalid-payload' });
  });
});

describe('a refused withdrawal', () => {
  it.each([
    ['of more than there is', { ...order, amount: 101 }, 'insufficient-funds'],
    ['from an account that is not open', { ...order, from: 'eve' }, 'account-not-open'],
  ])('%s moves nothing', async (_what, payload, reason) => {
    expect(await world.update(t.start(payload))).toEqual({ status: 'refused' });
    expect(await balances(world)).toEqual([100, 0]);
    expect(world.state(transfer, 't')).toMatchObject({ status: 'refused', reason });
  });

  it('is also one of an account that was forgotten', async () => {
    await world.admin({ type: 'account', id: 'bob', verb: 'forget' });
    expect(await world.update(t.start({ from: 'bob', to: 'ann', amount: 1 }))).toEqual({ status: 'refused' });
    expect(world.state(transfer, 't')).toMatchObject({ reason: 'forgotten' });
  });
});

describe('a refused deposit', () => {
  it('is refunded: the statement has both bookings', async () => {
    expect(await world.update(t.start({ ...order, to: 'eve' }))).toEqual({ status: 'refunded' });
    expect(await balances(world)).toEqual([100, 0]);
    expect(typesOf()).toEqual(['Started', 'Withdrawn', 'Refunded']);
    expect(world.state(transfer, 't')).toMatchObject({ status: 'refunded', reason: 'account-not-open' });
    const { rows } = await world.rows(Statements).find({ index: 'byAccount', equals: ['ann'] });
    expect(rows.map(({ amount, reference }) => [amount, reference])).toEqual([
      [100, null],
      [-30, 't'],
      [30, 't'],
    ]);
  });

  it('into an account that was forgotten is refunded too', async () => {
    await world.admin({ type: 'account', id: 'bob', verb: 'forget' });
    expect(await world.update(t.start(order))).toEqual({ status: 'refunded' });
    expect((await world.query(Account('ann').balance())).balance).toBe(100);
  });

  it('whose refund is refused for good stalls, and nobody takes the money', async () => {
    await world.admin({ type: 'account', id: 'eve', verb: 'pause' });
    await world.signal(t.start({ ...order, to: 'eve' }));
    expect(world.state(transfer, 't')).toMatchObject({ status: 'withdrawn' });
    await world.update(Account('ann').withdraw({ amount: 70 }));
    await world.update(Account('ann').close());
    await world.admin({ type: 'account', id: 'eve', verb: 'resume' });
    const { runs } = await world.view(transfer, 't');
    expect(runs).toMatchObject([{ name: 'start', status: 'stalled', problem: { code: 'compensation-failed' } }]);
    expect(world.state(transfer, 't')).toMatchObject({ status: 'withdrawn' });
  });
});

describe('a cancelled transfer', () => {
  const cancel = () => world.admin({ type: 'transfer', id: 't', verb: 'cancel' });

  it('whose withdrawal is under way is refunded: its outcome is known first', async () => {
    await world.admin({ type: 'account', id: 'ann', verb: 'pause' });
    const sent = await world.signal(t.start(order));
    await cancel();
    expect(world.state(transfer, 't')).toMatchObject({ status: 'started' });
    await world.admin({ type: 'account', id: 'ann', verb: 'resume' });
    expect(await world.outcome(sent)).toEqual({ status: 'refunded' });
    expect(world.state(transfer, 't')).toMatchObject({ status: 'refunded', reason: 'cancelled' });
    expect(await balances(world)).toEqual([100, 0]);
  });

  it('whose withdrawal is refused then is refused', async () => {
    await world.admin({ type: 'account', id: 'ann', verb: 'pause' });
    const sent = await world.signal(t.start({ ...order, amount: 101 }));
    await cancel();
    await world.admin({ type: 'account', id: 'ann', verb: 'resume' });
    expect(await world.outcome(sent)).toEqual({ status: 'refused' });
  });

  it('whose deposit is under way is done: it was too late', async () => {
    await world.admin({ type: 'account', id: 'bob', verb: 'pause' });
    const sent = await world.signal(t.start(order));
    await cancel();
    await world.admin({ type: 'account', id: 'bob', verb: 'resume' });
    expect(await world.outcome(sent)).toEqual({ status: 'done' });
    expect(await balances(world)).toEqual([70, 30]);
  });
});

describe('a crash at any moment', () => {
  it.each([
    ['done', order, [70, 30]],
    ['refused', { ...order, amount: 101 }, [100, 0]],
    ['refunded', { ...order, to: 'eve' }, [100, 0]],
  ] as const)('makes and loses no money in a transfer that is %s', async (status, payload, expected) => {
    await crashedAtEveryStep({
      world: bank,
      act: (one) => one.update(t.start(payload)),
      holds: async (one) => {
        expect(one.state(transfer, 't')).toMatchObject({ status });
        expect(await balances(one)).toEqual(expected);
      },
    });
  });
});
