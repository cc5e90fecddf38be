import fc from 'fast-check';
import { activity, entity, query, signal, typed } from 'perdure';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ACTIVITY, type ActivityDeclaration } from '../../../runtime/core/definition/activity.ts';
import { declarationsOf } from '../../../runtime/core/definition/entity.ts';
import { carried } from '../../../runtime/core/definition/erased.ts';
import { LIMITS } from '../../../runtime/core/limits.ts';
import { expectInvalid } from './invalid.ts';

const untyped = (value: unknown) => value as never;
const Thing = entity('thing', {
  anything: signal({ input: typed<unknown>() }),
  nothing: signal(),
  // Names that an object has anyway must not be shadowed by its prototype.
  constructor: signal({ input: typed<number>() }),
  toString: query({ output: typed<string>() }),
});

describe('a message', () => {
  it('has the four fields of an envelope and nothing else', () => {
    const message = Thing('1').anything({ a: 1 });
    expect(Object.getPrototypeOf(message)).toBe(Object.prototype);
    expect(Reflect.ownKeys(message)).toEqual(['type', 'id', 'name', 'payload']);
    expect(message).toEqual({ type: 'thing', id: '1', name: 'anything', payload: { a: 1 } });
  });

  it('has an empty payload where none was given', () => {
    expect(Thing('1').nothing().payload).toEqual({});
    expect(Thing('1').anything(null).payload).toBeNull();
    expect(Thing('1').anything(0).payload).toBe(0);
  });

  it('is made for names that every object has', () => {
    expect(Thing('1').constructor(3)).toEqual({ type: 'thing', id: '1', name: 'constructor', payload: 3 });
    expect(Thing('1').toString()).toEqual({ type: 'thing', id: '1', name: 'toString', payload: {} });
  });

  it('of another id is another message: nothing is shared between calls', () => {
    const [one, two] = [Thing('1'), Thing('2')];
    expect([one.nothing().id, two.nothing().id, one.nothing().id]).toEqual(['1', '2', '1']);
  });

  it('survives JSON', () => {
    fc.assert(
      fc.property(fc.string(), fc.json(), (id, json) => {
        const message = Thing(id).anything(JSON.parse(json)); // a value that JSON holds: -0 it does not
        expect(JSON.parse(JSON.stringify(message))).toEqual({ ...message });
      }),
    );
  });
});

describe('a declaration', () => {
  it('keeps its schemas and whether it is accepted once', () => {
    const input = z.object({ n: z.int() });
    const output = z.int();
    const declared = declarationsOf(entity('e', { go: signal({ input, output, once: true }), stop: signal(), size: query({ output }) }));
    expect(declared.get('go')).toEqual({ kind: 'signal', input, output, once: true });
    expect(declared.get('go')?.input).toBe(input);
    expect(declared.get('stop')).toEqual({ kind: 'signal', input: undefined, output: undefined, once: false });
    expect(declared.get('size')).toEqual({ kind: 'query', input: undefined, output, once: false });
  });

  it('refuses an option it does not know', () => {
    const misspelt: object = { ouput: z.int() };
    expectInvalid(() => signal(misspelt), /signal.*'ouput'.*input, output, once/);
    expectInvalid(() => query({ output: z.int(), ...misspelt }), /query.*'ouput'/);
    const once: object = { once: true };
    expectInvalid(() => query({ output: z.int(), ...once }), /query.*'once'/);
  });

  it('refuses what is no schema, in every place', () => {
    const wrong: readonly unknown[] = [
      {},
      'text',
      null,
      () => true,
      { '~standard': {} },
      { '~standard': { version: 2, validate: () => ({}) } },
    ];
    for (const schema of wrong) {
      expectInvalid(() => signal({ input: untyped(schema) }), /input of a signal/);
      expectInvalid(() => signal({ output: untyped(schema) }), /output of a signal/);
      expectInvalid(() => query({ input: untyped(schema), output: z.int() }), /input of a query/);
      expectInvalid(() => query({ output: untyped(schema) }), /output of a query/);
      expectInvalid(() => activity('a', { input: untyped(schema) }), /input of activity a/);
      expectInvalid(() => activity('a', { output: untyped(schema) }), /output of activity a/);
    }
  });

  it('takes a schema that is a function, as arktype makes them', () => {
    const schema: object = Object.assign(() => true, { ...typed<number>() });
    expect(signal({ input: untyped(schema) }).kind).toBe('signal');
  });

  it('of a query without an output, or of a signal with an odd `once`, is refused', () => {
    expectInvalid(() => query(untyped({})), /query has no output/);
    expectInvalid(() => query(untyped(undefined)), /query/);
    expectInvalid(() => signal({ once: untyped('yes') }), /once/);
  });

  it('typed() lets every value through as it is', async () => {
    const value = { any: 'thing' };
    expect(await typed<unknown>()['~standard'].validate(value)).toEqual({ value });
  });
});

describe('an activity', () => {
  const charge = activity('charge', {
    input: typed<{ amount: number }>(),
    rejects: ['declined'],
    retry: { attempts: 3 },
    timeout: '1 minute',
  });
  const declared = (value: unknown) => carried<ActivityDeclaration>(value, ACTIVITY);

  it('called makes a task: its name and input, and under a symbol what is declared of it', () => {
    const task = charge({ amount: 3 });
    expect(JSON.parse(JSON.stringify(task))).toEqual({ activity: 'charge', input: { amount: 3 } });
    expect(declared(task)?.options).toEqual({ retry: { attempts: 3 }, timeout: '1 minute' });
    expect(activity('ping')().input).toEqual({});
  });

  it('.with() gives options to its own tasks and leaves the others alone', () => {
    expect(declared(charge.with({ timeout: '5 seconds' })({ amount: 1 }))?.options).toEqual({
      retry: { attempts: 3 },
      timeout: '5 seconds',
    });
    expect(declared(charge({ amount: 1 }))?.options).toMatchObject({ timeout: '1 minute' });
  });

  it('.implement() keeps the work and the declaration it was checked against', () => {
    const work = () => undefined;
    const implementation = charge.implement(work);
    expect(implementation).toMatchObject({ activity: 'charge', work });
    expect(declared(implementation)).toBe(declared(charge));
  });

  it('knows its own rejections from those of others', () => {
    const error = charge.reject('declined', { why: 'limit' });
    expect(error).toMatchObject({ code: 'declined', by: 'charge', details: { why: 'limit' } });
    expect(charge.rejected(error)).toBe(true);
    expect(charge.rejected(error, 'declined')).toBe(true);
    expect(activity('other', { rejects: ['declined'] }).rejected(error)).toBe(false);
    expect(charge.rejected(new Error('declined'))).toBe(false);
    expect(charge.rejected(undefined)).toBe(false);
  });

  const options: readonly (readonly [object, RegExp])[] = [
    [{ timeout: '1 fortnight' }, /activity charge: timeout.*1 fortnight/],
    [{ timeout: 0 }, /activity charge: timeout/],
    [{ deadline: '0 ms' }, /activity charge: deadline/],
    [{ heartbeat: -1 }, /activity charge: heartbeat/],
    [{ retry: 3 }, /retry of activity charge/],
    [{ retry: { attempt: 3 } }, /retry of activity charge.*'attempt'.*attempts/],
    [{ retry: { attempts: 0 } }, /retry of activity charge: attempts/],
    [{ retry: { attempts: 1.5 } }, /retry of activity charge: attempts/],
    [{ retry: { factor: 0.5 } }, /retry of activity charge: factor/],
    [{ retry: { factor: '2' } }, /retry of activity charge: factor/],
    [{ retry: { initial: 'soon' } }, /retry of activity charge: initial.*soon/],
    [{ retry: { max: Number.POSITIVE_INFINITY } }, /retry of activity charge: max/],
  ];
  it.each(options)('refuses the options %j, also for one call', (options, named) => {
    expectInvalid(() => activity('charge', options), named);
    expectInvalid(() => charge.with(options), named);
  });

  it('.implement() refuses what is no function', () => {
    expectInvalid(() => charge.implement(untyped({})), /activity charge/);
  });

  it('refuses an option it does not know, also for one call', () => {
    const misspelt: object = { retries: 3 };
    expectInvalid(() => activity('x', misspelt), /activity x.*'retries'/);
    expectInvalid(() => charge.with(misspelt), /activity charge.*'retries'/);
    const input: object = { input: z.int() };
    expectInvalid(() => charge.with(input), /activity charge.*'input'/);
  });
});

describe('a name', () => {
  const tooLong = 'x'.repeat(LIMITS.maxNameLength + 1);

  it.each(['', '1st', '_x', 'a-b', 'a.b', 'a b', 'perdure:Wake', 'é', 'a\n', tooLong])(
    '%j is refused for a message and an activity',
    (name) => {
      expectInvalid(() => entity('e', { [name]: signal() }), /message of e/);
      expectInvalid(() => activity(name), /activity/);
    },
  );

  it('may have letters, digits and _, up to the limit', () => {
    for (const name of ['a', 'A1_b', 'x'.repeat(LIMITS.maxNameLength)]) {
      expect(declarationsOf(entity('e', { [name]: signal() })).has(name)).toBe(true);
    }
  });
});
