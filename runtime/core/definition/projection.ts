import { PerdureError } from '../errors.ts';
import { definitionOf } from './entity.ts';
import { carried, DEFINITION, type ErasedProjection, type ProjectionSource } from './erased.ts';
import { checkName, onlyKeys } from './message.ts';
import type { AnyImplementation, AnyProjection, Projection, ProjectionSpec, RowFields, RowOf, Schema } from './types.ts';

/**
 * Declares a projection: its row, its version and its indexes. `.from(entity, reducers, keys?)` adds a source and returns a new value, so
 * the bare declaration can be imported by clients. Throws `invalid-definition`.
 */
export function projection<R extends Schema, const X extends Readonly<Record<string, RowFields<R>>> = Record<never, never>>(
  name: string,
  spec: ProjectionSpec<R, X>,
): Projection<RowOf<R>, keyof X & string> {
  checkName('projection', name);
  onlyKeys(`projection ${name}`, spec, ['row', 'version', 'indexes']);
  if (!(Number.isSafeInteger(spec.version) && spec.version >= 1)) {
    throw new PerdureError('invalid-definition', `projection ${name}: version must be a whole number from 1`);
  }
  for (const index of Object.keys(spec.indexes ?? {})) checkName(`index of ${name}`, index);
  return makeProjection({ name, version: spec.version, indexes: spec.indexes ?? {}, sources: [] });
}

/** The erased definition of a projection. Throws `invalid-definition` for anything else. */
export function projectionOf(value: AnyProjection): ErasedProjection {
  const definition = carried<ErasedProjection>(value, DEFINITION);
  if (definition === undefined) throw new PerdureError('invalid-definition', 'not a projection: pass what projection(…).from(…) returned');
  return definition;
}

function makeProjection(definition: ErasedProjection): AnyProjection {
  return {
    name: definition.name,
    [DEFINITION]: definition,
    from: (source: AnyImplementation, on: Readonly<Record<string, unknown>>, keysOf?: unknown) => {
      const entity = definitionOf(source);
      onlyKeys(`projection ${definition.name} from ${entity.type}`, on, [...entity.reducers.keys()]);
      if (definition.sources.some((other) => other.entity.type === entity.type)) {
        throw new PerdureError('invalid-definition', `projection ${definition.name} reads ${entity.type} twice`);
      }
      const added = { entity, reducers: new Map(Object.entries(on)), keysOf } as ProjectionSource;
      return makeProjection({ ...definition, sources: [...definition.sources, added] });
    },
  } as AnyProjection;
}
