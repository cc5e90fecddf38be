import { type Answer, failed } from './answer.ts';
import type { EntityDefinition } from './definition/erased.ts';
import { errorText, PerdureError } from './errors.ts';
import type { Position, Revision } from './record.ts';
import { flawOf, isRejection } from './rejection.ts';
import { isPromise, validate } from './schema.ts';

/** The state that a query is evaluated on. */
export interface QueriedState {
  readonly state: unknown;
  readonly revision: Revision;
  readonly position: Position;
}

/**
 * Evaluates a declared query. Never throws: an unknown name, an input or a value against its schema, and whatever user code throws become the answer.
 */
export function evaluateQuery(definition: EntityDefinition, name: string, input: unknown, on: QueriedState): Answer {
  const query = definition.queries.get(name);
  const declaration = definition.declarations.get(name);
  if (query === undefined || declaration === undefined) {
    return failed('unknown-query', `${definition.type} declares no query '${name}'`);
  }
  try {
    const checked = validate(declaration.input, input);
    if (!checked.ok) return failed('invalid-payload', `the input of query ${name} does not fit its schema`, checked.issues);
    const value = query(on.state, checked.value);
    if (isPromise(value)) return failed('defect', `query ${name} of ${definition.type} returned a promise`);
    const result = validate(declaration.output, value);
    if (!result.ok) return failed('result-invalid', `the value of query ${name} does not fit its schema`, result.issues);
    return { kind: 'done', result: result.value, revision: on.revision, position: on.position, repeated: false };
  } catch (error) {
    const flaw = isRejection(error) ? flawOf(error) : undefined;
    if (flaw !== undefined) return failed('payload-not-plain', `query ${name} of ${definition.type}: ${flaw.message}`);
    if (isRejection(error)) {
      const { code, details, by, message } = error;
      return { kind: 'rejected', code, details, by, message, position: on.position };
    }
    const code = error instanceof PerdureError && error.code === 'determinism' ? 'determinism' : 'defect';
    return failed(code, `query ${name} of ${definition.type} threw: ${errorText(error)}`);
  }
}
