import { type Answer, failed } from './answer.ts';
import type { EntityDefinition } from './definition/erased.ts';
import { errorText, isPerdureError } from './errors.ts';
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
    return thrown(`query ${name} of ${definition.type}`, error, on);
  }
}

/** What user code threw, as an answer. A proxy may claim to be anything and then refuse to be read: that is a defect too. */
function thrown(what: string, error: unknown, { position }: QueriedState): Answer {
  try {
    const flaw = isRejection(error) ? flawOf(error) : undefined;
    if (flaw !== undefined) return failed('payload-not-plain', `${what}: ${flaw.message}`);
    if (isRejection(error)) {
      const { code, details, by, message } = error;
      return { kind: 'rejected', code, details, by, message, position };
    }
    return failed(isPerdureError(error, 'determinism') ? 'determinism' : 'defect', `${what} threw: ${errorText(error)}`);
  } catch {
    return failed('defect', `${what} threw: ${errorText(error)}`);
  }
}
