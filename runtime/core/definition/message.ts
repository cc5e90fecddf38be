import { PerdureError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { DECLARATION, type MessageDeclaration } from './erased.ts';
import type { AnySchema, NoInput, NoOutput, QueryOf, QuerySpec, Schema, SignalOf, SignalSpec } from './types.ts';

/**
 * Declares a signal: `signal({ input, output, once })`. `input` and `output` are Standard Schemas; without them there is no payload
 * and no result. Throws `invalid-definition` for unknown options.
 */
export function signal<I extends Schema = NoInput, O extends Schema = NoOutput>(spec: SignalSpec<I, O> = {}): SignalOf<I, O> {
  onlyKeys('signal', spec, ['input', 'output', 'once']);
  return declaration('signal', spec.input, spec.output, spec.once === true);
}

/** Declares a query: `query({ input?, output })`. Throws `invalid-definition` for unknown options. */
export function query<O extends Schema, I extends Schema = NoInput>(spec: QuerySpec<I, O>): QueryOf<I, O> {
  onlyKeys('query', spec, ['input', 'output']);
  return declaration('query', spec.input, spec.output, false);
}

/** A schema that checks nothing and only carries a type: for outputs and rows you trust. */
export function typed<T>(): Schema<T> {
  return { '~standard': { version: 1, vendor: 'perdure', validate: (value) => ({ value: value as T }) } };
}

function declaration<K extends 'signal' | 'query'>(kind: K, input: AnySchema | undefined, output: AnySchema | undefined, once: boolean) {
  const carried: MessageDeclaration = { kind, input, output, once };
  return { kind, [DECLARATION]: carried };
}

/** Throws `invalid-definition` if an object has other keys than these: a misspelt option must not be ignored. */
export function onlyKeys(what: string, spec: object, known: readonly string[]): void {
  for (const key of Object.keys(spec)) {
    if (!known.includes(key)) throw new PerdureError('invalid-definition', `${what} has no option '${key}' (it has ${known.join(', ')})`);
  }
}

const NAME = /^[A-Za-z][A-Za-z0-9_]*$/;
/** Throws `invalid-definition` unless a message, event, timer or projection name is a plain word of moderate length. */
export function checkName(what: string, name: string): void {
  if (!NAME.test(name) || name.length > LIMITS.maxNameLength) {
    throw new PerdureError(
      'invalid-definition',
      `${what} '${name}' is not a name (a letter, then letters, digits or _, at most ${LIMITS.maxNameLength})`,
    );
  }
}
