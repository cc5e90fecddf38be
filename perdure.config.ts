import type { Program } from 'perdure/host';
import { type Logger, pino } from 'pino';
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

const paymentsUrl = process.env['PERDURE_PAYMENTS_URL'];

/** Made with the first notice: a level that pino does not know is told by whoever checks the configuration. */
let log: Logger | undefined;
function logger(): Logger {
  log ??= pino({ base: null, level: process.env['PERDURE_LOG_LEVEL'] ?? 'info' });
  return log;
}

/** What `npm start` runs: the reference entities, their read models and the activities that they call. */
const program: Program = {
  entities: [cart, account, inventory, transfer, order, approval, schedule, batch],
  projections: [carts, accounts, statements, stock, orders, approvals, schedules],
  activities: [
    ...payments(paymentsUrl === undefined ? sandbox() : httpGateway(paymentsUrl, fetch)),
    loggedNotices((notice) => logger().info({ notice }, 'notice')),
    work.implement(({ n }) => n),
  ],
};

export default program;
