import { shortDurationMs } from '../config-values.ts';
import { LIMITS } from '../core/limits.ts';
import { checkPlain } from './plain.ts';
import { malformed } from './problem.ts';

/** Query strings: what is reserved, and how text becomes values. Everything here throws `malformed-request`. */

/** As fastify parses it: a repeated parameter is a list. */
export type Parameters = Readonly<Record<string, string | readonly string[] | undefined>>;

const RESERVED = new Set(['args', 'consistency', 'timeout', 'wait']);

/** One parameter that may be given once. */
export function single(parameters: Parameters, name: string): string | undefined {
  const value = parameters[name];
  if (value === undefined || typeof value === 'string') return value;
  return malformed(`parameter ${name} is given more than once`);
}

/** Refuses parameters that would otherwise be ignored in silence. */
export function onlyParameters(parameters: Parameters, known: readonly string[]): void {
  for (const name in parameters) {
    if (!known.includes(name)) malformed(`parameter ${name} is not known here (${known.join(', ') || 'there are none'})`);
  }
}

/** A wait in milliseconds from `500ms`, `30s` or `5m`; at most five minutes. */
export function waitMs(parameters: Parameters, name: 'timeout' | 'wait', absentMs: number): number {
  const text = single(parameters, name);
  if (text === undefined) return absentMs;
  const ms = shortDurationMs(text);
  if (ms === undefined || ms > LIMITS.maxWaitMs)
    malformed(`parameter ${name} is a duration such as 500ms, 30s or 5m, at most 5m; not ${text}`);
  return ms;
}

/** A whole number within bounds. */
export function whole(parameters: Parameters, name: string, absent: number, min: number, max: number): number {
  const text = single(parameters, name);
  if (text === undefined) return absent;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) malformed(`parameter ${name} is a whole number from ${min} to ${max}; not ${text}`);
  return value;
}

/** `?consistency=strong`. */
export function isStrong(parameters: Parameters): boolean {
  const text = single(parameters, 'consistency');
  if (text === undefined || text === 'cached') return false;
  return text === 'strong' || malformed(`parameter consistency is strong or cached; not ${text}`);
}

/** A query's input: `?args=` holds JSON; without it every parameter that is not reserved is a field with text. */
export function queryInput(parameters: Parameters): unknown {
  const args = single(parameters, 'args');
  const plain: Record<string, unknown> = {};
  let count = 0;
  for (const name in parameters) {
    if (RESERVED.has(name)) continue;
    if (name === '__proto__') malformed('there is no parameter __proto__');
    plain[name] = parameters[name];
    count += 1;
  }
  if (args === undefined) return plain;
  if (count > 0) malformed('send either args or plain parameters, not both');
  const input = fromJson(args);
  if (input === NOT_JSON) malformed('parameter args is not JSON');
  checkPlain(input);
  return input;
}

/** A value of an index: a JSON scalar when it parses as one, else the text itself. */
export function indexValue(text: string): string | number | boolean | null {
  const value = fromJson(text);
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value !== 'number') return text;
  return Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value)) ? value : text;
}

const NOT_JSON = Symbol('not JSON');

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return NOT_JSON; // told apart from every value, so that nothing is hidden
  }
}
