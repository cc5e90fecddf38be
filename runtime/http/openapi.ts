import type { EntityDefinition } from '../core/definition/erased.ts';
import { type JsonSchema, jsonSchemaOf } from '../core/definition/json-schema.ts';
import { LIMITS } from '../core/limits.ts';
import { MAX_CALLBACK_TOKEN_LENGTH } from '../core/run/callback-token.ts';
import { MAX_RUN_ID_LENGTH } from './names.ts';
import { answers, BUSY, entityPaths, json, type Paths, parameterRef, problems, schemaRef } from './openapi-entity.ts';
import { list, object, SCHEMAS, text } from './openapi-schemas.ts';
import type { ProjectionInfo } from './reader.ts';

/** The OpenAPI 3.1 document of a node, made from its definitions. `secured`: API keys are required. */
export function openApiDocument(
  definitions: ReadonlyMap<string, EntityDefinition>,
  projections: ReadonlyMap<string, ProjectionInfo>,
  secured: boolean,
): JsonSchema {
  const paths: Paths = { '/v1/signals': { post: batchOperation() }, '/v1/callbacks/{token}': { post: callbackOperation() } };
  for (const definition of definitions.values()) Object.assign(paths, entityPaths(definition));
  for (const [name, info] of projections) Object.assign(paths, projectionPaths(name, info));
  return {
    openapi: '3.1.0',
    info: { title: 'Perdure', version: 'v1', description: 'Entities, their signals, updates and queries, and their projections.' },
    ...(secured ? { security: [{ bearer: [] }] } : {}),
    tags: [...definitions.keys(), ...(projections.size > 0 ? ['projections'] : []), 'batch', 'callbacks'].map((name) => ({ name })),
    paths,
    components: { schemas: SCHEMAS, parameters: PARAMETERS, securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
  };
}

function batchOperation(): JsonSchema {
  const array = (name: string) => ({ type: 'array', items: schemaRef(name), maxItems: LIMITS.maxBatchLines });
  const forms = (name: string) => ({
    'application/json': { schema: array(name) },
    'application/msgpack': { schema: array(name) },
    'application/x-ndjson': { schema: schemaRef(name) },
  });
  return {
    operationId: 'batch',
    tags: ['batch'],
    summary: 'Sends many signals; a result per line, in their order.',
    parameters: ['traceparent', 'baggage'].map(parameterRef),
    requestBody: { required: true, content: forms('BatchLine') },
    responses: {
      200: { description: 'A result per line.', content: forms('BatchResult') },
      ...problems('malformed-request', 'payload-too-large', 'unsupported-media-type'),
    },
  };
}

function callbackOperation(): JsonSchema {
  return {
    operationId: 'callback',
    tags: ['callbacks'],
    summary: 'Completes or fails a callback that a run waits for.',
    description:
      'The token is the credential: no API key is needed, and whoever has the token decides. Told again the same, it answers the same; the first ' +
      'completion stands. A run whose callback failed sees a rejection with this code.',
    security: [],
    parameters: [path('token', MAX_CALLBACK_TOKEN_LENGTH)],
    requestBody: { required: true, content: json(schemaRef('Completion')) },
    responses: {
      200: answers('Durable.', schemaRef('Completed'), true),
      ...problems('malformed-request', 'invalid-payload', 'callback-forged', 'unknown-entity-type', 'not-found'),
      ...problems('callback-completed', 'callback-closed', 'forgotten', 'payload-too-large', 'turn-too-large', 'unsupported-media-type'),
      ...problems(...BUSY, 'parked', 'paused'),
    },
  };
}

function projectionPaths(name: string, info: ProjectionInfo): Paths {
  const read = ['timeout', 'position'].map(parameterRef);
  const indexes = Object.keys(info.indexes);
  const row = info.row === undefined ? {} : jsonSchemaOf(info.row, 'output');
  const failures = problems('malformed-request', 'unknown-projection', 'projection-failed', 'projection-behind');
  return {
    [`/v1/projections/${name}/{key}`]: {
      get: {
        operationId: `projection.${name}.get`,
        tags: ['projections'],
        summary: `One row of ${name}.`,
        parameters: [{ name: 'key', in: 'path', required: true, schema: { type: 'string', maxLength: LIMITS.maxRowKeyLength } }, ...read],
        responses: {
          200: answers('The row.', row),
          ...problems('malformed-request', 'unknown-projection', 'not-found', 'projection-failed', 'projection-behind'),
        },
      },
    },
    [`/v1/projections/${name}`]: {
      get: {
        operationId: `projection.${name}.find`,
        tags: ['projections'],
        summary: `Rows of ${name}, by key or by an index.`,
        parameters: [
          ...(indexes.length > 0
            ? [query('index', 'Index to read; without it rows are ordered by key.', { type: 'string', enum: indexes })]
            : []),
          query('equals', 'Value of the next field of the index: a JSON scalar, or text. May be repeated.', {
            type: 'array',
            items: { type: 'string' },
          }),
          query('from', 'Least value of the field after those, inclusive.'),
          query('to', 'Greatest value of that field, inclusive.'),
          query('order', 'Direction.', { type: 'string', enum: ['asc', 'desc'] }),
          parameterRef('limit'),
          query('cursor', '`next` of the page before.'),
          ...read,
        ],
        responses: {
          200: answers('A page.', object({ rows: list(row), keys: list(text), next: { type: ['string', 'null'] } })),
          ...failures,
          ...problems('malformed-request', 'invalid-cursor', 'invalid-page'),
          ...problems('unknown-projection', 'unknown-index'),
        },
      },
    },
  };
}

const query = (name: string, description: string, schema: JsonSchema = { type: 'string' }) => ({ name, in: 'query', description, schema });
const header = (name: string, description: string) => ({ name, in: 'header', description, schema: { type: 'string' } });
const path = (name: string, maxLength: number) => ({
  name,
  in: 'path',
  required: true,
  schema: { type: 'string', minLength: 1, maxLength },
});
const duration = { type: 'string', pattern: '^\\d+(ms|s|m)$', examples: ['500ms', '30s', '5m'] };

const PARAMETERS = {
  id: path('id', LIMITS.maxEntityIdLength),
  signalId: path('signalId', MAX_RUN_ID_LENGTH),
  idempotencyKey: header('Idempotency-Key', 'Id of the signal: sent twice, it takes effect once.'),
  position: header('perdure-position', 'Token, or tokens of several entity types separated by commas: what the answer must show.'),
  traceparent: header('traceparent', 'W3C Trace Context.'),
  baggage: header('baggage', 'W3C Baggage.'),
  timeout: query('timeout', 'Longest wait; 30s without it, at most 5m.', duration),
  wait: query('wait', 'Waits this long for the run to end or stall; not at all without it, at most 5m.', duration),
  consistency: query('consistency', '`strong` waits for its turn in the mailbox.', { type: 'string', enum: ['cached', 'strong'] }),
  from: query('from', 'First revision.', { type: 'integer', minimum: 0 }),
  limit: query('limit', 'Most items of the page.', { type: 'integer', minimum: 1, maximum: LIMITS.maxPage, default: LIMITS.defaultPage }),
};
