import type { StandardJSONSchemaV1 } from '@standard-schema/spec';
import type { AnySchema } from './types.ts';

/** JSON Schema of the next parts of the document. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * The JSON Schema of a declared schema, by the Standard JSON Schema that its library offers; `{}` (anything) where it offers none or the schema
 * has no equivalent, such as a transform. No schema is an empty object as input and null as output.
 */
export function jsonSchemaOf(schema: AnySchema | undefined, side: 'input' | 'output'): JsonSchema {
  if (schema === undefined) return side === 'input' ? { type: 'object', additionalProperties: false } : { type: 'null' };
  const { jsonSchema } = schema['~standard'] as Partial<StandardJSONSchemaV1.Props>;
  if (jsonSchema === undefined) return {};
  try {
    const { $schema: _dialect, ...rest } = jsonSchema[side]({ target: 'draft-2020-12' });
    return rest;
  } catch {
    return {}; // the library throws for what JSON Schema cannot say
  }
}
