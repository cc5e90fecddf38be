import fc from 'fast-check';
import type { Duration } from 'perdure';
import { describe, expect, it } from 'vitest';
import { dueAt, durationMs } from '../../../runtime/core/duration.ts';
import { expectInvalid } from './invalid.ts';

const MS = { ms: 1, second: 1_000, minute: 60_000, hour: 3_600_000, day: 86_400_000, week: 604_800_000 } as const;
const units = fc.constantFrom(...(Object.keys(MS) as (keyof typeof MS)[]));
const wholes = fc.nat({ max: 1_000_000 });

describe('durationMs()', () => {
  it.each<[Duration, number]>([
    ['30 days', 2_592_000_000],
    ['1 day', 86_400_000],
    ['15 minutes', 900_000],
    ['1 second', 1_000],
    ['0 ms', 0],
    ['1.5 hours', 5_400_000],
    ['2 weeks', 1_209_600_000],
    [250, 250],
    [0.6, 1],
  ])('%j is %d ms', (duration, ms) => {
    expect(durationMs(duration)).toBe(ms);
  });

  it('is number times unit, in singular and plural', () => {
    fc.assert(
      fc.property(wholes, units, (n, unit) => {
        expect(durationMs(`${n} ${unit}`)).toBe(n * MS[unit]);
        if (unit !== 'ms') expect(durationMs(`${n} ${unit}s`)).toBe(n * MS[unit]);
      }),
    );
  });

  it('of decimals is the nearest whole number of milliseconds', () => {
    fc.assert(
      fc.property(wholes, fc.nat({ max: 999 }), units, (n, thousandths, unit) => {
        const text = `${n}.${String(thousandths).padStart(3, '0')}`;
        expect(durationMs(`${Number(text)} ${unit}`)).toBe(Math.round(Number(text) * MS[unit]));
      }),
    );
  });

  it('of a number is that many milliseconds, whole', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e15, noNaN: true }), (ms) => {
        expect(Number.isSafeInteger(durationMs(ms))).toBe(true);
        expect(Math.abs(durationMs(ms) - ms)).toBeLessThanOrEqual(0.5);
      }),
    );
  });

  const bad = [
    '',
    '1',
    'day',
    '1day',
    '1  day',
    ' 1 day',
    '1 day ',
    '-1 days',
    '+1 day',
    '1e3 days',
    '1 fortnight',
    '1 Day',
    '. days',
    '1. days',
    '½ day',
    'Infinity days',
  ];
  it.each([...bad, -1, -0.1, Number.NaN, Number.POSITIVE_INFINITY, 1e16, '99999999999 weeks', true, null])('refuses %j', (duration) => {
    expectInvalid(() => durationMs(duration as Duration), /not a duration/);
  });

  it('refuses every text that is not a number and a unit', () => {
    const good = /^\d+(\.\d+)? (ms|(second|minute|hour|day|week)s?)$/;
    fc.assert(
      fc.property(
        fc.string().filter((text) => !good.test(text)),
        (text) => expectInvalid(() => durationMs(text as Duration), /not a duration/),
      ),
    );
  });
});

describe('dueAt()', () => {
  it('adds a duration to turn time and takes a date as it is', () => {
    expect(dueAt(1_000, '1 second')).toBe(2_000);
    expect(dueAt(1_000, 5)).toBe(1_005);
    expect(dueAt(1_000, new Date(7))).toBe(7);
  });

  it('refuses a date that is none', () => {
    expectInvalid(() => dueAt(0, new Date(Number.NaN)), /date/);
    expectInvalid(() => dueAt(1, Number.MAX_SAFE_INTEGER), /date/);
  });
});
