import { activity, durable, type EntityOptions, entity, query, serial, signal, typed, upcast } from 'perdure';
import { describe, expect, it } from 'vitest';
import { definitionOf } from '../../../runtime/core/definition/entity.ts';
import { Rejection } from '../../../runtime/core/rejection.ts';
import { expectInvalid } from './invalid.ts';

/** What the types forbid is checked again at run time, for callers without types: `never` fits every parameter. */
const untyped = (value: unknown) => value as never;

const Job = entity(
  'job',
  { go: signal(), ask: signal({ output: typed<number>() }), size: query({ output: typed<number>() }) },
  { rejects: ['no', 'busy'] },
);
const model = Job.fold((id) => ({ id, n: 0 }), { Went: (state, by: number) => ({ ...state, n: state.n + by }) }, { timers: ['late'] });
const go = () => undefined;
const ask = durable(async () => 1);
const late = serial(async () => undefined);
const size = (state: { n: number }) => state.n;
const whole = { signals: { go, ask }, timers: { late }, queries: { size } };

describe('entity()', () => {
  it.each(['', 'Cart', '1cart', 'my-cart', 'my_cart', 'cart ', 'perdure.store', 'ä', 'x'.repeat(65)])('refuses the type %j', (type) => {
    expectInvalid(() => entity(type, {}), /entity type/);
  });

  it.each(['c', 'cart2', 'shoppingCart', 'x'.repeat(64)])('takes the type %j', (type) => {
    expect(entity(type, {}).type).toBe(type);
  });

  it('refuses an option it does not know and messages that are no object', () => {
    expectInvalid(() => entity('e', {}, untyped({ reject: ['no'] })), /entity e.*'reject'.*rejects/);
    expectInvalid(() => entity('e', untyped(undefined)), /entity e/);
    expectInvalid(() => entity('e', untyped([signal()])), /entity e.*list/);
    expectInvalid(() => entity(untyped(undefined), {}), /entity type/);
  });

  it('refuses what is neither signal() nor query()', () => {
    expectInvalid(() => entity('e', { go: untyped(() => undefined) }), /e\.go/);
    expectInvalid(() => entity('e', { go: untyped({ kind: 'signal' }) }), /e\.go/);
    expectInvalid(() => entity('e', { go: untyped(null) }), /e\.go/);
  });
});

describe('rejects', () => {
  it.each(['', 'Busy', '1st', 'too_much', '-x', 'no!', 'x'.repeat(129)])('refuses the code %j', (code) => {
    expectInvalid(() => entity('e', {}, { rejects: [code] }), /rejects of e/);
    expectInvalid(() => activity('a', { rejects: [code] }), /rejects of activity a/);
  });

  it('refuses a code of the runtime, a code twice and what is no list', () => {
    expectInvalid(() => entity('e', {}, { rejects: ['parked'] }), /rejects of e: 'parked' is a code of the runtime/);
    expectInvalid(() => entity('e', {}, { rejects: ['no', 'no'] }), /rejects of e: 'no'.*twice/);
    expectInvalid(() => entity('e', {}, { rejects: untyped('no') }), /rejects of e.*list/);
    expectInvalid(() => entity('e', {}, { rejects: untyped([1]) }), /rejects of e/);
  });

  it('takes what is a code, also the names that every object has', () => {
    expect(entity('e', {}, { rejects: ['a', 'too-much-2', 'constructor', 'x'.repeat(128)] }).rejects).toHaveLength(4);
  });
});

describe('fold()', () => {
  it('refuses an option it does not know, a timer twice and timers that are no list', () => {
    expectInvalid(() => Job.fold(() => 0, {}, untyped({ timer: ['a'] })), /fold of job.*'timer'.*timers/);
    expectInvalid(() => Job.fold(() => 0, {}, { timers: ['a', 'b', 'a'] }), /timers of job: 'a'.*twice/);
    expectInvalid(() => Job.fold(() => 0, {}, { timers: untyped('late') }), /timers of job.*list/);
  });

  it('refuses reducers and an initial state that are no functions or are async', () => {
    expectInvalid(() => Job.fold(untyped({ n: 0 }), {}), /fold of job: the initial state/);
    expectInvalid(
      () =>
        Job.fold(
          untyped(async () => 0),
          {},
        ),
      /initial state.*async/,
    );
    expectInvalid(() => Job.fold(() => 0, { Went: untyped(1) }), /reducers of job: Went/);
    expectInvalid(() => Job.fold(() => 0, { Went: untyped(async () => 0) }), /reducers of job: Went.*async/);
    expectInvalid(
      () =>
        Job.fold(() => 0, {
          Went: untyped(function* () {
            yield 0;
          }),
        }),
      /reducers of job: Went.*generator/,
    );
    expectInvalid(() => Job.fold(() => 0, untyped(undefined)), /reducers of job/);
  });

  it('refuses names of events and timers that are no names', () => {
    expectInvalid(() => Job.fold(() => 0, { 'perdure:Wake': (n) => n }), /event of job/);
    expectInvalid(() => Job.fold(() => 0, {}, { timers: ['a-b'] }), /timer of job/);
  });
});

describe('implement()', () => {
  it('gives the definition that the engine runs', () => {
    const definition = definitionOf(model.implement({ ...whole, options: { stateVersion: 2, passivateAfter: '1 hour' } }));
    expect(definition.type).toBe('job');
    expect(definition.rejects).toEqual(new Set(['no', 'busy']));
    expect(definition.timerNames).toEqual(new Set(['late']));
    expect(definition.initial('7')).toEqual({ id: '7', n: 0 });
    expect(definition.reducers.get('Went')?.({ id: '7', n: 1 }, 2)).toEqual({ id: '7', n: 3 });
    expect(definition.signals.get('go')).toEqual({ mode: 'plain', run: go });
    expect(definition.signals.get('ask')?.mode).toBe('durable');
    expect(definition.timers.get('late')?.mode).toBe('serial');
    expect(definition.queries.get('size')?.({ n: 4 }, {})).toBe(4);
    expect(definition.options).toEqual({ stateVersion: 2, passivateAfter: '1 hour' });
  });

  it('refuses a misspelt section', () => {
    expectInvalid(() => model.implement(untyped({ ...whole, query: {} })), /job.*'query'.*queries/);
  });

  it('refuses a handler of something undeclared, in every section', () => {
    expectInvalid(() => model.implement(untyped({ ...whole, signals: { go, ask, gone: go } })), /signals of job.*'gone'/);
    expectInvalid(() => model.implement(untyped({ ...whole, timers: { late, later: go } })), /timers of job.*'later'/);
    expectInvalid(() => model.implement(untyped({ ...whole, queries: { size, go } })), /queries of job.*'go'/);
  });

  it('refuses a missing handler, in every section, also if the section is missing', () => {
    expectInvalid(() => model.implement(untyped({ ...whole, signals: { go } })), /signals of job: ask/);
    expectInvalid(() => model.implement(untyped({ ...whole, timers: undefined })), /timers of job: late/);
    expectInvalid(() => model.implement(untyped({ signals: { go, ask }, timers: { late } })), /queries of job: size/);
  });

  it('refuses a handler that is no function, and a query that waits', () => {
    expectInvalid(() => model.implement(untyped({ ...whole, signals: { go: 1, ask } })), /signals of job: go/);
    expectInvalid(() => model.implement(untyped({ ...whole, queries: { size: durable(async () => 1) } })), /queries of job: size/);
  });

  it('refuses an async function where nothing waits for it', () => {
    expectInvalid(() => model.implement({ ...whole, signals: { go: untyped(async () => undefined), ask } }), /signals of job: go.*durable/);
    expectInvalid(() => model.implement({ ...whole, timers: { late: untyped(async () => undefined) } }), /timers of job: late.*async/);
    expectInvalid(() => model.implement({ ...whole, queries: { size: untyped(async () => 1) } }), /queries of job: size.*async/);
    expectInvalid(() => durable(untyped(undefined)), /durable/);
    expectInvalid(() => serial(untyped(1)), /serial/);
  });

  it('refuses a missing behaviour', () => {
    for (const behaviour of [undefined, null, 1, []]) expectInvalid(() => model.implement(untyped(behaviour)), /implementation of job/);
  });

  it('does not take what every object has for a handler', () => {
    const Odd = entity('odd', { toString: signal() });
    const odd = Odd.fold(() => 0, {}, { timers: ['valueOf'] });
    const handlers = { signals: { toString: go }, timers: { valueOf: go } };
    expectInvalid(() => odd.implement(untyped({ ...handlers, signals: {} })), /signals of odd: toString/);
    expectInvalid(() => odd.implement(untyped({ ...handlers, timers: {} })), /timers of odd: valueOf/);
    expect(definitionOf(odd.implement(handlers)).signals.get('toString')).toEqual({ mode: 'plain', run: go });
  });

  it.each<[EntityOptions, RegExp]>([
    [{ stateVersion: 0 }, /stateVersion/],
    [{ stateVersion: 1.5 }, /stateVersion/],
    [{ snapshotEvery: -1 }, /snapshotEvery/],
    [{ snapshotEvery: Number.NaN }, /snapshotEvery/],
    [{ passivateAfter: untyped('1 fortnight') }, /1 fortnight/],
    [untyped({ snapshots: 1 }), /options of job.*'snapshots'/],
  ])('refuses the options %j', (options, named) => {
    expectInvalid(() => model.implement({ ...whole, options }), named);
  });
});

describe('upcast()', () => {
  it('keeps its steps in order; the version written is their number plus one', () => {
    const steps = upcast(
      (v1: { n: string }) => ({ n: Number(v1.n) }),
      (v2) => v2.n,
    );
    const { upcasts } = definitionOf(model.implement({ ...whole, upcast: { Went: steps } }));
    const newest = upcasts.get('Went')?.reduce((payload: unknown, step) => step(payload), { n: '5' });
    expect(upcasts.get('Went')).toHaveLength(2);
    expect(newest).toBe(5);
  });

  it('refuses steps that are no functions or are async, and none at all', () => {
    expectInvalid(() => upcast(untyped(1)), /upcast: step 1/);
    expectInvalid(
      () =>
        upcast(
          (n: number) => n,
          untyped(async () => 1),
        ),
      /upcast: step 2.*async/,
    );
    expectInvalid(() => (upcast as () => unknown)(), /upcast/);
  });

  it('not made by upcast() is refused', () => {
    for (const way of [{ steps: [(n: number) => n] }, (n: number) => n, undefined]) {
      expectInvalid(() => model.implement({ ...whole, upcast: untyped({ Went: way }) }), /upcast of job: Went/);
    }
  });

  it('of an event that does not exist is refused', () => {
    expectInvalid(() => model.implement({ ...whole, upcast: untyped({ Gone: upcast((n: number) => n) }) }), /upcast of job.*'Gone'/);
  });
});

describe('definitionOf()', () => {
  it.each([
    ['a contract', Job],
    ['a model', model],
    ['nothing', undefined],
    ['plain data', {}],
  ])('refuses %s', (_what, value) => {
    expectInvalid(() => definitionOf(untyped(value)), /implement/);
  });
});

describe('a rejection', () => {
  it('J1: carries code, details and who said it', () => {
    const error = Job.reject('busy', { until: 3 });
    expect(error).toBeInstanceOf(Rejection);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ code: 'busy', details: { until: 3 }, by: 'job', message: 'busy', name: 'Rejection' });
  });

  it('is known by the entity that made it, for all codes or those asked for', () => {
    expect(Job.rejected(Job.reject('busy'))).toBe(true);
    expect(Job.rejected(Job.reject('busy'), 'busy', 'no')).toBe(true);
    expect(Job.rejected(Job.reject('busy'), 'no')).toBe(false);
  });

  it('is known again once it travelled, when `by` names the instance', () => {
    expect(Job.rejected(new Rejection('busy', undefined, 'job/17'))).toBe(true);
  });

  it('of another entity is not taken for its own, whatever the prefix of the names', () => {
    expect(entity('jobs', {}, { rejects: ['busy'] }).rejected(Job.reject('busy'))).toBe(false);
    expect(Job.rejected(new Rejection('busy', undefined, 'jobs/17'))).toBe(false);
    expect(Job.rejected(new Rejection('unheard-of', undefined, 'job'))).toBe(false);
  });

  it('J2: is not what merely looks like one', () => {
    for (const error of [new Error('busy'), { code: 'busy', by: 'job' }, 'busy', null, undefined]) expect(Job.rejected(error)).toBe(false);
  });
});
