import fc from 'fast-check';
import { typed } from 'perdure';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ERRORS, errorSpec, errorText, invariant, isPerdureError, PerdureError } from '../../../runtime/core/errors.ts';
import { evaluateQuery } from '../../../runtime/core/query.ts';
import { randomFrom, uuidFrom } from '../../../runtime/core/random.ts';
import { addressOf, streamOf } from '../../../runtime/core/record.ts';
import { isRejection, Rejection } from '../../../runtime/core/rejection.ts';
import { DEFAULT_RETRY, nextAttemptAt, nextDelayMs } from '../../../runtime/core/retry.ts';
import { validate } from '../../../runtime/core/schema.ts';
import { definition } from './probe.ts';

describe('streams', () => {
  it('R1: an address comes back from its stream, whatever the id', () => {
    const type = fc.stringMatching(/^[a-z][A-Za-z0-9]{0,63}$/);
    fc.assert(
      fc.property(type, fc.string({ minLength: 1, unit: 'binary' }), (t, id) => {
        expect(addressOf(streamOf(t, id))).toEqual({ type: t, id });
      }),
    );
  });

  it.each([
    '',
    'cart',
    'cart-',
    '-1',
    '$ce-cart',
    'perdure.store',
    'perdure.snapshot-cart-1',
    'Cart-1',
    'my_cart-1',
    `${'x'.repeat(65)}-1`,
  ])('R1: %j is no entity', (stream) => {
    expect(addressOf(stream)).toBeUndefined();
  });
});

describe('random', () => {
  it('gives the same for the same seed, something else for every other', () => {
    const first = (seed: string) => randomFrom(seed).word();
    expect(first('turn/0')).toBe(first('turn/0'));
    const seeds = Array.from({ length: 20_000 }, (_, i) => first(`Zk3-turnId_of22chars${i >> 5}/${i & 31}`));
    // By the birthday bound about 0.05 pairs of 20 000 words of 32 bits are equal.
    expect(new Set(seeds).size).toBeGreaterThan(19_996);
  });

  it('is even: 16 buckets of 160 000 numbers, and of first numbers over seeds', () => {
    const random = randomFrom('seed');
    for (const next of [() => random.next(), (i: number) => randomFrom(`t/${i}`).next()]) {
      const buckets = new Array<number>(16).fill(0);
      for (let i = 0; i < 160_000; i += 1) {
        const x = next(i);
        if (!(x >= 0 && x < 1)) throw new Error(`out of range: ${x}`);
        buckets[Math.floor(x * 16)] = (buckets[Math.floor(x * 16)] ?? 0) + 1;
      }
      // Chi-square of 15 degrees of freedom: above 44 with a chance of 1 in 10 000; the seeds are fixed.
      expect(buckets.reduce((sum, n) => sum + (n - 10_000) ** 2 / 10_000, 0)).toBeLessThan(44);
    }
  });

  it('makes UUIDs of version 4, all different', () => {
    const random = randomFrom('seed');
    const made = Array.from({ length: 2_000 }, () => uuidFrom(random));
    for (const uuid of made) expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(new Set(made).size).toBe(2_000);
    expect(new Set(made.map((uuid) => uuid[19])).size).toBe(4);
  });
});

describe('retry', () => {
  it('doubles from 1 s to 100 s, spread over the upper half', () => {
    const delays = [1, 2, 3, 7, 8, 60].map((n) => [nextDelayMs(DEFAULT_RETRY, n, 0), nextDelayMs(DEFAULT_RETRY, n, 0.999_999_9)]);
    expect(delays).toEqual([
      [500, 1_000],
      [1_000, 2_000],
      [2_000, 4_000],
      [32_000, 64_000],
      [50_000, 100_000],
      [50_000, 100_000],
    ]);
  });

  it('is a finite wait within its bounds for any policy and any number of failures', () => {
    const policy = fc.record({
      initialMs: fc.nat(10_000),
      factor: fc.double({ min: 1, max: 10, noNaN: true }),
      maxMs: fc.nat(1_000_000),
      attempts: fc.constant(Number.POSITIVE_INFINITY),
    });
    fc.assert(
      fc.property(policy, fc.integer({ min: 1, max: 5_000 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (p, failures, random) => {
        const delay = nextDelayMs(p, failures, random);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(p.maxMs);
      }),
    );
    expect(nextDelayMs({ ...DEFAULT_RETRY, initialMs: 0 }, 2_000, 0.5)).toBe(0);
  });

  it('ends with the attempts and at the deadline', () => {
    const policy = { ...DEFAULT_RETRY, attempts: 3 };
    expect([1, 2, 3, 4].map((n) => nextDelayMs(policy, n, 0) === undefined)).toEqual([false, false, true, true]);
    expect(nextAttemptAt(policy, 1, 1_000, undefined, 0)).toBe(1_500);
    expect(nextAttemptAt(policy, 1, 1_000, 1_501, 0)).toBe(1_500);
    expect(nextAttemptAt(policy, 1, 1_000, 1_500, 0)).toBeUndefined();
    expect(nextAttemptAt(policy, 3, 1_000, undefined, 0)).toBeUndefined();
  });
});

describe('schema', () => {
  it('gives the parsed value, or every issue with its path', () => {
    const schema = z.object({ a: z.array(z.object({ n: z.coerce.number() })) });
    expect(validate(schema, { a: [{ n: '7' }] })).toEqual({ ok: true, value: { a: [{ n: 7 }] } });
    const refused = validate(schema, { a: [{ n: 1 }, { n: 'x' }] });
    expect(refused).toMatchObject({ ok: false, issues: [{ path: 'a.1.n' }] });
    const keyed = {
      '~standard': {
        version: 1,
        vendor: 'x',
        validate: () => ({ issues: [{ message: 'm', path: [{ key: 'a' }, 0] }, { message: 'whole' }] }),
      },
    } as const;
    expect(validate(keyed, 1)).toEqual({
      ok: false,
      issues: [
        { path: 'a.0', message: 'm' },
        { path: '', message: 'whole' },
      ],
    });
  });

  it('without a schema takes nothing but nothing', () => {
    for (const nothing of [undefined, null, {}]) expect(validate(undefined, nothing)).toEqual({ ok: true, value: {} });
    for (const something of [{ a: 1 }, [], 0, '', false]) expect(validate(undefined, something).ok).toBe(false);
  });

  it('refuses a schema that answers later, and is not brought down by what it answers', async () => {
    const later = { '~standard': { version: 1, vendor: 'x', validate: () => Promise.reject(new Error('late')) } } as const;
    expect(() => validate(later, 1)).toThrow(expect.objectContaining({ code: 'invalid-definition' }));
    // An unhandled rejection, which would fail the test run, is raised after the microtasks of this turn of the loop.
    await new Promise((resolve) => setImmediate(resolve));
  });
});

describe('errors', () => {
  it.each(Object.entries(ERRORS))('X1, X2: %s says what happened, what to do, and fits HTTP', (code, row) => {
    expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(row.message).toMatch(/^[A-Z].*\.$/);
    expect(row.help.length).toBeGreaterThan(10);
    expect(row.status >= 400 && row.status < 600).toBe(true);
    // Trying again can help only where the same request may fare better.
    if (row.retry === 'after') expect([429, 503]).toContain(row.status);
    if (row.retry === 'backoff') expect([421, 504]).toContain(row.status);
  });

  it('X1: codes that are not of the table are rejections, also names of Object', () => {
    for (const code of ['cart-closed', 'constructor', '__proto__', 'toString'])
      expect(errorSpec(code)).toMatchObject({ status: 409, retry: 'never' });
    expect(errorSpec('parked').status).toBe(503);
  });

  it('knows its own errors by brand', () => {
    const error = new PerdureError('parked');
    expect([isPerdureError(error), isPerdureError(error, 'parked'), isPerdureError(error, 'paused')]).toEqual([true, true, false]);
    expect([isPerdureError(null), isPerdureError(new Error('x')), isRejection(error), isRejection(new Rejection('no'))]).toEqual([
      false,
      false,
      false,
      true,
    ]);
    expect(error.message).toBe(ERRORS.parked.message);
    expect(() => invariant(false, 'what')).toThrow(expect.objectContaining({ code: 'invariant-violated', message: 'what' }));
  });

  it('has a text for whatever is thrown', () => {
    const trap = {
      toString: () => {
        throw new Error('again');
      },
    };
    expect([errorText(new TypeError('x')), errorText('s'), errorText(Symbol('y')), errorText(undefined)]).toEqual([
      'TypeError: x',
      's',
      'Symbol(y)',
      'undefined',
    ]);
    for (const odd of [Object.create(null), trap]) expect(errorText(odd)).toMatch(/no text/);
  });
});

describe('queries', () => {
  const on = { state: { n: 7 }, revision: 3, position: 30 };
  const ask = (handler: (state: unknown) => unknown, output = typed<unknown>()) =>
    evaluateQuery(
      {
        ...definition,
        queries: new Map([['total', handler]]),
        declarations: new Map([['total', { kind: 'query', input: undefined, output, once: false }]]),
      },
      'total',
      undefined,
      on,
    );

  it('answers with the value and the state it was taken from', () => {
    expect(evaluateQuery(definition, 'total', undefined, on)).toEqual({
      kind: 'done',
      result: 7,
      revision: 3,
      position: 30,
      repeated: false,
    });
  });

  it('never throws: what is wrong becomes the answer', async () => {
    const odd = () => {
      throw Object.create(null);
    };
    const no = () => {
      throw new Rejection('no', { a: 1 }, 'probe');
    };
    expect(evaluateQuery(definition, 'add', undefined, on)).toMatchObject({ kind: 'failed', code: 'unknown-query' });
    expect(evaluateQuery(definition, 'total', { stray: 1 }, on)).toMatchObject({ kind: 'failed', code: 'invalid-payload' });
    expect(ask(odd)).toMatchObject({ kind: 'failed', code: 'defect' });
    expect(ask(no)).toMatchObject({ kind: 'rejected', code: 'no', details: { a: 1 }, position: 30 });
    expect(ask(() => 'x', z.number() as never)).toMatchObject({ kind: 'failed', code: 'result-invalid' });
    const trap = () => {
      throw new Error('trap');
    };
    for (const traps of [{ has: trap }, { getPrototypeOf: trap }, { get: trap }, { has: () => true, get: trap }]) {
      const refusing = () => {
        throw new Proxy({}, traps);
      };
      expect(ask(refusing), Object.keys(traps).join()).toMatchObject({ kind: 'failed', code: 'defect' });
    }
    expect(ask(async () => Promise.reject(new Error('late')))).toMatchObject({ kind: 'failed', code: 'defect' });
    await new Promise((resolve) => setImmediate(resolve));
  });
});
