/**
 * What every read store promises (runtime/ports/read-store.ts, P1 to P3), run against each adapter.
 */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Checkpoint, IndexValue, ReadStore, RowChange, RowQuery, TableDefinition } from '../../runtime/ports/read-store.ts';

/** Storage that outlives the adapters opened on it. */
export interface ReadStoreStorage {
  open(): Promise<ReadStore>;
  destroy(): Promise<void>;
}

const at = (position: number): Checkpoint => ({ storeId: 'store-1', position });
const TABLE: TableDefinition = { table: 'carts@1', indexes: { byStatus: ['status', 'units'], byValue: ['value'] } };

/** Text that is hard to order or to keep in a key, but valid UTF-8. */
const TEXTS = [
  '',
  'a',
  'aa',
  'b',
  'a\0',
  'a\0b',
  'a\u0001',
  '\0',
  '\u001f',
  '\u007f',
  'é',
  '\u{1F600}',
  '\uFFFF',
  '\uE000',
  'z',
  'A',
  '10',
  '9',
];
const VALUES: readonly IndexValue[] = [null, false, true, -1.5, -1, 0, 0.5, 1, 2, 1e300, -1e300, 5e-324, 2 ** 53, ...TEXTS];

/** Registers the suite. `factory` makes storage that nobody else uses. */
export function readStoreContract(name: string, factory: () => Promise<ReadStoreStorage>): void {
  describe(`read store contract: ${name}`, () => {
    let storage: ReadStoreStorage;
    let store: ReadStore;
    const reopen = async () => {
      await store.close();
      store = await storage.open();
    };
    beforeEach(async () => {
      storage = await factory();
      store = await storage.open();
    });
    afterEach(async () => {
      await store.close();
      await storage.destroy();
    });

    describe('writes', () => writes(() => store, reopen));
    describe('tables', () => tables(() => store, reopen));
    describe('values', () => values(() => store));
    describe('pages', () => pages(() => store));
    it('P1, P3: random writes read as a map that is sorted', () => property(factory), 120_000);
  });
}

function writes(store: () => ReadStore, reopen: () => Promise<void>): void {
  beforeEach(() => store().declare(TABLE));
  const write = (expected: Checkpoint | undefined, next: Checkpoint, changes: readonly RowChange[]) =>
    store().write({ table: TABLE.table, expected, next, changes });

  it('P1: rows and checkpoint are there when the write resolves, and after a restart', async () => {
    expect(await store().checkpoint(TABLE.table)).toBeUndefined();
    expect(await write(undefined, at(7), [{ key: '1', row: { status: 'open', units: 2 } }])).toBe('written');
    await reopen();
    await store().declare(TABLE);
    expect(await store().checkpoint(TABLE.table)).toEqual(at(7));
    expect(await store().get(TABLE.table, '1')).toEqual({ status: 'open', units: 2 });
  });

  it('P1: a change and a removal replace index entries', async () => {
    await write(undefined, at(1), [{ key: '1', row: { status: 'open' } }]);
    await write(at(1), at(2), [{ key: '1', row: { status: 'closed' } }]);
    const find = async (status: string) =>
      (await store().find({ table: TABLE.table, index: 'byStatus', equals: [status], limit: 9 })).rows.length;
    expect([await find('open'), await find('closed')]).toEqual([0, 1]);
    await write(at(2), at(3), [{ key: '1', row: undefined }]);
    expect([await find('open'), await find('closed')]).toEqual([0, 0]);
    expect(await store().get(TABLE.table, '1')).toBeUndefined();
  });

  it('P1: a batch with one row that cannot be indexed changes nothing', async () => {
    await write(undefined, at(1), [{ key: '1', row: { value: 1 } }]);
    const bad = write(at(1), at(2), [
      { key: '1', row: { value: 2 } },
      { key: '2', row: { value: { nested: true } } },
    ]);
    await expect(bad).rejects.toMatchObject({ code: 'index-value-invalid', details: { table: TABLE.table, key: '2', field: 'value' } });
    expect(await store().get(TABLE.table, '1')).toEqual({ value: 1 });
    expect(await store().checkpoint(TABLE.table)).toEqual(at(1));
  });

  it('P2: a write at another checkpoint is lost and changes nothing', async () => {
    await write(undefined, at(5), [{ key: '1', row: { status: 'open' } }]);
    for (const expected of [undefined, at(4), at(6), { storeId: 'store-2', position: 5 }]) {
      expect(await write(expected, at(9), [{ key: '1', row: { status: 'gone' } }])).toBe('lost');
    }
    expect(await store().get(TABLE.table, '1')).toEqual({ status: 'open' });
    expect(await store().checkpoint(TABLE.table)).toEqual(at(5));
  });

  it('P2: of many writes at one checkpoint exactly one is written', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, writer) => write(undefined, at(writer + 1), [{ key: 'k', row: { value: writer } }])),
    );
    expect(answers.filter((answer) => answer === 'written')).toHaveLength(1);
    expect(await store().get(TABLE.table, 'k')).toEqual({ value: answers.indexOf('written') });
  });

  it('P1: a write without changes moves the checkpoint; tables are independent', async () => {
    await store().declare({ table: 'other@1', indexes: {} });
    expect(await write(undefined, at(3), [])).toBe('written');
    expect(await store().checkpoint(TABLE.table)).toEqual(at(3));
    expect(await store().checkpoint('other@1')).toBeUndefined();
  });

  it('rows come back as they went in, apart from the caller objects', async () => {
    const row = { text: 'é\u{1F600}', list: [1, [null, true]], nested: { empty: {} }, big: 2 ** 53 - 1, negative: -1.5 };
    await write(undefined, at(1), [{ key: 'k', row }]);
    row.list.push(9);
    const read = await store().get(TABLE.table, 'k');
    expect(read).toEqual({ ...row, list: [1, [null, true]] });
    expect(await store().getMany(TABLE.table, ['x', 'k', 'x'])).toEqual([undefined, read, undefined]);
  });
}

function tables(store: () => ReadStore, reopen: () => Promise<void>): void {
  it('a table that was not declared is refused, in every call', async () => {
    const table = 'unknown@1';
    const calls = [
      store().get(table, 'k'),
      store().getMany(table, []),
      store().checkpoint(table),
      store().find({ table, limit: 1 }),
      store().write({ table, expected: undefined, next: at(1), changes: [] }),
      store().drop(table),
    ];
    for (const answer of await Promise.allSettled(calls)) {
      expect(answer).toMatchObject({ status: 'rejected', reason: { name: 'PerdureError', code: 'unknown-table' } });
    }
  });

  it('declaring again is free; with other indexes it is an invalid definition, also after a restart', async () => {
    await store().declare(TABLE);
    await store().declare({ table: TABLE.table, indexes: { byValue: ['value'], byStatus: ['status', 'units'] } });
    await reopen();
    const other = store().declare({ ...TABLE, indexes: { byStatus: ['status'] } });
    await expect(other).rejects.toMatchObject({ code: 'invalid-definition' });
    await expect(store().declare({ table: 't@1', indexes: { empty: [] } })).rejects.toMatchObject({ code: 'invalid-definition' });
  });

  it('a dropped table is gone with its rows, entries and checkpoint; its neighbours stay', async () => {
    await store().declare(TABLE);
    await store().declare({ ...TABLE, table: 'carts@2' });
    for (const table of [TABLE.table, 'carts@2']) {
      await store().write({ table, expected: undefined, next: at(1), changes: [{ key: '1', row: { status: 'open' } }] });
    }
    await store().drop(TABLE.table);
    await reopen();
    await store().declare(TABLE);
    await store().declare({ ...TABLE, table: 'carts@2' });
    expect(await store().checkpoint(TABLE.table)).toBeUndefined();
    expect((await store().find({ table: TABLE.table, index: 'byStatus', limit: 9 })).rows).toEqual([]);
    expect((await store().find({ table: 'carts@2', index: 'byStatus', limit: 9 })).rows).toHaveLength(1);
  });

  it('a closed store refuses every call', async () => {
    await store().declare(TABLE);
    await store().close();
    await expect(store().get(TABLE.table, 'k')).rejects.toMatchObject({ code: 'store-closed' });
    await expect(store().declare(TABLE)).rejects.toMatchObject({ code: 'store-closed' });
  });
}

function values(store: () => ReadStore): void {
  beforeEach(() => store().declare(TABLE));
  const put = (key: string, row: unknown) =>
    store().write({ table: TABLE.table, expected: undefined, next: at(1), changes: [{ key, row }] });

  it.each([
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['an object', {}],
    ['an array', []],
    ['a lone surrogate', 'a\uD800'],
    ['a text that is too long', 'x'.repeat(2_000)],
  ])('%s cannot be indexed', async (_what, value) => {
    await expect(put('k', { value })).rejects.toMatchObject({ code: 'index-value-invalid', details: { key: 'k', field: 'value' } });
  });

  it.each([
    ['is too long', 'k'.repeat(513)],
    ['has a lone surrogate', '\uDC00'],
  ])('a row key that %s is refused, and reads as absent', async (_what, key) => {
    await expect(put(key, {})).rejects.toMatchObject({ code: 'index-value-invalid', details: { field: 'key' } });
    expect(await store().get(TABLE.table, key)).toBeUndefined();
  });

  it('the longest key and long values fit together', async () => {
    const key = '\u20AC'.repeat(512);
    expect(await put(key, { value: 'v'.repeat(300) })).toBe('written');
    expect((await store().find({ table: TABLE.table, index: 'byValue', limit: 1 })).rows[0]?.key).toBe(key);
    const tooLong = store().write({
      table: TABLE.table,
      expected: at(1),
      next: at(2),
      changes: [{ key, row: { value: 'v'.repeat(400) } }],
    });
    await expect(tooLong).rejects.toMatchObject({ code: 'index-value-invalid', details: { field: 'value' } });
  });

  it('absent and undefined fields and inherited names count as null; rows need not be objects', async () => {
    await store().declare({ table: 'odd@1', indexes: { byName: ['constructor'] } });
    const rows: unknown[] = [null, 'text', 7, [1], {}, { constructor: null }];
    const changes = rows.map((row, key) => ({ key: String(key), row }));
    await store().write({ table: 'odd@1', expected: undefined, next: at(1), changes });
    const page = await store().find({ table: 'odd@1', index: 'byName', equals: [null], limit: 99 });
    expect(page.rows.map(({ row }) => row)).toEqual(rows);
  });

  it('-0 is 0', async () => {
    await put('k', { value: -0 });
    for (const equals of [[0], [-0]]) {
      expect((await store().find({ table: TABLE.table, index: 'byValue', equals, limit: 1 })).rows).toHaveLength(1);
    }
    expect((await store().find({ table: TABLE.table, index: 'byValue', from: 0, to: 0, limit: 1 })).rows).toHaveLength(1);
  });

  it('mixed values are ordered null, false, true, numbers, strings by code point', async () => {
    const shuffled = VALUES.map((value, key) => ({ key: String(key), row: { value } })).reverse();
    await store().write({ table: TABLE.table, expected: undefined, next: at(1), changes: shuffled });
    const page = await store().find({ table: TABLE.table, index: 'byValue', limit: 999 });
    expect(page.rows.map(({ row }) => row)).toEqual([...VALUES].sort(byRule).map((value) => ({ value })));
  });
}

function pages(store: () => ReadStore): void {
  const query: RowQuery = { table: TABLE.table, index: 'byStatus', equals: ['open'], limit: 2 };
  beforeEach(async () => {
    await store().declare(TABLE);
    const changes = [5, 3, 1, 4, 2].map((units) => ({ key: `k${units}`, row: { status: 'open', units } }));
    await store().write({ table: TABLE.table, expected: undefined, next: at(1), changes });
  });
  const keys = (page: { rows: readonly { key: string }[] }) => page.rows.map(({ key }) => key);

  it('P3: a cursor continues after rows before and behind it came, went and moved', async () => {
    const first = await store().find(query);
    expect(keys(first)).toEqual(['k1', 'k2']);
    const changes = [
      { key: 'k1', row: { status: 'open', units: 9 } },
      { key: 'k2', row: undefined },
      { key: 'k4', row: { status: 'shut', units: 4 } },
      { key: 'k0', row: { status: 'open', units: 0 } },
    ];
    await store().write({ table: TABLE.table, expected: at(1), next: at(2), changes });
    const cursor = first.cursor ?? '';
    expect(keys(await store().find({ ...query, limit: 9, cursor }))).toEqual(['k3', 'k5', 'k1']);
  });

  it('the last page has no cursor, also when it is full', async () => {
    expect((await store().find({ ...query, limit: 5 })).cursor).toBeUndefined();
    expect((await store().find({ ...query, limit: 6 })).cursor).toBeUndefined();
    expect((await store().find({ ...query, limit: 4 })).cursor).toBeDefined();
  });

  it('a cursor of another query, or none at all, is invalid', async () => {
    const { cursor = '' } = await store().find(query);
    const others: RowQuery[] = [
      { ...query, equals: ['shut'] },
      { ...query, equals: [] },
      { ...query, from: 0 },
      { ...query, to: 9 },
      { ...query, descending: true },
      { table: TABLE.table, limit: 2 },
      { table: TABLE.table, index: 'byValue', limit: 2 },
    ];
    for (const other of others) await expect(store().find({ ...other, cursor })).rejects.toMatchObject({ code: 'invalid-cursor' });
    for (const junk of ['', '%%%', 'AAAA', `${cursor.slice(0, 8)}zzzz`, Buffer.from('[1,2]').toString('base64url')]) {
      await expect(store().find({ ...query, cursor: junk })).rejects.toMatchObject({ code: 'invalid-cursor' });
    }
  });

  it('an unknown index and an impossible page are refused', async () => {
    await expect(store().find({ ...query, index: 'nope' })).rejects.toMatchObject({ code: 'unknown-index' });
    await expect(store().find({ ...query, index: 'toString' })).rejects.toMatchObject({ code: 'unknown-index' });
    const bad: Partial<RowQuery>[] = [
      { limit: 0 },
      { limit: 1_001 },
      { limit: 1.5 },
      { equals: ['a', 1, 2] },
      { equals: ['open', 1], from: 2 },
      { equals: [Number.NaN] },
      { equals: [], from: '\uD800' },
    ];
    for (const part of bad) await expect(store().find({ ...query, ...part })).rejects.toMatchObject({ code: 'invalid-page' });
    await expect(store().find({ table: TABLE.table, equals: ['k1'], limit: 1 })).rejects.toMatchObject({ code: 'invalid-page' });
  });

  it('without an index rows come by key, between bounds, both ways', async () => {
    const by = async (part: Partial<RowQuery>) => keys(await store().find({ table: TABLE.table, limit: 9, ...part }));
    expect(await by({ from: 'k2', to: 'k4' })).toEqual(['k2', 'k3', 'k4']);
    expect(await by({ from: 'k2', to: 'k4', descending: true })).toEqual(['k4', 'k3', 'k2']);
    expect(await by({ from: 'k4', to: 'k2' })).toEqual([]);
    expect(await by({ from: 'k', to: 'k1' })).toEqual(['k1']);
  });
}

// ── the model: a map and a sort ──

const encoder = new TextEncoder();

function byRule(one: IndexValue, other: IndexValue): number {
  const rank = (value: IndexValue) => (value === null ? 0 : value === false ? 1 : value === true ? 2 : typeof value === 'number' ? 3 : 4);
  if (rank(one) !== rank(other)) return rank(one) - rank(other);
  if (typeof one === 'number' && typeof other === 'number') return one - other || 0;
  if (typeof one === 'string' && typeof other === 'string') return Buffer.compare(encoder.encode(one), encoder.encode(other));
  return 0;
}

interface ModelRow {
  readonly status?: IndexValue;
  readonly units?: IndexValue;
  readonly value?: IndexValue;
}

const FIELDS = { byStatus: ['status', 'units'], byValue: ['value'] } as const;

function expected(model: ReadonlyMap<string, ModelRow>, query: RowQuery): string[] {
  const fields: readonly (keyof ModelRow)[] = query.index === undefined ? [] : FIELDS[query.index as keyof typeof FIELDS];
  const order = (key: string): IndexValue[] => [...fields.map((field) => model.get(key)?.[field] ?? null), key];
  const equals = query.equals ?? [];
  const fits = (key: string) => {
    const values = order(key);
    const next = values[equals.length] ?? null;
    if (equals.some((value, place) => byRule(value, values[place] ?? null) !== 0)) return false;
    return (query.from === undefined || byRule(next, query.from) >= 0) && (query.to === undefined || byRule(next, query.to) <= 0);
  };
  const compare = (one: string, other: string) => {
    const [a, b] = [order(one), order(other)];
    return a.reduce<number>((decided, value, place) => decided || byRule(value, b[place] ?? null), 0);
  };
  const sorted = [...model.keys()].filter(fits).sort(compare);
  return query.descending ? sorted.reverse() : sorted;
}

const text = fc.oneof(fc.constantFrom(...TEXTS), fc.string({ unit: 'binary', maxLength: 6 }));
const value = fc.oneof(
  fc.constantFrom(...VALUES),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number || 0),
  fc.integer({ min: -3, max: 3 }),
  text,
);
const row: fc.Arbitrary<ModelRow> = fc.record({ status: fc.constantFrom('open', 'shut', null), units: value, value }, { requiredKeys: [] });
const change = fc.record({ key: text, row: fc.option(row, { nil: undefined, freq: 4 }) });
const query = fc
  .record({
    shape: fc.constantFrom(
      { index: 'byStatus', equals: 0 },
      { index: 'byStatus', equals: 1 },
      { index: 'byStatus', equals: 2 },
      { index: 'byValue', equals: 0 },
      { index: 'byValue', equals: 1 },
      { index: undefined, equals: 0 },
    ),
    equals: fc.tuple(fc.oneof(fc.constantFrom<IndexValue>('open', 'shut', null), value), value),
    from: fc.option(value, { nil: undefined }),
    to: fc.option(value, { nil: undefined }),
    descending: fc.boolean(),
    limit: fc.constantFrom(1, 2, 3, 7, 1_000),
  })
  .map(({ shape, equals, from, to, descending, limit }): RowQuery => {
    const bounded = shape.index === undefined || shape.equals < FIELDS[shape.index as keyof typeof FIELDS].length;
    return {
      table: TABLE.table,
      descending,
      limit,
      ...(shape.index === undefined ? {} : { index: shape.index, equals: equals.slice(0, shape.equals) }),
      ...(bounded && from !== undefined ? { from } : {}),
      ...(bounded && to !== undefined ? { to } : {}),
    };
  });

async function property(factory: () => Promise<ReadStoreStorage>): Promise<void> {
  const batches = fc.array(fc.uniqueArray(change, { selector: ({ key }) => key, maxLength: 20 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(batches, fc.array(query, { minLength: 1, maxLength: 12 }), async (changes, queries) => {
      const storage = await factory();
      const store = await storage.open();
      try {
        const model = await fill(store, changes);
        for (const each of queries) {
          expect(await readAll(store, each)).toEqual(expected(model, each).map((key) => ({ key, row: model.get(key) })));
        }
      } finally {
        await store.close();
        await storage.destroy();
      }
    }),
    { numRuns: 60 },
  );
}

async function fill(store: ReadStore, batches: readonly (readonly RowChange[])[]): Promise<Map<string, ModelRow>> {
  const model = new Map<string, ModelRow>();
  await store.declare(TABLE);
  for (const [index, changes] of batches.entries()) {
    const from = index === 0 ? undefined : at(index);
    await store.write({ table: TABLE.table, expected: from, next: at(index + 1), changes });
    for (const { key, row } of changes) {
      if (row === undefined) model.delete(key);
      else model.set(key, row as ModelRow);
    }
  }
  return model;
}

async function readAll(store: ReadStore, query: RowQuery): Promise<{ key: string; row: unknown }[]> {
  const rows: { key: string; row: unknown }[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.find(cursor === undefined ? query : { ...query, cursor });
    expect(page.rows.length).toBeLessThanOrEqual(query.limit);
    rows.push(...page.rows);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return rows;
}
