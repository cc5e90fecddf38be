import type { AnySchema } from './definition/types.ts';
import { PerdureError } from './errors.ts';

/** One thing wrong with a value: where (dotted path, empty for the whole value) and what. */
export interface Issue {
  readonly path: string;
  readonly message: string;
}
export type Validated = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly issues: readonly Issue[] };

/**
 * Validates a value through a Standard Schema (spec 1). Without a schema everything but `{}` and nothing is refused, so that a stray payload is
 * not silently dropped. Throws `invalid-definition` for a schema that answers with a promise: validation runs inside the turn.
 */
export function validate(schema: AnySchema | undefined, value: unknown): Validated {
  if (schema === undefined) return withoutSchema(value);
  const result = schema['~standard'].validate(value);
  if (isPromise(result)) throw new PerdureError('invalid-definition', 'a schema must validate synchronously');
  if (result.issues === undefined) return { ok: true, value: result.value };
  return { ok: false, issues: result.issues.map((issue) => ({ path: pathOf(issue.path), message: issue.message })) };
}

/** The first thing that is wrong, for messages: where it is, unless it is the whole value, and what. */
export function firstIssue([first]: readonly Issue[]): string {
  if (first === undefined) return 'no reason is given';
  return first.path === '' ? first.message : `${first.path}: ${first.message}`;
}

/**
 * Is it a promise (or anything else with a `then`)? Nobody waits for it, so a later rejection of it is marked as seen: whoever asks reports a defect, and
 * an unhandled rejection would end the process.
 */
export function isPromise(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== 'object' || value === null || !('then' in value)) return false;
  if (value instanceof Promise) value.catch(() => undefined);
  return true;
}

const NOTHING = Object.freeze({});
function withoutSchema(value: unknown): Validated {
  if (value === undefined || value === null) return { ok: true, value: NOTHING };
  if (typeof value === 'object' && !Array.isArray(value) && Object.keys(value).length === 0) return { ok: true, value };
  return { ok: false, issues: [{ path: '', message: 'takes no payload' }] };
}

type StandardPath = ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined;
function pathOf(path: StandardPath): string {
  return (path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
}
