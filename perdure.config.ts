import type { Program } from 'perdure/host';
import { account } from './entities/account.ts';
import { cart } from './entities/cart.ts';
import { inventory } from './entities/inventory.ts';
import { accounts } from './projections/accounts.ts';
import { carts } from './projections/carts.ts';
import { statements } from './projections/statements.ts';
import { stock } from './projections/stock.ts';

/** What `npm start` runs: the reference entities and their read models. */
const program: Program = {
  entities: [cart, account, inventory],
  projections: [carts, accounts, statements, stock],
};

export default program;
