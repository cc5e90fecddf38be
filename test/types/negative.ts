/**
 * Mistakes that must not compile (types.ts, T2). Each expectation names the compiler's error code, and test/unit/definition/types.test.ts
 * compiles this file without the expectations to see that exactly this error stands on the next line: one mistake cannot hide another.
 */
import { activity, durable, entity, query, signal, type Turn, typed, upcast } from 'perdure';
import { z } from 'zod';
import { Account, account } from '../../entities/account.ts';
import { Cart, cart } from '../../entities/cart.ts';
import { Carts } from '../../projections/carts.ts';
import { connect } from '../../runtime/client/http-client.ts';
import { given } from '../../runtime/testing/given.ts';

type State = { status: 'open' | 'done'; note?: string };
const charge = activity('charge', {
  input: z.object({ amount: z.int() }),
  output: typed<{ chargeId: string }>(),
  rejects: ['declined'],
});
const Job = entity(
  'job',
  {
    go: signal({ input: z.object({ n: z.number() }) }),
    ask: signal({ output: typed<{ a: number }>() }),
    size: query({ output: typed<number>() }),
  },
  { rejects: ['no'] },
);
const start = (): State => ({ status: 'open' });
const done = (state: State, _event: { n: number }): State => ({ ...state, status: 'done' });
const model = Job.fold(start, { Went: done }, { timers: ['late'] });
const plain = Job.fold(start, { Went: done });

// ── what a plain handler may do ──

model.implement({
  signals: {
    // @ts-expect-error TS2322 a plain handler may not be async
    go: async (job) => {
      job.emit.Went({ n: 1 });
    },
    ask: (job) => {
      // @ts-expect-error TS2339 a plain handler cannot wait for an activity
      void job.call(charge({ amount: 1 }));
      // @ts-expect-error TS2339 nor sleep
      void job.sleep('1 day');
      // @ts-expect-error TS2551 unknown event
      job.emit.Whent({ n: 1 });
      // @ts-expect-error TS2322 wrong payload
      job.emit.Went({ n: 'x' });
      // @ts-expect-error TS2353 excess payload
      job.emit.Went({ n: 1, m: 2 });
      // @ts-expect-error TS2554 missing payload
      job.emit.Went();
      // @ts-expect-error TS2551 unknown timer
      job.timers.lateR.set('1 day');
      // @ts-expect-error TS2345 not a duration
      job.timers.late.set('1 fortnight');
      // @ts-expect-error TS2345 a query is no run
      job.cancel('size');
      // @ts-expect-error TS2345 undeclared rejection
      throw Job.reject('nope');
    },
  },
  timers: { late: () => {} },
  queries: { size: () => 1 },
});

declare const turn: Turn<typeof model>;
// @ts-expect-error TS2345 a query cannot be sent
turn.send(Cart('1').summary());
// @ts-expect-error TS2345 an activity cannot be sent
turn.send(charge({ amount: 1 }));
// @ts-expect-error TS2339 state is a call
void turn.state.status;

// ── sections of the behaviour ──

// @ts-expect-error TS2345 timers and queries are missing
model.implement({ signals: { go() {}, ask: () => ({ a: 1 }) } });
// @ts-expect-error TS2741 ask is missing
model.implement({ signals: { go() {} }, timers: { late() {} }, queries: { size: () => 1 } });
// @ts-expect-error TS2741 the timer's handler is missing
model.implement({ signals: { go() {}, ask: () => ({ a: 1 }) }, timers: {}, queries: { size: () => 1 } });
// @ts-expect-error TS2353 `more` is not declared
plain.implement({ signals: { go() {}, ask: () => ({ a: 1 }), more() {} }, queries: { size: () => 1 } });
// @ts-expect-error TS2561 misspelt section
plain.implement({ signals: { go() {}, ask: () => ({ a: 1 }) }, queries: { size: () => 1 }, option: {} });
// @ts-expect-error TS2353 unknown option
plain.implement({ signals: { go() {}, ask: () => ({ a: 1 }) }, queries: { size: () => 1 }, options: { snapshots: 1 } });
// @ts-expect-error TS2322 wrong result
plain.implement({ signals: { go() {}, ask: () => ({ b: 1 }) }, queries: { size: () => 1 } });
// @ts-expect-error TS2322 no result
plain.implement({ signals: { go() {}, ask: () => {} }, queries: { size: () => 1 } });
// @ts-expect-error TS2322 wrong result of a durable handler
plain.implement({ signals: { go() {}, ask: durable(async () => ({ b: 1 })) }, queries: { size: () => 1 } });
// @ts-expect-error TS2322 a query may not be async
plain.implement({ signals: { go() {}, ask: () => ({ a: 1 }) }, queries: { size: async () => 1 } });

// ── fold ──

// @ts-expect-error TS2322 a reducer with a misspelt field
Job.fold(start, { Went: (state) => ({ ...state, stauts: 'done' }) });
// @ts-expect-error TS2820 a reducer with a wrong literal
Job.fold(start, { Went: (state) => ({ ...state, status: 'dne' }) });
// @ts-expect-error TS2561 misspelt option of the fold
Job.fold(start, { Went: done }, { timer: ['late'] });

// ── upcasters ──

plain.implement({
  signals: { go() {}, ask: () => ({ a: 1 }) },
  queries: { size: () => 1 },
  upcast: {
    // @ts-expect-error TS2322 an upcaster must end at the newest payload
    Went: upcast((v1: { m: string }) => ({ m: v1.m })),
  },
});
plain.implement({
  signals: { go() {}, ask: () => ({ a: 1 }) },
  queries: { size: () => 1 },
  upcast: {
    // @ts-expect-error TS2353 upcasting an event that does not exist
    Gone: upcast((v1: { m: string }) => ({ m: v1.m })),
  },
});

// ── contracts and messages ──

// @ts-expect-error TS2561 misspelt option of a declaration
entity('x', { a: signal({ input: z.object({}), ouput: z.object({}) }) });
// @ts-expect-error TS2345 a query answers something
entity('x', { q: query({}) });
// @ts-expect-error TS2322 not a declaration
entity('x', { a: () => {} });
// @ts-expect-error TS2554 input is required
Cart('1').addItem();
// @ts-expect-error TS2345 part of the input is missing
Cart('1').addItem({ sku: 'tea' });
// @ts-expect-error TS2353 excess input
Cart('1').removeItem({ sku: 'tea', quantity: 1, x: 1 });
// @ts-expect-error TS2551 unknown message
Cart('1').addItm({});
// @ts-expect-error TS2345 an id is a string
Cart(1).checkOut();

// ── rejections and activities ──

// @ts-expect-error TS2345 a code of another entity
void Account.rejected(new Error(), 'cart-closed');
// @ts-expect-error TS2345 unknown code of an activity
void charge.reject('card-eaten');
// @ts-expect-error TS2345 wrong double: the output is missing
charge.implement(() => {});
// @ts-expect-error TS2353 unknown option of an activity
activity('mail', { retries: 3 });

// ── projections ──

// @ts-expect-error TS2561 TS7006 unknown event
Carts.from(cart, { ItemAded: (row) => row });
// @ts-expect-error TS2322 wrong row
Carts.from(cart, { Expired: () => ({ id: 1 }) });
// @ts-expect-error TS2345 a contract is no source: it has no events
Carts.from(Cart, {});
// @ts-expect-error TS2345 a key is text
Carts.from(cart, {}, (_event, meta) => meta.revision);

// ── tests ──

// @ts-expect-error TS2322 wrong payload of an event
given(account, { type: 'Opened', data: { owner: 1 } });
// @ts-expect-error TS2353 misspelt field of an event
given(account, { type: 'Opened', data: { owners: 'ann' } });
// @ts-expect-error TS2322 an event of another entity
given(account, { type: 'CheckedOut' });
// @ts-expect-error TS2345 a query is no change
given(account).when(Account('1').balance());
// @ts-expect-error TS2345 a contract has no behaviour to test
given(Account);

// ── the client ──

const client = connect({ url: 'http://localhost' });
// @ts-expect-error TS2345 a query is no update
void client.update(Account('1').balance());
// @ts-expect-error TS2769 a query is no signal
void client.signal(Account('1').balance());
// @ts-expect-error TS2345 a signal is no query
void client.query(Account('1').open({ owner: 'ann' }));
// @ts-expect-error TS2345 an activity is no update
void client.update(charge({ amount: 1 }));
// @ts-expect-error TS2345 an implementation has no messages to send
void client.update(account);
// @ts-expect-error TS1360 the result has another type
void (client.query(Account('1').balance()) satisfies Promise<string>);
// @ts-expect-error TS2322 an index that the projection does not have
void client.rows(Carts).find({ index: 'byColour' });
// @ts-expect-error TS2561 misspelt option of a query of rows
void client.rows(Carts).find({ indexes: 'byStatus' });
// @ts-expect-error TS2345 an entity has no rows
void client.rows(Cart);
// @ts-expect-error TS2322 not a duration
void client.update(Account('1').open({ owner: 'ann' }), { timeout: '1 fortnight' });
// @ts-expect-error TS2769 one message has one id
void client.signal(Account('1').open({ owner: 'ann' }), { ids: ['a'] });
