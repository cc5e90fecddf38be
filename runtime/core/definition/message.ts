import { checkSchema, onlyKeys, refuse } from './checks.ts';
import { DECLARATION, type MessageDeclaration } from './erased.ts';
import type { AnySchema, NoInput, NoOutput, QueryOf, QuerySpec, Schema, SignalOf, SignalSpec } from './types.ts';

/**
 * Declares a signal: `signal({ input, output, once })`. `input` and `output` are Standard Schemas; without them there is no payload
 * and no result. Throws `invalid-definition` for unknown options and for what is no schema.
 */
export function signal<I extends Schema = NoInput, O extends Schema = NoOutput>(spec: SignalSpec<I, O> = {}): SignalOf<I, O> {
  onlyKeys('signal', spec, ['input', 'output', 'once']);
  const { once = false } = spec;
  if (typeof once !== 'boolean') refuse('signal: once must be true or false');
  return declaration('signal', spec.input, spec.output, once);
}

/** Declares a query: `query({ input?, output })`. Throws `invalid-definition` for unknown options, for what is no schema and without an output. */
export function query<O extends Schema, I extends Schema = NoInput>(spec: QuerySpec<I, O>): QueryOf<I, O> {
  onlyKeys('query', spec, ['input', 'output']);
  if (spec.output === undefined) refuse('query has no output: it answers something');
  return declaration('query', spec.input, spec.output, false);
}

/** A schema that checks nothing and only carries a type: for outputs and rows you trust. */
export function typed<T>(): Schema<T> {
  return { '~standard': { version: 1, vendor: 'perdure', validate: (value) => ({ value: value as T }) } };
}

function declaration<K extends 'signal' | 'query'>(kind: K, input: AnySchema | undefined, output: AnySchema | undefined, once: boolean) {
  checkSchema(`input of a ${kind}`, input);
  checkSchema(`output of a ${kind}`, output);
  const carried: MessageDeclaration = { kind, input, output, once };
  return { kind, [DECLARATION]: carried };
}
