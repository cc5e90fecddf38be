import { entity, projection, typed } from 'perdure';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { definitionOf } from '../../../runtime/core/definition/entity.ts';
import { projectionOf } from '../../../runtime/core/definition/projection.ts';
import { expectInvalid } from './invalid.ts';

const untyped = (value: unknown) => value as never;
interface Row {
  readonly n: number;
}
const one = entity('one', {})
  .fold(() => 0, { Went: (n, by: number) => n + by, Ended: () => 0 })
  .implement({});
const two = entity('two', {})
  .fold(() => 0, { Came: (n, by: number) => n - by })
  .implement({});
const row = typed<Row>();
const Rows = projection('rows', { row, version: 3, indexes: { byN: ['n'] } });

describe('projection()', () => {
  it.each(['', 'a-b', '1', 'a.b'])('refuses the name %j', (name) => {
    expectInvalid(() => projection(name, { row: typed<Row>(), version: 1 }), /projection '/);
  });

  it.each([0, -1, 1.5, Number.NaN, untyped('1')])('refuses the version %j', (version) => {
    expectInvalid(() => projection('rows', { row: typed<Row>(), version }), /version/);
  });

  it('refuses an option it does not know and an index without a name', () => {
    expectInvalid(() => projection('rows', { row: typed<Row>(), version: 1, ...{ index: {} } }), /rows.*'index'/);
    expectInvalid(() => projection('rows', { row: typed<Row>(), version: 1, indexes: { 'by-n': ['n'] } }), /index of rows/);
  });

  it('refuses a row that is no schema, or none', () => {
    for (const row of [{}, undefined, 'Row', { '~standard': { version: 2, validate: () => ({ value: 1 }) } }]) {
      expectInvalid(() => projection('rows', { row: untyped(row), version: 1 }), /rows/);
    }
  });

  it.each([
    ['no fields', [], /index byN of rows has no fields/],
    ['a field twice', ['n', 'n'], /index byN of rows: 'n'.*twice/],
    ['a field without a name', [''], /index byN of rows/],
    ['no list', 'n', /index byN of rows.*list/],
    ['a field that is no text', [1], /index byN of rows/],
  ])('refuses an index with %s', (_what, fields, named) => {
    expectInvalid(() => projection('rows', { row, version: 1, indexes: { byN: untyped(fields) } }), named);
  });

  it('refuses an index over a field that the schema of the row does not have, or that is no scalar', () => {
    const strict = z.object({ n: z.int(), tags: z.array(z.string()) });
    const over = (row: never, field: string) => projection('rows', { row, version: 1, indexes: { by: untyped([field]) } });
    expectInvalid(() => over(untyped(strict), 'm'), /index by of rows.*'m'.*n, tags/);
    expectInvalid(() => over(untyped(strict), 'toString'), /'toString'/);
    expectInvalid(() => over(untyped(strict), 'tags'), /'tags'.*array/);
    expect(projectionOf(over(untyped(strict), 'n')).indexes).toEqual({ by: ['n'] });
    expect(projectionOf(over(untyped(z.looseObject({ n: z.int() })), 'm')).indexes).toEqual({ by: ['m'] });
    expect(projectionOf(over(untyped(z.union([strict, z.object({ m: z.int() })])), 'm')).indexes).toEqual({ by: ['m'] });
  });

  it('without a source has none', () => {
    expect(projectionOf(Rows)).toEqual({ name: 'rows', version: 3, row, indexes: { byN: ['n'] }, sources: [] });
    expect(projectionOf(Rows).row).toBe(row);
    expect(projectionOf(projection('bare', { row: typed<Row>(), version: 1 })).indexes).toEqual({});
  });
});

describe('from()', () => {
  it('adds a source to a new value and leaves the declaration as it was', () => {
    const went = (row: Row | undefined, by: number) => ({ n: (row?.n ?? 0) + by });
    const key = () => 'all';
    const rows = Rows.from(one, { Went: went }).from(two, { Came: () => undefined }, key);
    const { sources } = projectionOf(rows);
    expect(sources.map(({ entity: { type } }) => type)).toEqual(['one', 'two']);
    expect(sources[0]?.entity).toBe(definitionOf(one));
    expect(sources[0]?.reducers).toEqual(new Map([['Went', went]]));
    expect(sources[0]?.keysOf).toBeUndefined();
    expect(sources[1]?.keysOf).toBe(key);
    expect(projectionOf(Rows).sources).toEqual([]);
  });

  it('refuses an event that the entity does not have', () => {
    expectInvalid(() => Rows.from(one, untyped({ Wnt: () => undefined })), /rows from one.*'Wnt'.*Went, Ended/);
  });

  it('refuses a reducer or a function of keys that is no function or is async', () => {
    expectInvalid(() => Rows.from(one, { Went: untyped(1) }), /rows from one: Went.*function/);
    expectInvalid(() => Rows.from(one, { Went: untyped(async () => undefined) }), /rows from one: Went.*async/);
    expectInvalid(() => Rows.from(one, {}, untyped('n')), /rows from one: .*keys/);
    expectInvalid(
      () =>
        Rows.from(
          one,
          {},
          untyped(async () => 'n'),
        ),
      /rows from one: .*keys.*async/,
    );
  });

  it('refuses the same entity twice', () => {
    expectInvalid(() => Rows.from(one, {}).from(one, {}), /rows reads one twice/);
  });

  it('refuses what is not an implementation', () => {
    expectInvalid(() => Rows.from(untyped(entity('three', {})), {}), /implement/);
  });
});

it('definitionOf() refuses a projection', () => {
  expectInvalid(() => definitionOf(untyped(Rows)), /not an implementation/);
});

it('projectionOf() refuses anything but a projection', () => {
  for (const value of [{}, undefined, 'rows', one, entity('three', {})]) expectInvalid(() => projectionOf(untyped(value)), /projection/);
});
