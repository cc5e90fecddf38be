import { entity, projection, typed } from 'perdure';
import { describe, expect, it } from 'vitest';
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
const Rows = projection('rows', { row: typed<Row>(), version: 3, indexes: { byN: ['n'] } });

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

  it('without a source has none', () => {
    expect(projectionOf(Rows)).toEqual({ name: 'rows', version: 3, indexes: { byN: ['n'] }, sources: [] });
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

  it('refuses the same entity twice', () => {
    expectInvalid(() => Rows.from(one, {}).from(one, {}), /rows reads one twice/);
  });

  it('refuses what is not an implementation', () => {
    expectInvalid(() => Rows.from(untyped(entity('three', {})), {}), /implement/);
  });
});

it('projectionOf() refuses anything but a projection', () => {
  for (const value of [{}, undefined, 'rows']) expectInvalid(() => projectionOf(untyped(value)), /projection/);
});
