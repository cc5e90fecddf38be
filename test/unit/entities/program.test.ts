import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import program from '../../../perdure.config.ts';
import { definitionOf } from '../../../runtime/core/definition/entity.ts';
import { projectionOf } from '../../../runtime/core/definition/projection.ts';

const definitions = program.entities.map(definitionOf);
const messages = definitions.flatMap(({ type, declarations }) =>
  [...declarations].map(([name, declaration]) => ({ type, name, ...declaration })),
);

/** As OpenAPI will have it; throws for what JSON Schema cannot say. */
const jsonSchema = (schema: unknown, io: 'input' | 'output') => z.toJSONSchema(schema as z.ZodType, { io });

describe('the program of npm start', () => {
  it('has each entity and projection once', () => {
    expect(definitions.map(({ type }) => type)).toEqual(['cart', 'account', 'inventory']);
    expect((program.projections ?? []).map((one) => projectionOf(one).name)).toEqual(['carts', 'accounts', 'statements', 'stock']);
  });

  it('builds projections from its own entities only', () => {
    const sources = (program.projections ?? []).flatMap((one) => projectionOf(one).sources.map(({ entity }) => entity));
    expect(sources.filter((entity) => !definitions.includes(entity))).toEqual([]);
  });

  it.each(messages)('$type.$name has schemas that OpenAPI can show, every text and number of its input bounded', ({ input, output }) => {
    if (output !== undefined) expect(jsonSchema(output, 'output')).toMatchObject({ type: 'object' });
    if (input === undefined) return;
    const { properties = {} } = jsonSchema(input, 'input');
    for (const [field, schema] of Object.entries(properties)) {
      if (typeof schema === 'boolean') throw new Error(`${field} has no schema`);
      const { minimum = -1, maximum = Number.MAX_SAFE_INTEGER, maxLength = 0 } = schema;
      const bounded = schema.type === 'string' ? maxLength > 0 : minimum >= 0 && maximum < Number.MAX_SAFE_INTEGER;
      expect(bounded, field).toBe(true);
    }
  });
});
