import { durationMs } from '../duration.ts';
import { ERRORS, PerdureError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { AnySchema, Duration } from './types.ts';

/**
 * What every definition is checked for at the moment it is made, so that a mistake is told where it stands and not where it first hurts. The types
 * say the same; these are for callers without types and for what types cannot say. All throw `invalid-definition`, naming what and where.
 */

/** Throws `invalid-definition`. */
export function refuse(message: string): never {
  throw new PerdureError('invalid-definition', message);
}

/** An object, no list. */
export function checkObject(what: string, value: unknown): asserts value is object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(`${what}: an object is expected, not ${kindOf(value)}`);
}

/** An object that has no other keys than these: a misspelt option must not be ignored. */
export function onlyKeys(what: string, spec: unknown, known: readonly string[]): void {
  checkObject(what, spec);
  for (const key of Object.keys(spec)) {
    if (!known.includes(key)) refuse(`${what} has no option '${key}' (it has ${known.join(', ')})`);
  }
}

const NAME = /^[A-Za-z][A-Za-z0-9_]*$/;
/** A message, event, timer or projection name is a plain word of moderate length. */
export function checkName(what: string, name: unknown): void {
  if (typeof name !== 'string' || !NAME.test(name) || name.length > LIMITS.maxNameLength) {
    refuse(`${what} '${String(name)}' is not a name (a letter, then letters, digits or _, at most ${LIMITS.maxNameLength})`);
  }
}

/** A list of texts without doubles. */
export function checkList(what: string, list: unknown, checkEntry: (entry: unknown) => void): asserts list is readonly unknown[] {
  if (!Array.isArray(list)) refuse(`${what}: a list is expected, not ${kindOf(list)}`);
  for (const [at, entry] of list.entries()) {
    checkEntry(entry);
    if (list.indexOf(entry) !== at) refuse(`${what}: '${String(entry)}' stands there twice`);
  }
}

const CODE = /^[a-z][a-z0-9-]*$/;
/** The codes with which an entity or an activity says no. None is of the error table: a caller must be able to tell them apart. */
export function checkRejects(what: string, rejects: unknown): void {
  checkList(`rejects of ${what}`, rejects, (code) => {
    if (typeof code !== 'string' || !CODE.test(code) || code.length > LIMITS.maxNameLength) {
      refuse(`rejects of ${what}: '${String(code)}' is not a code ([a-z][a-z0-9-]*, at most ${LIMITS.maxNameLength} characters)`);
    }
    if (Object.hasOwn(ERRORS, code)) refuse(`rejects of ${what}: '${code}' is a code of the runtime; choose another`);
  });
}

/** A schema of the Standard Schema specification, or none. A schema may be a function with properties. */
export function checkSchema(what: string, schema: unknown): asserts schema is AnySchema | undefined {
  if (schema === undefined) return;
  const standard =
    (typeof schema === 'object' && schema !== null) || typeof schema === 'function'
      ? (schema as { readonly '~standard'?: { readonly version?: unknown; readonly validate?: unknown } })['~standard']
      : undefined;
  if (standard?.version !== 1 || typeof standard.validate !== 'function') {
    refuse(`${what}: a Standard Schema (zod, valibot, arktype, typed()) is expected, not ${kindOf(schema)}`);
  }
}

const WAITING = ['AsyncFunction', 'AsyncGeneratorFunction', 'GeneratorFunction'];
/** A function whose result is there when it returns: neither async nor a generator, as far as can be seen before it is called. */
export function checkSync(what: string, value: unknown, instead = ''): void {
  if (typeof value !== 'function') refuse(`${what}: a function is expected, not ${kindOf(value)}`);
  const kind: unknown = value.constructor?.name;
  if (typeof kind === 'string' && WAITING.includes(kind))
    refuse(`${what} must not be async or a generator: nothing waits for it${instead}`);
}

/** A duration, above zero if `isPositive`; none is fine. */
export function checkDuration(what: string, duration: unknown, isPositive: boolean): void {
  if (duration === undefined) return;
  let ms: number;
  try {
    ms = durationMs(duration as Duration);
  } catch (cause) {
    throw cause instanceof PerdureError ? new PerdureError('invalid-definition', `${what}: ${cause.message}`, undefined, { cause }) : cause;
  }
  if (isPositive && ms === 0) refuse(`${what} must be longer than nothing`);
}

/** A whole number from 1; none is fine. */
export function checkCount(what: string, count: unknown): void {
  if (count !== undefined && !(Number.isSafeInteger(count) && Number(count) >= 1)) refuse(`${what} must be a whole number from 1`);
}

/** The own field of an object: what it inherits is no definition of anybody's. */
export function own(object: object, name: string): unknown {
  return Object.hasOwn(object, name) ? (object as Readonly<Record<string, unknown>>)[name] : undefined;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value)
    ? 'a list'
    : typeof value === 'object'
      ? 'an object'
      : typeof value === 'function'
        ? 'a function'
        : typeof value;
}
