import fc from 'fast-check';
import type { EventOf } from 'perdure';
import { describe, expect, it } from 'vitest';
import { Account, account } from '../../../entities/account.ts';
import { accounts } from '../../../projections/accounts.ts';
import { statements } from '../../../projections/statements.ts';
import { given } from '../../../runtime/testing/given.ts';
import { live } from './live.ts';
import { rowsOf } from './rows.ts';

type Event = EventOf<typeof account>;
const opened: Event = { type: 'Opened', data: { owner: 'ann' } };
const deposited = (amount: number): Event => ({ type: 'Deposited', data: { amount } });
const closed: Event = { type: 'Closed' };
const a = Account('a');
const notOpen: readonly [string, readonly Event[]][] = [
  ['that was never opened', []],
  ['that was closed', [opened, closed]],
];

describe('open', () => {
  it('opens with a balance of 0', () => {
    const then = given(account).when(a.open({ owner: 'ann' }));
    expect(then.events).toEqual([opened]);
    expect(then.state).toEqual({ status: 'open', owner: 'ann', balance: 0 });
  });

  it.each([
    ['open', [opened]],
    ['closed', [opened, closed]],
  ] as const)('of one that is %s is rejected', (_what, history) => {
    const then = given(account, ...history).when(a.open({ owner: 'bob' }));
    expect(then.rejection?.code).toBe('account-exists');
    expect(then.events).toEqual([]);
  });

  it.each(['', 'x'.repeat(256), '\udc00'])('refuses the owner %j', (owner) => {
    expect(() => given(account).when(a.open({ owner }))).toThrow(/invalid-payload/);
  });
});

describe('deposit', () => {
  it('answers the balance after it and keeps the reference', () => {
    const then = given(account, opened, deposited(5)).when(a.deposit({ amount: 7, reference: 'salary' }));
    expect(then.result).toEqual({ balance: 12 });
    expect(then.events).toEqual([{ type: 'Deposited', data: { amount: 7, reference: 'salary' } }]);
    expect(then.state).toMatchObject({ balance: 12 });
  });

  it('without a reference writes none', () => {
    expect(given(account, opened).when(a.deposit({ amount: 1 })).events).toEqual([deposited(1)]);
  });

  it.each(notOpen)('to one %s is rejected', (_what, history) => {
    const then = given(account, ...history).when(a.deposit({ amount: 1 }));
    expect(then.rejection?.code).toBe('account-not-open');
    expect(then.events).toEqual([]);
  });

  it.each([0, -1, 1.5, 10_000_000_001, Number.NaN])('refuses the amount %d', (amount) => {
    expect(() => given(account, opened).when(a.deposit({ amount }))).toThrow(/invalid-payload/);
    expect(() => given(account, opened, deposited(5)).when(a.withdraw({ amount }))).toThrow(/invalid-payload/);
  });

  it('past what a number holds exactly is refused instead of rounded', () => {
    const full = deposited(Number.MAX_SAFE_INTEGER);
    expect(() => given(account, opened, full).when(a.deposit({ amount: 1 }))).toThrow(/result does not fit.*balance/);
  });
});

describe('withdraw', () => {
  it('answers the balance after it, down to 0', () => {
    const then = given(account, opened, deposited(5)).when(a.withdraw({ amount: 5, reference: 'rent' }));
    expect(then.result).toEqual({ balance: 0 });
    expect(then.events).toEqual([{ type: 'Withdrawn', data: { amount: 5, reference: 'rent' } }]);
  });

  it('of more than there is is rejected with what there is', () => {
    const then = given(account, opened, deposited(5)).when(a.withdraw({ amount: 6 }));
    expect(then.rejection).toMatchObject({ code: 'insufficient-funds', details: { balance: 5, amount: 6 }, by: 'account/a' });
    expect(then.events).toEqual([]);
  });

  it.each(notOpen)('from one %s is rejected', (_what, history) => {
    expect(given(account, ...history).when(a.withdraw({ amount: 1 })).rejection?.code).toBe('account-not-open');
  });
});

describe('close', () => {
  it('closes an empty account', () => {
    const then = given(account, opened).when(a.close());
    expect(then.events).toEqual([closed]);
    expect(then.state).toEqual({ status: 'closed', owner: 'ann' });
  });

  it('with money left is rejected', () => {
    expect(given(account, opened, deposited(1)).when(a.close()).rejection).toMatchObject({
      code: 'balance-not-zero',
      details: { balance: 1 },
    });
  });

  it.each(notOpen)('of one %s is rejected', (_what, history) => {
    expect(given(account, ...history).when(a.close()).rejection?.code).toBe('account-not-open');
  });
});

describe('balance', () => {
  it('is answered in every state', () => {
    const life = live(account, 'a');
    expect(life.answers(a.balance())).toEqual({ balance: 0, owner: null, status: 'new' });
    life.tell(a.open({ owner: 'ann' }));
    life.tell(a.deposit({ amount: 3 }));
    expect(life.answers(a.balance())).toEqual({ balance: 3, owner: 'ann', status: 'open' });
    life.tell(a.withdraw({ amount: 3 }));
    life.tell(a.close());
    expect(life.answers(a.balance())).toEqual({ balance: 0, owner: 'ann', status: 'closed' });
    expect(rowsOf(accounts, life.events)).toEqual(new Map([['a', { balance: 0, owner: 'ann', status: 'closed' }]]));
  });
});

describe('any life of an account', () => {
  const amount = fc.integer({ min: 1, max: 100 });

  it('makes and loses no money: answers, balance, row and the sum of the statements agree', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ into: fc.boolean(), amount }), { maxLength: 40 }), (bookings) => {
        const life = live(account, 'a');
        life.tell(a.open({ owner: 'ann' }));
        let balance = 0;
        let refused = 0;
        for (const { into, amount } of bookings) {
          const answer = life.tell(into ? a.deposit({ amount }) : a.withdraw({ amount }));
          if (into || amount <= balance) {
            balance += into ? amount : -amount;
            expect(answer.result).toEqual({ balance });
          } else {
            refused += 1;
            expect(answer.rejected).toBe('insufficient-funds');
          }
        }
        expect(life.answers(a.balance())).toMatchObject({ balance });
        expect(rowsOf(accounts, life.events).get('a')).toEqual({ balance, owner: 'ann', status: 'open' });
        const booked = [...rowsOf(statements, life.events).values()] as { account: string; amount: number }[];
        expect(booked).toHaveLength(bookings.length - refused);
        expect(booked.reduce((sum, row) => sum + row.amount, 0)).toBe(balance);
      }),
    );
  });
});

describe('statements', () => {
  it('has a row per booking, keyed by its place in the stream', () => {
    const life = live(account, 'a');
    life.tell(a.open({ owner: 'ann' }));
    life.passTo(7);
    life.tell(a.deposit({ amount: 5, reference: 'salary' }));
    life.tell(a.withdraw({ amount: 2 }));
    expect(rowsOf(statements, life.events)).toEqual(
      new Map([
        ['a/1', { account: 'a', amount: 5, reference: 'salary', at: 7, revision: 1 }],
        ['a/2', { account: 'a', amount: -2, reference: null, at: 7, revision: 2 }],
      ]),
    );
  });
});
