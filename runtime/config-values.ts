import type { Parse } from './config.ts';
import { PerdureError } from './core/errors.ts';

/** How text and plain values become settings: durations, sizes, numbers, words. */

const DURATION = /^(\d{1,12})(ms|s|m|h|d)$/;
const DURATION_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `500ms`, `30s`, `5m`, `2h`, `1d` in milliseconds; undefined for other text. */
export function shortDurationMs(text: string): number | undefined {
  const match = DURATION.exec(text);
  if (match === null) return undefined;
  return Number(match[1]) * (DURATION_MS[match[2] ?? ''] ?? Number.NaN);
}

const SIZE = /^(\d{1,15})(B|KiB|MiB|GiB)?$/;
const SIZE_BYTES: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** A duration as text with its unit, or a number of milliseconds. */
export function waitMs(minMs: number, maxMs: number): Parse<number> {
  return (value, refuse) => {
    const ms = typeof value === 'string' ? shortDurationMs(value.trim()) : value;
    if (typeof ms === 'number' && Number.isSafeInteger(ms) && ms >= minMs && ms <= maxMs) return ms;
    return refuse(`a duration such as 500ms, 10s or 5m, from ${minMs}ms to ${maxMs}ms`);
  };
}

/** A size as text (`512KiB`, `1MiB`, `1048576`), or a number of bytes. */
export function sizeBytes(min: number, max: number): Parse<number> {
  return (value, refuse) => {
    const match = typeof value === 'string' ? SIZE.exec(value.trim()) : null;
    const size = match === null ? value : Number(match[1]) * (SIZE_BYTES[match[2] ?? 'B'] ?? Number.NaN);
    if (typeof size === 'number' && Number.isSafeInteger(size) && size >= min && size <= max) return size;
    return refuse(`a size such as 512KiB, 1MiB or a number of bytes, from ${min} to ${max}`);
  };
}

export function wholeNumber(min: number, max: number): Parse<number> {
  return (value, refuse) => {
    const number = typeof value === 'string' && /^\d{1,15}$/.test(value.trim()) ? Number(value) : value;
    if (typeof number === 'number' && Number.isSafeInteger(number) && number >= min && number <= max) return number;
    return refuse(`a whole number from ${min} to ${max}`);
  };
}

export function word(form: RegExp, accepted: string): Parse<string> {
  return (value, refuse) => (typeof value === 'string' && form.test(value) ? value : refuse(accepted));
}

export function oneOf<const T extends string>(words: readonly T[]): Parse<T> {
  return (value, refuse) => words.find((known) => known === value) ?? refuse(`one of ${words.join(', ')}`);
}

/** Texts separated by commas, or a list of them; each of printable ASCII without spaces. */
export function textList(): Parse<readonly string[]> {
  return (value, refuse) => {
    const texts: unknown = typeof value === 'string' ? value.split(',').map((text) => text.trim()) : value;
    const fits = (text: unknown): text is string => typeof text === 'string' && /^[\x21-\x7e]+$/.test(text);
    return Array.isArray(texts) && texts.every(fits) ? texts : refuse('keys of printable characters without spaces, separated by commas');
  };
}

/** Throws `invalid-config`, naming where the value stands, the value and what is accepted. */
export function invalid(name: string, value: unknown, accepted: string): never {
  const shown = typeof value === 'string' ? `'${value.slice(0, 200)}'` : (JSON.stringify(value) ?? String(value)).slice(0, 200);
  throw new PerdureError('invalid-config', `${name} is ${shown}; it must be ${accepted}`);
}
