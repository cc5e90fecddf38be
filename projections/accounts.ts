import { projection } from 'perdure';
import { z } from 'zod';
import { account } from '../entities/account.ts';
import { Sum } from '../entities/values.ts';

/** A row per account that was ever opened; its key is the account's id. */
const Row = z.object({ balance: Sum, owner: z.string(), status: z.enum(['open', 'closed']) });

export const Accounts = projection('accounts', { row: Row, version: 1, indexes: { byOwner: ['owner'] } });

export const accounts = Accounts.from(account, {
  Opened: (_row, { owner }) => ({ balance: 0, owner, status: 'open' }),
  Deposited: (row, { amount }) => row && { ...row, balance: row.balance + amount },
  Withdrawn: (row, { amount }) => row && { ...row, balance: row.balance - amount },
  Closed: (row) => row && { ...row, status: 'closed' },
});
