/**
 * What must compile, with the types that must come out, from contract to projection. Compiled by `npm run typecheck`, never run.
 */
import {
  activity,
  CancelledError,
  durable,
  type EventOf,
  entity,
  type Meta,
  projection,
  query,
  type Run,
  type Saga,
  type Schema,
  type SignalMessage,
  type StateOf,
  serial,
  signal,
  type Turn,
  typed,
  upcast,
} from 'perdure';
import { z } from 'zod';
import { Account, type account } from '../../entities/account.ts';
import { Cart, cart } from '../../entities/cart.ts';
import { Carts } from '../../projections/carts.ts';
import type { Client, Sent } from '../../runtime/client/types.ts';
import { same } from './same.ts';

// ── contract: every kind of payload ──

const charge = activity('charge', { input: z.object({ amount: z.int() }), output: typed<{ chargeId: string }>(), rejects: ['declined'] });
const notify = activity('notify', { input: typed<{ to: string }>(), retry: { attempts: 3 } });
const Thing = entity(
  'thing',
  {
    nothing: signal(),
    anything: signal({ input: z.unknown() }),
    optional: signal({ input: z.object({ x: z.number().exactOptional() }) }),
    list: signal({ input: z.array(z.string()) }),
    text: signal({ input: z.string(), output: typed<number>() }),
    defaulted: signal({ input: z.object({ n: z.int().default(1) }), output: z.object({ at: z.int() }) }),
    work: signal({ input: z.object({ amount: z.int() }), output: typed<'paid' | 'declined' | 'late'>(), once: true }),
    page: query({ input: z.object({ limit: z.coerce.number<number | string>().default(10) }), output: typed<readonly string[]>() }),
  },
  { rejects: ['full', 'closed'] },
);

Thing('1').nothing();
Thing('1').anything(3);
Thing('1').optional();
Thing('1').optional({ x: 1 });
Thing('1').list(['x']);
Thing('1').text('x');
Thing('1').defaulted();
Thing('1').page({ limit: '5' });
same<typeof Thing.rejects, readonly ('full' | 'closed')[]>();

// ── fold: payloads come from reducers, literals need no `as const` ──

type State = { readonly status: 'open' } | { readonly status: 'done'; readonly result: string };
interface Held {
  readonly names: readonly string[];
  readonly life: State;
}
const model = Thing.fold(
  (id): Held => ({ names: [id], life: { status: 'open' } }),
  {
    Named: (state, event: { name: string; by: string }) => ({ ...state, names: [...state.names, event.name] }),
    Noted: (state, _event: { note?: string }) => state,
    Counted: (state, event: number) => ({ ...state, names: [...state.names, String(event)] }),
    Finished: (state, event: { result: string }) => ({ ...state, life: { status: 'done', result: event.result } }),
    Emptied: (state) => ({ ...state, names: [] }),
  },
  { timers: ['late', 'reminder'] },
);

// ── helpers that handlers share ──

function audit(turn: { readonly emit: { Noted(event: { note?: string }): void }; readonly meta: Meta }): void {
  const { user = 'nobody' } = turn.meta.baggage;
  turn.emit.Noted({ note: user });
}
function stillOpen(turn: Turn<typeof model>): readonly string[] {
  const { life, names } = turn.state();
  if (life.status !== 'open') throw Thing.reject('closed', { result: life.result });
  return names;
}
async function paid(run: Run<typeof model>, amount: number): Promise<string> {
  stillOpen(run);
  return (await run.call(charge({ amount }))).chargeId;
}
async function all(saga: Saga<typeof model>, amount: number): Promise<string> {
  saga.compensate(Account('house').withdraw({ amount }));
  return paid(saga, amount);
}

// ── implement ──

const thing = model.implement({
  signals: {
    nothing(turn) {
      audit(turn);
      turn.emit.Emptied();
      turn.emit.Noted();
      turn.timers.late.set('30 days');
      turn.timers.late.set(new Date(turn.now() + 1), 'key');
      turn.timers.reminder.clear();
      turn.send(Thing(turn.id).list(['x']));
      turn.cancel('work');
    },
    anything(_turn, input) {
      same<typeof input, unknown>();
    },
    optional: serial(async (run, { x }) => {
      same<typeof x, number | undefined>();
      const first = await Promise.race([run.sleep('1 second'), run.call(notify({ to: 'x' }))]);
      same<typeof first, void>();
    }),
    list: (turn, names) => turn.emit.Counted(names.length),
    text: (_turn, text) => text.length,
    defaulted(turn, { n }) {
      same<typeof n, number>();
      return { at: turn.now() + n };
    },
    work: durable(async (run, { amount }) => {
      try {
        const result = await run.saga((saga) => all(saga, amount));
        run.emit.Finished({ result });
      } catch (error) {
        if (error instanceof CancelledError) return 'late';
        if (!charge.rejected(error, 'declined') && !Account.rejected(error)) throw error;
        same<typeof error.code, 'declined' | (typeof Account.rejects)[number]>();
        return 'declined';
      }
      const done = await run.until((state) => state.names.length > 2, { timeout: '1 day' });
      same<typeof done, Held | undefined>();
      const { balance } = await run.call(Account('house').balance());
      same<typeof balance, number>();
      const answers = await run.map([1, 2], (n) => run.call(Thing(String(n)).text('x')), { concurrency: 2 });
      same<typeof answers, number[]>();
      const link = run.callback({ output: z.object({ ok: z.boolean() }), timeout: '1 day' });
      same<typeof link.token, string>();
      return (await link)?.ok === true ? 'paid' : 'late';
    }),
  },
  timers: {
    late: (turn, key) => turn.emit.Named({ name: key, by: 'timer' }),
    reminder: durable(async (run) => {
      await run.call(notify({ to: run.id }));
    }),
  },
  queries: { page: (state, { limit }) => state.names.slice(0, limit) },
  upcast: {
    Named: upcast(
      (v1: { n: string }) => ({ name: v1.n }),
      (v2) => ({ ...v2, by: 'unknown' }),
    ),
  },
  options: { stateVersion: 2, snapshotEvery: 500, passivateAfter: '1 hour' },
});

// `until` narrows by its predicate
const Life = entity('life', { wait: signal({ output: typed<string>() }) });
const life = Life.fold((): State => ({ status: 'open' }), { Done: (_state, event: { result: string }) => ({ status: 'done', ...event }) });
life.implement({
  signals: {
    wait: durable(async (run) => {
      const done = await run.until((state) => state.status === 'done');
      return done.result;
    }),
  },
});

// ── what others read of it ──

same<StateOf<typeof thing>, Held>();
type Named = Extract<EventOf<typeof thing>, { type: 'Named' }>;
same<Named['data'], { name: string; by: string }>();
same<EventOf<typeof thing>['type'], 'Named' | 'Noted' | 'Counted' | 'Finished' | 'Emptied'>();
same<EventOf<typeof account>['type'], 'Opened' | 'Deposited' | 'Withdrawn' | 'Closed'>();

const declined = charge.implement(() => {
  throw charge.reject('declined');
});
const sandbox = charge
  .with({ timeout: '5 seconds' })
  .implement(async ({ amount }, { idempotencyKey }) => ({ chargeId: `${idempotencyKey}${amount}` }));
same<typeof declined, typeof sandbox>();

// ── projections: one source, several rows, two sources ──

interface Inbox {
  readonly name: string;
  readonly seen: number;
}
const Inboxes = projection('inboxes', { row: typed<Inbox>(), version: 1, indexes: { bySeen: ['seen'] } });
Inboxes.from(
  thing,
  {
    Named: (row, { name }, { key }) => ({ name: `${key}${name}`, seen: (row?.seen ?? 0) + 1 }),
    Emptied: () => undefined,
  },
  (event) => (event.type === 'Named' ? [event.data.name, event.data.by] : undefined),
).from(cart, { CheckedOut: (row, { orderId }, { time }) => row ?? { name: orderId, seen: time } });

// ── a schema of nobody's library ──

/** Written by hand to the letter of Standard Schema, as valibot and arktype are: input and output differ. */
const Amount: Schema<string, { readonly cents: number }> = {
  '~standard': {
    version: 1,
    vendor: 'hand-made',
    validate: (value) =>
      typeof value === 'string' ? { value: { cents: Number(value) } } : { issues: [{ message: 'not text', path: ['amount'] }] },
  },
};
const Shop = entity('shop', { pay: signal({ input: Amount, output: Amount }) });
const shopMessage = Shop('1').pay('12');
same<typeof shopMessage, SignalMessage<{ readonly cents: number }>>();
Shop.fold(() => null, {}).implement({
  signals: {
    pay: (_turn, amount) => {
      same<typeof amount, { readonly cents: number }>();
      return String(amount.cents);
    },
  },
});

// ── the client ──

export async function askAll(client: Client): Promise<void> {
  const booked = await client.update(Account('1').deposit({ amount: 1 }));
  same<typeof booked, { balance: number }>();
  const nothing = await client.update(Account('1').close(), { id: 'close-1', timeout: '5 seconds' });
  same<typeof nothing, void>();
  const { status, owner } = await client.query(Account('1').balance(), { consistency: 'strong' });
  same<typeof status, 'new' | 'open' | 'closed'>();
  same<typeof owner, string | null>();
  const sent = await client.signal(Account('1').deposit({ amount: 1 }));
  same<typeof sent, Sent<{ balance: number }>>();
  const outcome = await client.outcome(sent);
  same<typeof outcome, { balance: number }>();
  const many = await client.signal([Account('1').close(), Cart('1').checkOut()], { ids: ['a', 'b'] });
  same<typeof many, readonly Sent<unknown>[]>();
  const row = await client.rows(Carts).get('1');
  same<typeof row, Awaited<ReturnType<typeof firstRow>> | undefined>();
}

async function firstRow(client: Client) {
  const { rows } = await client.rows(Carts).find({ index: 'byStatus', equals: ['open'], descending: true });
  const [first] = rows;
  if (first === undefined) throw new Error('no row');
  same<typeof first.total, number>();
  return first;
}

// A state that is a list.
export const lists = entity('lists', { add: signal({ input: typed<string>() }) })
  .fold((): readonly string[] => [], { Added: (all, one: string) => [...all, one] })
  .implement({ signals: { add: (turn, one) => turn.emit.Added(one) } });
