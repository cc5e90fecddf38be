import { activity, typed } from 'perdure';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { failed } from '../../../runtime/core/answer.ts';
import type { ActivityImplementation, ActivityInfo } from '../../../runtime/core/definition/types.ts';
import { PerdureError } from '../../../runtime/core/errors.ts';
import { LIMITS } from '../../../runtime/core/limits.ts';
import { Activities } from '../../../runtime/host/activity-registry.ts';
import { perform, queryOutcome } from '../../../runtime/host/attempt-outcome.ts';

const Charge = activity('charge', { input: typed<unknown>(), output: typed<unknown>(), rejects: ['declined'] });
const Checked = activity('checked', { output: z.object({ id: z.string(), at: z.object({ page: z.number() }).default({ page: 1 }) }) });
const Silent = activity('silent');

const INFO: ActivityInfo = {
  signal: new AbortController().signal,
  attempt: 1,
  idempotencyKey: 'k',
  meta: { signalId: 's', correlationId: 's', baggage: {} },
  heartbeat: () => undefined,
  lastHeartbeat: undefined,
};

/** The outcome of an implementation, and what the log was told. */
async function outcomeOf(implementation: ActivityImplementation) {
  const registered = new Activities([implementation]).get(implementation.activity);
  if (registered === undefined) throw new Error('not registered');
  const thrown: unknown[] = [];
  return { outcome: await perform(registered, {}, INFO, (error) => void thrown.push(error)), thrown };
}
const returning = (value: unknown) => outcomeOf(Charge.implement(async () => value));
const throwing = (error: unknown) =>
  outcomeOf(
    Charge.implement(() => {
      throw error;
    }),
  );

test('a value is what its schema makes of it; undefined becomes null', async () => {
  const checked = Checked.implement(async () => ({ id: 'a', at: { page: 3 }, more: 'is stripped' }));
  expect((await outcomeOf(checked)).outcome).toEqual({ kind: 'completed', value: { id: 'a', at: { page: 3 } } });
  expect((await returning(undefined)).outcome).toEqual({ kind: 'completed', value: null });
});

test('an activity that declares no output has none, whatever it returns', async () => {
  const given = { ...Silent.implement(() => undefined), work: () => new Map() };
  expect((await outcomeOf(given)).outcome).toEqual({ kind: 'completed', value: null });
});

test('O2: a result that does not fit is a failure that names the field', async () => {
  const wrong = { ...Checked.implement(() => ({ id: 'a', at: { page: 1 } })), work: () => ({ id: 'a', at: { page: 'x' } }) };
  const { outcome } = await outcomeOf(wrong);
  expect(outcome).toMatchObject({ kind: 'failed', code: 'result-invalid' });
  expect('message' in outcome && outcome.message).toMatch(/^the result of activity checked does not fit its schema: at\.page: /);
});

test('O2: a schema that is asynchronous or throws is a failure too', async () => {
  const waiting = activity('waiting', { output: z.string().refine(async () => true) });
  expect((await outcomeOf(waiting.implement(() => 'a'))).outcome).toMatchObject({ kind: 'failed', code: 'invalid-definition' });
  const validate = (): never => {
    throw new TypeError('validate');
  };
  const throws = activity('throws', { output: { '~standard': { version: 1, vendor: 'test', validate } } });
  expect((await outcomeOf(throws.implement(() => 'a'))).outcome).toEqual({
    kind: 'failed',
    code: 'result-invalid',
    message: 'TypeError: validate',
  });
});

test('O2: a result that is not plain or too large is a failure that names the part', async () => {
  expect((await returning({ list: [1, { at: new Date(0) }] })).outcome).toMatchObject({
    ...{ kind: 'failed', code: 'payload-not-plain' },
    message: expect.stringContaining('result of activity charge.list[1].at'),
  });
  expect((await returning({ id: 1, pages: ['x'.repeat(LIMITS.maxActivityBytes)] })).outcome).toMatchObject({
    ...{ kind: 'failed', code: 'payload-too-large' },
    message: expect.stringContaining('result of activity charge.pages[0]'),
  });
});

test('a rejection is final, says who rejected, and is not told to the log', async () => {
  const { outcome, thrown } = await throwing(Charge.reject('declined', { reason: 'limit' }));
  expect(outcome).toEqual({ kind: 'rejected', code: 'declined', details: { reason: 'limit' }, by: 'charge', message: 'declined' });
  expect((await throwing(Charge.reject('declined'))).outcome).toMatchObject({ kind: 'rejected', details: null });
  expect(thrown).toEqual([]);
});

test('O2: a rejection whose details cannot travel is a failure', async () => {
  expect((await throwing(Charge.reject('declined', { at: new Date(0) }))).outcome).toMatchObject({
    ...{ kind: 'failed', code: 'payload-not-plain' },
    message: expect.stringContaining('details of the rejection declined of activity charge.at'),
  });
  expect((await throwing(Charge.reject('declined', 'x'.repeat(LIMITS.maxActivityBytes)))).outcome).toMatchObject({
    code: 'payload-too-large',
  });
});

test('anything else that is thrown is a failure, with the code of an error of the runtime', async () => {
  const error = new TypeError('boom');
  expect(await throwing(error)).toEqual({
    outcome: { kind: 'failed', code: 'activity-threw', message: 'TypeError: boom' },
    thrown: [error],
  });
  expect((await throwing(new PerdureError('overloaded', 'busy'))).outcome).toEqual({ kind: 'failed', code: 'overloaded', message: 'busy' });
  expect((await throwing(undefined)).outcome).toEqual({ kind: 'failed', code: 'activity-threw', message: 'undefined' });
  expect((await outcomeOf(Charge.implement(() => Promise.reject(5)))).outcome).toMatchObject({ code: 'activity-threw', message: '5' });
});

test('O1: values that throw when they are looked at come to an outcome', async () => {
  const angry = new Proxy(
    {},
    {
      get: () => {
        throw new Error('get');
      },
      has: () => {
        throw new Error('has');
      },
      getPrototypeOf: () => {
        throw new Error('prototype');
      },
    },
  );
  const forged = new Proxy(new PerdureError('defect'), {
    get: () => {
      throw new Error('get');
    },
  });
  const rejection = new Proxy(Charge.reject('declined'), {
    get: () => {
      throw new Error('get');
    },
  });
  for (const value of [angry, forged, rejection]) {
    expect((await throwing(value)).outcome).toMatchObject({ kind: 'failed', code: 'activity-threw' });
    expect((await returning({ value })).outcome.kind).toBe('failed');
  }
});

test('O2: messages are cut to 2 000 characters, and well-formed', async () => {
  const { outcome } = await throwing(new PerdureError('defect', `${'x'.repeat(1_999)}😀`));
  expect('message' in outcome && outcome.message).toBe(`${'x'.repeat(1_999)}\ufffd`);
});

test('an answer to a query: its value, its rejection, a failure that can pass, and one that cannot', () => {
  const at = { revision: 1, position: 1, repeated: false };
  expect(queryOutcome('cart/1 sum', { kind: 'done', result: { sum: 1 }, ...at })).toEqual({ kind: 'completed', value: { sum: 1 } });
  expect(queryOutcome('cart/1 sum', { kind: 'done', result: undefined, ...at })).toEqual({ kind: 'completed', value: null });
  const rejected = { kind: 'rejected', code: 'no', details: { a: 1 }, by: 'cart/1', message: 'no' } as const;
  expect(queryOutcome('cart/1 sum', { ...rejected, position: 1 })).toEqual(rejected);
  expect(queryOutcome('cart/1 sum', failed('parked', 'held'))).toEqual({ kind: 'failed', code: 'parked', message: 'held' });
  expect(queryOutcome('cart/1 sum', failed('unknown-query', 'none'))).toEqual({
    ...{ kind: 'failed', code: 'unknown-query', message: 'none', isFinal: true },
  });
  expect(queryOutcome('cart/1 sum', { kind: 'done', result: 'x'.repeat(LIMITS.maxActivityBytes), ...at })).toMatchObject({
    ...{ kind: 'failed', code: 'payload-too-large', isFinal: true },
    message: expect.stringContaining('result of query cart/1 sum'),
  });
});

test('a program performs an activity in one way: two of one name are refused, and so is what is no implementation', () => {
  const one = Charge.implement(() => 1);
  const activities = new Activities([one, Silent.implement(() => undefined)]);
  expect([activities.has('charge'), activities.has('other'), activities.get('other')]).toEqual([true, false, undefined]);
  expect(activities.get('charge')).toMatchObject({ name: 'charge', limits: {}, declaration: { rejects: ['declined'] } });
  expect(() => new Activities([one, Charge.with({ timeout: 5 }).implement(() => 2)])).toThrow('activity charge is implemented twice');
  expect(() => new Activities([{ activity: 'charge', work: () => 1, limits: {} }])).toThrow(
    expect.objectContaining({ code: 'invalid-definition' }),
  );
  expect(() => new Activities([{ ...one, work: 5 }])).toThrow('activity charge: its implementation has no work');
});
