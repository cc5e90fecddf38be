import { CancelledError, durable, entity, type Run, signal } from 'perdure';
import { z } from 'zod';
import { Account } from './account.ts';
import { refusalOf } from './callee.ts';
import { Amount, Identifier } from './values.ts';

// ── contract ──

const Order = z.object({ from: Identifier, to: Identifier, amount: Amount });
/** `refused`: nothing was moved. `refunded`: what was withdrawn is back where it came from. */
const Ending = z.enum(['done', 'refused', 'refunded']);

export const Transfer = entity(
  'transfer',
  { start: signal({ input: Order, output: z.object({ status: Ending }), once: true }) },
  { rejects: ['same-account'] },
);

// ── state ──

type Order = Readonly<z.output<typeof Order>>;
interface State {
  readonly status: 'new' | 'started' | 'withdrawn' | z.output<typeof Ending>;
  readonly order: Order | null;
  /** The code of what went wrong, for a transfer that was not done. */
  readonly reason: string | null;
}

const model = Transfer.fold((): State => ({ status: 'new', order: null, reason: null }), {
  Started: (state, order: Order) => ({ ...state, status: 'started', order }),
  Withdrawn: (state) => ({ ...state, status: 'withdrawn' }),
  Done: (state) => ({ ...state, status: 'done' }),
  Refused: (state, { reason }: { reason: string }) => ({ ...state, status: 'refused', reason }),
  Refunded: (state, { reason }: { reason: string }) => ({ ...state, status: 'refunded', reason }),
});

// ── behaviour ──

export const transfer = model.implement({
  signals: {
    start: durable(async (transfer, order) => {
      if (order.from === order.to) throw Transfer.reject('same-account');
      transfer.emit.Started(order);
      return { status: await moved(transfer, order) };
    }),
  },
});

/**
 * Withdraws, then deposits. The refund is registered between the two: before the withdrawal it would make money whenever that is refused,
 * and after the deposit it would come too late. If the source was closed meanwhile, the refund is refused and the run stalls with it:
 * the money is in nobody's account, and nobody but a person can say where it belongs.
 */
async function moved(transfer: Run<typeof model>, { from, to, amount }: Order): Promise<z.output<typeof Ending>> {
  const booking = { amount, reference: transfer.id };
  try {
    await transfer.call(Account(from).withdraw(booking));
  } catch (error) {
    const reason = refusalOf(error);
    if (reason === undefined || error instanceof CancelledError) throw error;
    transfer.emit.Refused({ reason });
    return 'refused';
  }
  transfer.emit.Withdrawn();
  try {
    await transfer.saga(async (saga) => {
      saga.compensate(Account(from).deposit(booking));
      await saga.call(Account(to).deposit(booking));
    });
  } catch (error) {
    // A cancellation that came during the withdrawal ends here: the money is back, which is the outcome to tell.
    const reason = refusalOf(error);
    if (reason === undefined) throw error;
    transfer.emit.Refunded({ reason });
    return 'refunded';
  }
  transfer.emit.Done();
  return 'done';
}
