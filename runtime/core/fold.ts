import type { EntityDefinition } from './definition/erased.ts';
import { errorText, PerdureError } from './errors.ts';
import type { NewRecord } from './record.ts';

/**
 * The fold of domain events into state: upcasters, then reducers. Journal records do not concern it.
 *
 * Invariants:
 * F1. State is a function of the domain events of the stream, in order, and of nothing else.
 * F2. An event of an unknown type, of a newer version than this code knows, or one whose reducer throws, fails the fold; it is never passed over.
 */

/** The version that this code writes for an event type; 1 without upcasters. */
export function newestVersion(definition: EntityDefinition, eventType: string): number {
  return (definition.upcasts.get(eventType)?.length ?? 0) + 1;
}

/** The payload of a stored event in its newest version. Throws `fold-failed` for a version that this code does not know. */
export function upcastEvent(definition: EntityDefinition, eventType: string, version: number, data: unknown): unknown {
  const steps = definition.upcasts.get(eventType) ?? NO_STEPS;
  if (version > steps.length + 1) {
    throw new PerdureError(
      'fold-failed',
      `${definition.type}: event ${eventType} has version ${version}, this code knows ${steps.length + 1}`,
    );
  }
  let payload = data;
  for (let step = version - 1; step < steps.length; step += 1) payload = steps[step]?.(payload);
  return payload;
}
const NO_STEPS: readonly ((older: unknown) => unknown)[] = [];

/**
 * The state after one stored event. Throws `fold-failed` with the cause (F2).
 */
export function applyEvent(definition: EntityDefinition, state: unknown, record: NewRecord): unknown {
  const reducer = definition.reducers.get(record.type);
  if (reducer === undefined) throw new PerdureError('fold-failed', `${definition.type} has no reducer for event ${record.type}`);
  try {
    const version = record.meta.version ?? 1;
    const payload =
      definition.upcasts.size === 0 && version === 1 ? record.data : upcastEvent(definition, record.type, version, record.data);
    return reducer(state, payload);
  } catch (cause) {
    if (cause instanceof PerdureError && cause.code === 'fold-failed') throw cause;
    throw new PerdureError('fold-failed', `${definition.type}: the reducer of ${record.type} threw: ${errorText(cause)}`, undefined, {
      cause,
    });
  }
}
