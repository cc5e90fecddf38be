import { entity, query, signal, type Turn } from 'perdure';
import { z } from 'zod';
import { Amount, Sum, Text } from './values.ts';

// ── contract ──

const Owner = z.object({ owner: Text });
/** `reference` says what the booking is for: an order, a transfer. */
const Booking = z.object({ amount: Amount, reference: Text.exactOptional() });
const Balance = z.object({ balance: Sum });
export const AccountStatus = z.enum(['new', 'open', 'closed']);

export const Account = entity(
  'account',
  {
    open: signal({ input: Owner }),
    deposit: signal({ input: Booking, output: Balance }),
    withdraw: signal({ input: Booking, output: Balance }),
    close: signal(),
    balance: query({ output: Balance.extend({ owner: Text.nullable(), status: AccountStatus }) }),
  },
  { rejects: ['account-not-open', 'account-exists', 'insufficient-funds', 'balance-not-zero'] },
);

// ── state ──

type Owner = Readonly<z.output<typeof Owner>>;
type Booking = Readonly<z.output<typeof Booking>>;
interface Open {
  readonly status: 'open';
  readonly owner: string;
  readonly balance: number;
}
/** A union, so that nobody can read the balance of an account that is not open. */
type State = { readonly status: 'new' } | Open | { readonly status: 'closed'; readonly owner: string };

const model = Account.fold((): State => ({ status: 'new' }), {
  Opened: (_state, { owner }: Owner) => ({ status: 'open', owner, balance: 0 }),
  Deposited: (state, { amount }: Booking) => (state.status === 'open' ? { ...state, balance: state.balance + amount } : state),
  Withdrawn: (state, { amount }: Booking) => (state.status === 'open' ? { ...state, balance: state.balance - amount } : state),
  Closed: (state) => (state.status === 'open' ? { status: 'closed', owner: state.owner } : state),
});

// ── behaviour ──

export const account = model.implement({
  signals: {
    open(account, { owner }) {
      // A closed account is not opened again: its statements stay those of one owner.
      if (account.state().status !== 'new') throw Account.reject('account-exists');
      account.emit.Opened({ owner });
    },

    deposit(account, booking) {
      const { balance } = opened(account);
      account.emit.Deposited(booking);
      return { balance: balance + booking.amount };
    },

    withdraw(account, booking) {
      const { balance } = opened(account);
      if (balance < booking.amount) throw Account.reject('insufficient-funds', { balance, amount: booking.amount });
      account.emit.Withdrawn(booking);
      return { balance: balance - booking.amount };
    },

    close(account) {
      const { balance } = opened(account);
      if (balance !== 0) throw Account.reject('balance-not-zero', { balance });
      account.emit.Closed();
    },
  },

  queries: {
    balance: (state) => ({
      balance: state.status === 'open' ? state.balance : 0,
      owner: state.status === 'new' ? null : state.owner,
      status: state.status,
    }),
  },
});

function opened(account: Turn<typeof model>): Open {
  const state = account.state();
  if (state.status !== 'open') throw Account.reject('account-not-open', { status: state.status });
  return state;
}
