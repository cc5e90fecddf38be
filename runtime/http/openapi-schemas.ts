import type { JsonSchema } from '../core/definition/json-schema.ts';
import { ERRORS } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { OpenRunView, OwedView, RunView } from '../host/surface.ts';
import { MAX_WHY_LENGTH } from './admin.ts';
import { CALLBACK_CODE, MAX_CALLBACK_MESSAGE_LENGTH } from './callbacks.ts';
import { MAX_RUN_ID_LENGTH } from './names.ts';
import { schemaRef } from './openapi-entity.ts';

/** Bodies that are the same for every entity type, in the OpenAPI document. */

export const text = { type: 'string' };
const integer = { type: 'integer' };
export const object = (properties: JsonSchema, required: readonly string[] = Object.keys(properties)) => ({
  type: 'object',
  properties,
  required,
});
export const list = (items: JsonSchema) => ({ type: 'array', items });

const bounded = (maxLength: number) => ({ type: 'string', minLength: 1, maxLength });
const ORIGIN = { code: text, message: text };
const RUN_PROBLEM = object({ ...ORIGIN, details: {}, by: text }, ['code', 'message']);
const RUN_STATUSES: readonly RunView['status'][] = [
  'held',
  'queued',
  'running',
  'stalled',
  'completed',
  'rejected',
  'failed',
  'cancelled',
  'terminated',
];
const OPEN_RUN_STATUSES: readonly OpenRunView['status'][] = ['queued', 'running', 'stalled'];
const OPEN_RUN = object({ signalId: text, name: text, status: { enum: OPEN_RUN_STATUSES }, since: integer, problem: RUN_PROBLEM }, [
  'signalId',
  'name',
  'status',
  'since',
]);
const OWED_KINDS: readonly OwedView['kind'][] = ['timer', 'sleep', 'until', 'callback', 'activity', 'query', 'call'];
const OWED = object(
  {
    kind: { enum: OWED_KINDS },
    name: text,
    key: text,
    dueAt: { type: ['integer', 'null'] },
    run: text,
    failures: integer,
    lastFailure: object(ORIGIN),
    progress: {},
  },
  ['kind', 'name', 'key', 'dueAt'],
);
const WHO = { by: bounded(LIMITS.maxNameLength), why: { type: 'string', maxLength: MAX_WHY_LENGTH } };
const OWN_CODE = { ...bounded(LIMITS.maxNameLength), pattern: CALLBACK_CODE, description: 'Of your own: no code of the runtime.' };

/** The schemas that operations refer to. */
export const SCHEMAS: JsonSchema = {
  Problem: {
    ...object(
      { type: text, title: text, status: integer, detail: text, code: text, help: text, errors: {}, details: {}, by: text, signalId: text },
      ['type', 'title', 'status', 'detail', 'code'],
    ),
    description: `RFC 9457. Codes of the runtime: ${Object.keys(ERRORS).join(', ')}; \`by\` is present on an entity's own rejection.`,
  },
  Sent: object({
    signalId: {
      type: 'string',
      description: 'Id of the signal; of a `once` signal that was accepted before, the id it was accepted under.',
    },
    position: text,
  }),
  BatchLine: object({ type: text, id: text, name: text, payload: {}, signalId: text }, ['type', 'id', 'name']),
  BatchResult: { oneOf: [object({ status: { const: 202 }, signalId: text, position: text }), schemaRef('Problem')] },
  Entity: object({
    type: text,
    id: text,
    state: {},
    revision: integer,
    position: text,
    runs: { ...list(OPEN_RUN), description: 'Open runs.' },
    owes: { ...list(OWED), description: 'What it owes, soonest first. Times are milliseconds since 1970.' },
    parked: {
      oneOf: [
        { type: 'null' },
        object({ reason: text, signal: { type: ['string', 'null'] }, message: text, since: integer, held: integer }),
      ],
    },
    paused: { oneOf: [{ type: 'null' }, object({ by: text, why: text, since: integer })] },
  }),
  History: object({
    events: list(object({ revision: integer, type: text, data: {}, metadata: {}, time: integer })),
    next: { type: ['integer', 'null'] },
  }),
  Run: object({ signalId: text, name: text, status: { enum: RUN_STATUSES }, result: {}, problem: RUN_PROBLEM }, [
    'signalId',
    'name',
    'status',
  ]),
  Admin: object(WHO, []),
  AdminRun: object({ ...WHO, run: { ...bounded(MAX_RUN_ID_LENGTH), description: 'Signal id of one run; all open runs without it.' } }, []),
  AdminEdit: object({ ...WHO, payload: {} }, ['payload']),
  Completion: {
    oneOf: [
      { ...object({ result: {} }), additionalProperties: false },
      {
        ...object({ error: object({ code: OWN_CODE, message: { type: 'string', maxLength: MAX_CALLBACK_MESSAGE_LENGTH } }) }),
        additionalProperties: false,
      },
    ],
  },
  Completed: object({ type: text, id: text, run: text, position: text }),
};
