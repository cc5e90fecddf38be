import { describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import reference from '../../../perdure.config.ts';
import { definitionOf } from '../../../runtime/core/definition/entity.ts';
import { projectionOf } from '../../../runtime/core/definition/projection.ts';
import { Activities } from '../../../runtime/host/activity-registry.ts';

const program = reference({ paymentsUrl: undefined, logLevel: 'silent' });
const definitions = program.entities.map(definitionOf);
const messages = definitions.flatMap(({ type, declarations }) =>
  [...declarations].map(([name, declaration]) => ({ type, name, ...declaration })),
);

/** As OpenAPI will have it; throws for what JSON Schema cannot say. */
const jsonSchema = (schema: unknown, io: 'input' | 'output') => z.toJSONSchema(schema as z.ZodType, { io });

describe('the program of npm start', () => {
  it('has each entity and projection once', () => {
    expect(definitions.map(({ type }) => type)).toEqual([
      ...['cart', 'account', 'inventory', 'transfer', 'order', 'approval', 'schedule', 'batch'],
    ]);
    expect((program.projections ?? []).map((one) => projectionOf(one).name)).toEqual([
      ...['carts', 'accounts', 'statements', 'stock', 'orders', 'approvals', 'schedules'],
    ]);
    expect((program.activities ?? []).map(({ activity }) => activity)).toEqual(['charge', 'refund', 'notify', 'work']);
  });

  it('builds projections from its own entities only', () => {
    const sources = (program.projections ?? []).flatMap((one) => projectionOf(one).sources.map(({ entity }) => entity));
    expect(sources.filter((entity) => !definitions.includes(entity))).toEqual([]);
  });

  it.each(messages)('$type.$name has schemas that OpenAPI can show, every value of its input bounded', ({ type, name, input, output }) => {
    if (output !== undefined) expect(jsonSchema(output, 'output')).toMatchObject({ type: 'object' });
    if (input === undefined) return;
    expect(unbounded(jsonSchema(input, 'input'), `${type}.${name}`)).toEqual([]);
  });
});

/** Any plain data, with a bound that JSON Schema cannot say; schedule.test.ts has it. */
const OPEN = ['schedule.set.target.payload'];

/** The paths of texts, numbers and lists of any size. */
function unbounded(schema: z.core.JSONSchema._JSONSchema, path: string): readonly string[] {
  if (typeof schema === 'boolean') throw new Error(`${path} has no schema`);
  if (OPEN.includes(path)) return [];
  const { properties = {}, items, enum: words, minimum = -1, maximum = Number.MAX_SAFE_INTEGER, maxLength = 0, maxItems = 0 } = schema;
  if (words !== undefined) return [];
  if (schema.type === 'object') return Object.entries(properties).flatMap(([field, one]) => unbounded(one, `${path}.${field}`));
  if (schema.type === 'array') {
    const inner = items === undefined || Array.isArray(items) ? [`${path}[]`] : unbounded(items, `${path}[]`);
    return maxItems > 0 ? inner : [path, ...inner];
  }
  const isBounded = schema.type === 'string' ? maxLength > 0 : minimum >= 0 && maximum < Number.MAX_SAFE_INTEGER;
  return isBounded ? [] : [path];
}

describe('payments', () => {
  it('go to the gateway that the configuration names, and to the sandbox without one', async () => {
    const asked: string[] = [];
    vi.stubGlobal('fetch', (url: URL) => {
      asked.push(String(url));
      return Promise.resolve(new Response(null, { status: 200 }));
    });
    const info = {
      signal: new AbortController().signal,
      attempt: 1,
      idempotencyKey: 'k',
      meta: { signalId: 's', correlationId: 's', baggage: {} },
    };
    for (const paymentsUrl of ['http://pay/v1', undefined]) {
      const { activities = [] } = reference({ paymentsUrl, logLevel: 'silent' });
      const charge = new Activities(activities).get('charge');
      await charge?.work(
        { orderId: 'o', amount: 1, paymentMethod: 'card' },
        { ...info, heartbeat: () => undefined, lastHeartbeat: undefined },
      );
    }
    vi.unstubAllGlobals();
    expect(asked).toEqual(['http://pay/v1/charges']);
  });
});
