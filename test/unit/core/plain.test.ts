import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../runtime/core/limits.ts';
import { deepFreeze, plainSize, wellFormed } from '../../../runtime/core/plain.ts';

const packr = new Packr({ useRecords: false });
const overMsgpack = (value: unknown) => packr.unpack(packr.pack(value));
const overJson = (value: unknown) => JSON.parse(JSON.stringify(value));

/** Names that have undone serializers before. */
const hostileKey = fc.constantFrom(
  '',
  'constructor',
  'hasOwnProperty',
  'length',
  'then',
  'valueOf',
  'toString',
  '0',
  '-1',
  'prototype',
  '\0',
  'ключ',
  '🗝',
);
const key = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), hostileKey);
/** Zero has no sign in either encoding. */
const number = fc
  .oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer(), fc.integer({ min: -300, max: 70_000 }))
  .map((n) => (n === 0 ? 0 : n));
const { value: plain } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'grapheme', minLength: 20, maxLength: 300 }),
      number,
      fc.boolean(),
      fc.constant(null),
    ),
    fc.array(tie('value'), { maxLength: 20 }),
    fc
      .dictionary(key, tie('value'), { maxKeys: 20 })
      .filter((value) => !Object.hasOwn(value, '__proto__') && !Object.hasOwn(value, 'toJSON')),
  ),
}));

function refusal(value: unknown): unknown {
  try {
    plainSize(value, 'Event');
  } catch (error) {
    return error;
  }
  throw new Error('was taken');
}

/** Objects in objects, `levels` of them. */
function nested(levels: number): unknown {
  let value: unknown = null;
  for (let i = 0; i < levels; i += 1) value = { value };
  return value;
}

describe('plainSize', () => {
  it('L1: what passes comes back from JSON and msgpack as it went in', () => {
    fc.assert(
      fc.property(plain, (value) => {
        plainSize(value, 'Event');
        expect(overMsgpack(value)).toEqual(value);
        expect(overJson(value)).toEqual(value);
      }),
      { numRuns: 400 },
    );
  });

  it('L1: whatever fast-check can think of is refused or survives', () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
      withSparseArray: true,
      withNullPrototype: true,
    });
    fc.assert(
      fc.property(anything, (value) => {
        try {
          plainSize(value, 'Event');
        } catch (error) {
          expect(error).toMatchObject({ code: 'payload-not-plain' });
          return;
        }
        const unsigned = overMsgpack(overJson(value));
        expect(overMsgpack(value)).toEqual(unsigned);
        expect(overJson(value)).toEqual(unsigned);
      }),
      { numRuns: 600 },
    );
  });

  it('L1: -0 is taken and comes back as 0 from both', () => {
    expect(plainSize(-0, 'Event')).toBe(2);
    expect([overJson(-0), overMsgpack(-0)]).toEqual([0, 0]);
  });

  class Money {
    readonly cents = 1;
  }
  class Lines extends Array<number> {}
  const cycle: { self?: unknown; other?: unknown } = {};
  cycle.self = cycle;
  cycle.other = [cycle];
  const sparse = [1, 2, 3];
  delete sparse[1];
  const undef: undefined = undefined;

  it.each([
    ['undefined', undefined, ''],
    ['an undefined field', { a: { b: undef } }, '.a.b'],
    ['a hole', { list: sparse }, '.list[1]'],
    ['NaN', { n: Number.NaN }, '.n'],
    ['Infinity', [Number.POSITIVE_INFINITY], '[0]'],
    ['-Infinity', { n: Number.NEGATIVE_INFINITY }, '.n'],
    ['a bigint', { n: 1n }, '.n'],
    ['a symbol', { s: Symbol('x') }, '.s'],
    ['a function', { f: () => 1 }, '.f'],
    ['a method named toJSON', { toJSON: () => 1 }, ''],
    ['a field named toJSON, which msgpackr calls if there is also a constructor', { constructor: 'x', toJSON: 5 }, ''],
    ['a Date', { at: new Date(0) }, '.at'],
    ['a Map', { m: new Map() }, '.m'],
    ['a Set', { m: new Set() }, '.m'],
    ['bytes', { b: new Uint8Array(2) }, '.b'],
    ['a buffer', { b: Buffer.from('x') }, '.b'],
    ['an Error', { e: new Error('x') }, '.e'],
    ['a RegExp', { e: /x/ }, '.e'],
    ['a boxed string', { s: Object('x') }, '.s'],
    ['a class', { m: [new Money()] }, '.m[0]'],
    ['a class of arrays', { m: Lines.from([1]) }, '.m'],
    ['an object with an inherited field', Object.create({ a: 1 }), ''],
    ['a promise', { p: Promise.resolve(1) }, '.p'],
    ['a lone high surrogate', { s: 'a\ud800b' }, '.s'],
    ['a lone low surrogate', ['\udc00'], '[0]'],
    ['surrogates in the wrong order', ['\udc00\ud800'], '[0]'],
    ['a lone surrogate in a key', { a: { 'k\ud800': 1 } }, '.a'],
    ['__proto__', JSON.parse('{"a": {"__proto__": 1}}'), '.a'],
    ['a cycle', cycle, undefined],
    ['too deep', nested(LIMITS.maxDepth + 1), undefined],
    ['very deep', nested(200_000), undefined],
  ])('L1: refuses %s, naming the path', (_what, value, path) => {
    const error = refusal(value);
    expect(error).toMatchObject({ code: 'payload-not-plain' });
    if (path !== undefined) expect(error).toMatchObject({ details: { path: `Event${path}` }, message: expect.stringMatching(/^Event/) });
  });

  it('L1: takes what is as deep as the limit, and values by getter', () => {
    const deep = nested(LIMITS.maxDepth);
    expect(plainSize(deep, 'Event')).toBeGreaterThan(0);
    expect(overMsgpack(deep)).toEqual(deep);
    const counted = Object.defineProperty({}, 'n', { get: () => 7, enumerable: true });
    expect(plainSize(counted, 'Event')).toBeGreaterThan(0);
    expect([overJson(counted), overMsgpack(counted)]).toEqual([{ n: 7 }, { n: 7 }]);
  });

  it('L1: an error that a getter throws is not dressed up', () => {
    const trap = Object.defineProperty({}, 'n', {
      get: () => {
        throw new RangeError('trap');
      },
      enumerable: true,
    });
    expect(() => plainSize(trap, 'Event')).toThrow(RangeError);
  });

  it('L2: the estimate is within half and twice the msgpack size', () => {
    const sized = fc.oneof(
      plain,
      fc.string({ unit: 'binary', minLength: 100, maxLength: 2_000 }),
      fc.array(fc.integer({ min: -40_000, max: 300 }), { minLength: 64, maxLength: 300 }),
      fc.array(
        fc.constantFrom<unknown[]>([{ a: 1 }, {}, [], '', 0, -200, null, true, '漢', 'é', '🗝']).chain((of) => fc.constantFrom(...of)),
        { minLength: 64, maxLength: 300 },
      ),
    );
    fc.assert(
      fc.property(sized, (value) => {
        const exact = packr.pack(value).length;
        if (exact < 64) return;
        const estimate = plainSize(value, 'Event');
        expect(estimate).toBeGreaterThanOrEqual(exact / 2);
        expect(estimate).toBeLessThanOrEqual(2 * exact + 16);
      }),
      { numRuns: 400 },
    );
  });

  it.each([
    ['small objects', Array.from({ length: 100 }, () => ({ a: 1 }))],
    ['CJK text', '漢'.repeat(1_000)],
    ['empty arrays', Array.from({ length: 100 }, () => [])],
    ['negative numbers', Array.from({ length: 100 }, () => -200)],
    ['empty strings', Array.from({ length: 100 }, () => '')],
    ['pairs of surrogates', '🗝'.repeat(500)],
  ])('L2: holds for nothing but %s', (_what, value) => {
    const exact = packr.pack(value).length;
    const estimate = plainSize(value, 'Event');
    expect(estimate).toBeGreaterThanOrEqual(exact / 2);
    expect(estimate).toBeLessThanOrEqual(2 * exact + 16);
  });
});

describe('deepFreeze', () => {
  it('freezes a value and all it holds, and gives it back', () => {
    const value = { list: [{ a: 1 }], inner: { deep: { deeper: [] } } };
    expect(deepFreeze(value)).toBe(value);
    for (const part of [value, value.list, value.list[0], value.inner.deep.deeper]) expect(Object.isFrozen(part)).toBe(true);
  });

  it('takes what is frozen to be frozen throughout', () => {
    const inside = { a: 1 };
    deepFreeze({ outer: Object.freeze({ inside }) });
    expect(Object.isFrozen(inside)).toBe(false);
  });

  it('ends at cycles, and reaches any depth without overflowing the stack', () => {
    const ring: { next?: unknown } = {};
    ring.next = [ring];
    expect(Object.isFrozen(deepFreeze(ring).next)).toBe(true);
    const deep = nested(200_000) as { value: { value: unknown } };
    deepFreeze(deep);
    expect(Object.isFrozen(deep.value.value)).toBe(true);
  });

  it.each([null, undefined, 1, 'x', true])('leaves %s alone', (value) => {
    expect(deepFreeze(value)).toBe(value);
  });
});

describe('wellFormed', () => {
  it('replaces lone surrogates and nothing else', () => {
    expect(wellFormed('a\ud800b\udc00🗝')).toBe('a\ufffdb\ufffd🗝');
    expect(wellFormed('plain 🗝')).toBe('plain 🗝');
  });
});
