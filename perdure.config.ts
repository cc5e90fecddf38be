import type { Program, ResolvedConfig } from 'perdure/host';
import { pino } from 'pino';
import { account } from './entities/account.ts';
import { approval } from './entities/approval.ts';
import { batch, work } from './entities/batch.ts';
import { cart } from './entities/cart.ts';
import { inventory } from './entities/inventory.ts';
import { loggedNotices } from './entities/notify.ts';
import { order } from './entities/order.ts';
import { payments } from './entities/payments.ts';
import { httpGateway } from './entities/payments-http.ts';
import { sandbox } from './entities/payments-sandbox.ts';
import { schedule } from './entities/schedule.ts';
import { transfer } from './entities/transfer.ts';
import { accounts } from './projections/accounts.ts';
import { approvals } from './projections/approvals.ts';
import { carts } from './projections/carts.ts';
import { orders } from './projections/orders.ts';
import { schedules } from './projections/schedules.ts';
import { statements } from './projections/statements.ts';
import { stock } from './projections/stock.ts';

/** What `npm start` runs: the reference entities, their read models and the activities that they call. */
export default function program({ paymentsUrl, logLevel }: Pick<ResolvedConfig, 'paymentsUrl' | 'logLevel'>): Program {
  const log = pino({ base: null, level: logLevel });
  return {
    entities: [cart, account, inventory, transfer, order, approval, schedule, batch],
    projections: [carts, accounts, statements, stock, orders, approvals, schedules],
    activities: [
      ...payments(paymentsUrl === undefined ? sandbox() : httpGateway(paymentsUrl, fetch)),
      loggedNotices((notice) => log.info({ notice }, 'notice')),
      work.implement(({ n }) => n),
    ],
  };
}
