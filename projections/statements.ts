import { projection } from 'perdure';
import { z } from 'zod';
import { account } from '../entities/account.ts';

/** A row per booking: `amount` is negative for a withdrawal, `at` in milliseconds since 1970, `revision` its place in the account's stream. */
const Row = z.object({
  account: z.string(),
  amount: z.int(),
  reference: z.string().nullable(),
  at: z.int(),
  revision: z.int(),
});

export const Statements = projection('statements', {
  row: Row,
  version: 1,
  // The revision last: bookings of one millisecond stay in the order they were made, which the key's text would not keep.
  indexes: { byAccount: ['account', 'at', 'revision'] },
});

export const statements = Statements.from(
  account,
  {
    Deposited: (_row, { amount, reference = null }, { id, time, revision }) => ({ account: id, amount, reference, at: time, revision }),
    Withdrawn: (_row, { amount, reference = null }, { id, time, revision }) => ({
      account: id,
      amount: -amount,
      reference,
      at: time,
      revision,
    }),
  },
  (_event, { id, revision }) => `${id}/${revision}`,
);
