import { checkCount, checkList, checkName, checkObject, checkSchema, checkSync, onlyKeys, refuse } from './checks.ts';
import { definitionOf } from './entity.ts';
import { carried, type ErasedProjection, PROJECTION, type ProjectionSource } from './erased.ts';
import { jsonSchemaOf } from './json-schema.ts';
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
  const { row, version } = spec;
  const indexes: Readonly<Record<string, RowFields<R>>> = spec.indexes ?? {};
  checkSchema(`row of projection ${name}`, row);
  if (row === undefined) refuse(`projection ${name} has no row`);
  if (version === undefined) refuse(`projection ${name} has no version`);
  checkCount(`projection ${name}: version`, version);
  checkObject(`indexes of ${name}`, indexes);
  for (const [index, fields] of Object.entries(indexes)) checkIndex(name, index, fields, row);
  return makeProjection({ name, version, row, indexes, sources: [] });
}

function checkIndex(name: string, index: string, fields: readonly string[], row: Schema): void {
  checkName(`index of ${name}`, index);
  const what = `index ${index} of ${name}`;
  const known = fieldsOf(row);
  checkList(what, fields, (field) => {
    if (typeof field !== 'string' || field === '') refuse(`${what}: a field is named by a text that is not empty`);
    if (known === undefined) return;
    if (!Object.hasOwn(known, field)) refuse(`${what}: the row has no field '${field}' (it has ${Object.keys(known).join(', ')})`);
    const { type } = known[field] ?? {};
    if (type === 'object' || type === 'array') refuse(`${what}: the field '${field}' is an ${type}; only scalars can be indexed`);
  });
  if (fields.length === 0) refuse(`${what} has no fields`);
}

/** The fields that a row has, when its schema says so and says that there are no others. */
function fieldsOf(row: Schema): Readonly<Record<string, { readonly type?: unknown }>> | undefined {
  const { properties, additionalProperties = false, patternProperties, allOf, anyOf, oneOf } = jsonSchemaOf(row, 'output');
  const isOpen = additionalProperties !== false || [patternProperties, allOf, anyOf, oneOf].some((part) => part !== undefined);
  return isOpen || typeof properties !== 'object' || properties === null ? undefined : { ...properties };
}

/** The erased definition of a projection. Throws `invalid-definition` for anything else. */
export function projectionOf(value: AnyProjection): ErasedProjection {
  const definition = carried<ErasedProjection>(value, PROJECTION);
  if (definition === undefined) refuse('not a projection: pass what projection(…).from(…) returned');
  return definition;
}

function makeProjection(definition: ErasedProjection): AnyProjection {
  return {
    name: definition.name,
    [PROJECTION]: definition,
    from: (source: AnyImplementation, on: Readonly<Record<string, unknown>>, keysOf?: unknown) => {
      const entity = definitionOf(source);
      onlyKeys(`projection ${definition.name} from ${entity.type}`, on, [...entity.reducers.keys()]);
      if (definition.sources.some((other) => other.entity.type === entity.type)) {
        refuse(`projection ${definition.name} reads ${entity.type} twice`);
      }
      for (const [event, reducer] of Object.entries(on)) checkSync(`projection ${definition.name} from ${entity.type}: ${event}`, reducer);
      if (keysOf !== undefined) checkSync(`projection ${definition.name} from ${entity.type}: the function of keys`, keysOf);
      const added = { entity, reducers: new Map(Object.entries(on)), keysOf } as ProjectionSource;
      return makeProjection({ ...definition, sources: [...definition.sources, added] });
    },
  } as AnyProjection;
}
