import { describe, expect, it } from 'vitest';
import type { EventMeta, ProjectionDefinition, ProjectionSource, RowMeta } from '../../../runtime/projection/definition.ts';
import { amountOf, counter, World } from './world.ts';

const upcast: ProjectionSource['upcast'] = (_type, version, data) => (version === 1 ? { amount: 100 + amountOf(data) } : data);

/** One row per booking: the key is the event's. */
const statements: ProjectionDefinition = {
  name: 'statements',
  version: 2,
  indexes: { byAccount: ['account', 'at'] },
  sources: [
    {
      entityType: 'account',
      reducers: new Map([
        ['Deposited', (_row: unknown, data: unknown, m: RowMeta) => ({ account: m.id, amount: amountOf(data), at: m.revision })],
      ]),
      keysOf: (_event: unknown, m: EventMeta) => `${m.id}/${m.revision}`,
      upcast: (_type, _version, data) => data,
    },
  ],
};

/** One event, several rows: an inbox by approver. */
const inbox: ProjectionDefinition = {
  name: 'inbox',
  version: 1,
  indexes: {},
  sources: [
    {
      entityType: 'approval',
      reducers: new Map([['Requested', (row: unknown, _data: unknown, m: RowMeta) => ({ waiting: [...waiting(row), m.id] })]]),
      keysOf: ({ data }) => (data as { approvers?: string[] }).approvers,
      upcast: (_type, _version, data) => data,
    },
  ],
};
const waiting = (row: unknown): readonly string[] => (row as { waiting: string[] } | undefined)?.waiting ?? [];

describe('rows', () => {
  it('U2: one event changes several rows, each once', async () => {
    const world = new World();
    const { projections } = world.node([inbox]);
    await projections.start();
    await world.append('approval-1', ['Requested', { approvers: ['ann', 'bob', 'ann'] }]);
    await world.append('approval-2', ['Requested', { approvers: ['bob'] }], ['Requested', {}]);
    await world.clock.advance(50);
    expect((await projections.find('inbox', { limit: 9 })).rows).toEqual([
      { key: 'ann', row: { waiting: ['1'] } },
      { key: 'bob', row: { waiting: ['1', '2'] } },
    ]);
  });

  it('several sources share a table, events in the order of the log', async () => {
    const world = new World();
    const log = (what: string): ProjectionSource['reducers'] =>
      new Map([['Done', (row: unknown) => ({ what: [...((row as { what: string[] } | undefined)?.what ?? []), what] })]]);
    const sources = ['cart', 'order'].map((entityType) => ({ entityType, reducers: log(entityType), upcast }));
    const { projections } = world.node([{ name: 'activity', version: 1, indexes: {}, sources }]);
    await projections.start();
    for (const stream of ['cart-7', 'order-7', 'cartoon-7', 'cart-7']) await world.append(stream, ['Done'], ['Other']);
    await world.clock.advance(50);
    expect(await projections.get('activity', '7')).toEqual({ what: ['cart', 'order', 'cart'] });
  });

  it('reducers are handed the newest payload and the metadata of the event', async () => {
    const world = new World();
    const seen: unknown[] = [];
    const reducers = new Map([['Added', (row: unknown, data: unknown, meta: RowMeta) => seen.push([row, data, meta]) > 0 && { a: 1 }]]);
    const { projections } = world.node([{ name: 'p', version: 1, indexes: {}, sources: [{ entityType: 'cart', reducers, upcast }] }]);
    await projections.start();
    const time = world.clock.now();
    await world.append('cart-a-b', ['Added', { amount: 1 }], ['Added', { amount: 1 }, { version: 2, signal: 's', baggage: { k: 'v' } }]);
    await world.clock.advance(50);
    const meta = { id: 'a-b', key: 'a-b', time };
    expect(seen).toEqual([
      [undefined, { amount: 101 }, { ...meta, revision: 0, position: '0', signalId: '', correlationId: '', baggage: {} }],
      [{ a: 1 }, { amount: 1 }, { ...meta, revision: 1, position: '1', signalId: 's', correlationId: 's', baggage: { k: 'v' } }],
    ]);
  });

  it('a reducer that returns undefined removes the row, also one of its own batch', async () => {
    const world = new World();
    const { projections, rows } = world.node([counter()]);
    await world.append('cart-1', ['Added'], ['Removed'], ['Removed']);
    await world.append('cart-2', ['Removed']);
    await world.append('cart-3', ['Added'], ['Removed'], ['Added']);
    await projections.start();
    await world.clock.advance(50);
    expect((await projections.find('counts', { limit: 9 })).rows).toEqual([{ key: '3', row: { count: 1, sum: 0 } }]);
    expect(rows.writes.flatMap(({ changes }) => changes.map(({ key }) => key))).not.toContain('2');
  });

  it('pages come by index without the hidden field, which cannot be queried', async () => {
    const world = new World();
    const { projections } = world.node([statements]);
    await projections.start();
    for (let n = 0; n < 5; n++) await world.append(`account-${n % 2}`, ['Deposited', { amount: n }]);
    await world.clock.advance(50);
    const page = await projections.find('statements', { index: 'byAccount', equals: ['0'], descending: true, limit: 2 });
    expect(page.rows.map(({ row }) => row)).toEqual([
      { account: '0', amount: 4, at: 2 },
      { account: '0', amount: 2, at: 1 },
    ]);
    await expect(projections.find('statements', { index: '$source', limit: 1 })).rejects.toMatchObject({ code: 'unknown-index' });
  });

  it('many events of few keys in one batch are one change per key', async () => {
    const world = new World();
    const { projections, rows } = world.node([counter()]);
    await Promise.all(
      Array.from({ length: 10 }, (_, id) => world.append(`cart-${id}`, ...Array.from({ length: 50 }, () => ['Added'] as const))),
    );
    await projections.start();
    await world.clock.advance(50);
    expect(rows.writes.map(({ changes }) => changes.length)).toEqual([10]);
    expect(await projections.get('counts', '3')).toEqual({ count: 50, sum: 0 });
  });
});

describe('a forgotten stream', () => {
  it('U1: its rows go, by whatever key, more than a page of them; those of others stay', async () => {
    const world = new World();
    const { projections } = world.node([statements, inbox, counter()]);
    await projections.start();
    await world.append('account-1', ...Array.from({ length: 1_500 }, (_, amount) => ['Deposited', { amount }] as const));
    await world.append('account-2', ['Deposited', { amount: 1 }]);
    const position = await world.append('account-1', ['Deposited', { amount: 1 }], ['perdure:Forgotten']);
    await projections.reached('statements', position);
    const left = await projections.find('statements', { limit: 1_000 });
    expect(left.rows.map(({ key }) => key)).toEqual(['2/0']);
  });

  it('U1: a row of several streams is an aggregate and stays; one of its own goes', async () => {
    const world = new World();
    const { projections } = world.node([inbox]);
    await projections.start();
    await world.append('approval-1', ['Requested', { approvers: ['ann', 'bob'] }]);
    await world.append('approval-2', ['Requested', { approvers: ['bob'] }]);
    const position = await world.append('approval-1', ['perdure:Forgotten']);
    await projections.reached('inbox', position);
    expect((await projections.find('inbox', { limit: 9 })).rows).toEqual([{ key: 'bob', row: { waiting: ['1', '2'] } }]);
  });

  it('U1: a row by entity id goes without an index', async () => {
    const world = new World();
    const { projections } = world.node([counter()]);
    await projections.start();
    await world.append('cart-1', ['Added']);
    await world.append('cart-2', ['Added']);
    const position = await world.append('cart-1', ['perdure:Forgotten']);
    await projections.reached('counts', position);
    expect((await projections.find('counts', { limit: 9 })).rows.map(({ key }) => key)).toEqual(['2']);
  });

  it('U1: a crash between the pages of a removal is made good', async () => {
    const world = new World();
    const first = world.node([statements]);
    await first.projections.start();
    await world.append('account-1', ...Array.from({ length: 1_500 }, (_, amount) => ['Deposited', { amount }] as const));
    await world.clock.advance(50);
    first.rows.faults.push('none', ...Array.from({ length: 20 }, () => 'before' as const));
    const position = await world.append('account-1', ['perdure:Forgotten']);
    await world.clock.advance(50);
    expect((await first.projections.find('statements', { limit: 1_000 })).rows).toHaveLength(500);
    const second = world.node([statements]);
    await second.projections.start();
    await second.projections.reached('statements', position);
    expect((await second.projections.find('statements', { limit: 1_000 })).rows).toEqual([]);
  });
});
