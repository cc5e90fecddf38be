import type { EntityDefinition, MessageDeclaration } from '../core/definition/erased.ts';
import { type JsonSchema, jsonSchemaOf } from '../core/definition/json-schema.ts';
import { type ErrorCode, errorSpec } from '../core/errors.ts';
import type { AdminVerb } from '../host/surface.ts';
import { ADMIN_VERBS, RUN_VERBS } from './admin.ts';

/** The paths of one entity type in the OpenAPI document. */

export type Paths = Record<string, Record<string, unknown>>;

const ref = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` });
export const schemaRef = ref;
export const parameterRef = (name: string): JsonSchema => ({ $ref: `#/components/parameters/${name}` });
export const json = (schema: JsonSchema) => ({ 'application/json': { schema }, 'application/msgpack': { schema } });

/** A response with a body, and with the token in its header when it names a position. */
export function answers(description: string, schema: JsonSchema, hasToken = false): JsonSchema {
  const headers = hasToken ? { headers: { 'perdure-position': { schema: { type: 'string' }, description: 'Token of this change.' } } } : {};
  return { description, ...headers, content: json(schema) };
}

/** Responses for codes of the error table, one per status. */
export function problems(...codes: readonly ErrorCode[]): Record<string, JsonSchema> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) byStatus.set(errorSpec(code).status, [...(byStatus.get(errorSpec(code).status) ?? []), code]);
  return Object.fromEntries(
    [...byStatus].map(([status, all]) => [
      String(status),
      problemResponse(
        all.map((code) => `${code}: ${errorSpec(code).message}`),
        all,
      ),
    ]),
  );
}

function problemResponse(lines: readonly string[], codes: readonly string[], isOpen = false): JsonSchema {
  const code = isOpen ? { type: 'string', examples: codes } : { enum: codes };
  const schema = { allOf: [ref('Problem'), { properties: { code } }] };
  return { description: lines.join('\n'), content: { 'application/problem+json': { schema } } };
}

/** The 409 of a message: the entity's own codes and the table's; a durable handler's may be anybody's whom it calls. */
function conflicts(definition: EntityDefinition, codes: readonly ErrorCode[], calls = false): Record<string, JsonSchema> {
  const own = [...definition.rejects];
  const lines = [
    ...own.map((code) => `${code}: rejected by ${definition.type}.`),
    ...codes.map((code) => `${code}: ${errorSpec(code).message}`),
    ...(calls ? ['Or the code of an entity or activity that it called; `by` says whose.'] : []),
  ];
  return { 409: { ...problemResponse(lines, [...own, ...codes], calls), 'x-rejections': own } };
}

const REQUEST: readonly ErrorCode[] = [
  'invalid-payload',
  'malformed-request',
  'payload-too-large',
  'unsupported-media-type',
  'turn-too-large',
  'forgotten',
];
export const BUSY: readonly ErrorCode[] = [
  'overloaded',
  'draining',
  'outcome-unknown',
  'held-overflow',
  'store-full',
  'store-failed',
  'store-closed',
];
/** What may become of a run beside a result and its rejections. */
const RUN_FAILURES: readonly ErrorCode[] = ['run-stalled', 'call-failed'];
const RUN_CONFLICTS: readonly ErrorCode[] = ['cancelled', 'terminated', 'call-cycle'];
const USER: readonly ErrorCode[] = [
  'defect',
  'payload-not-plain',
  'result-invalid',
  'determinism',
  'turn-over',
  'too-many-timers',
  'fold-failed',
];

export function entityPaths(definition: EntityDefinition): Paths {
  const { type } = definition;
  const base = `/v1/entities/${type}/{id}`;
  const paths: Paths = { ...statePaths(type, base), ...adminPaths(type, base) };
  for (const [name, declaration] of definition.declarations) {
    if (declaration.kind === 'query') paths[`${base}/queries/${name}`] = { get: queryOperation(type, name, declaration) };
    else {
      paths[`${base}/signals/${name}`] = { post: signalOperation(definition, name, declaration) };
      paths[`${base}/updates/${name}`] = { post: updateOperation(definition, name, declaration) };
    }
  }
  return paths;
}

function operation(type: string, id: string, summary: string, rest: JsonSchema): JsonSchema {
  return { operationId: `${type}.${id}`, tags: [type], summary, ...rest };
}

/** How its handler runs, as far as a sender should know. */
function handling({ signals }: EntityDefinition, name: string, { once }: MessageDeclaration): readonly string[] {
  const mode = signals.get(name)?.mode ?? 'plain';
  return [
    ...(mode === 'plain' ? [] : ['Durable: what it does may take long; `…/runs/{signalId}` has its status and outcome.']),
    ...(mode === 'serial' ? ['Serial: it begins when no other serial run of the entity is open.'] : []),
    ...(once
      ? ['Accepted once in the life of the entity: sent again, a signal answers with the id of the first run, an update with its outcome.']
      : []),
  ];
}

function messageParts(definition: EntityDefinition, name: string, declaration: MessageDeclaration) {
  const described = handling(definition, name, declaration);
  return {
    ...(described.length === 0 ? {} : { description: described.join(' ') }),
    parameters: ['id', 'idempotencyKey', 'position', 'traceparent', 'baggage'].map(parameterRef),
    requestBody: { required: declaration.input !== undefined, content: json(jsonSchemaOf(declaration.input, 'input')) },
  };
}

function signalOperation(definition: EntityDefinition, name: string, declaration: MessageDeclaration): JsonSchema {
  return operation(definition.type, `signal.${name}`, `Sends ${name}; answered once it is durable.`, {
    ...messageParts(definition, name, declaration),
    responses: {
      202: answers('Durable.', ref('Sent'), true),
      ...problems(...REQUEST, 'unknown-entity-type', 'unknown-signal', ...USER, ...BUSY),
      ...conflicts(definition, ['outcome-expired']),
    },
  });
}

function updateOperation(definition: EntityDefinition, name: string, declaration: MessageDeclaration): JsonSchema {
  const { parameters, ...parts } = messageParts(definition, name, declaration);
  const waits = definition.signals.get(name)?.mode !== 'plain';
  const result = {
    type: 'object',
    required: ['result', 'revision', 'position'],
    properties: { result: jsonSchemaOf(declaration.output, 'output'), revision: { type: 'integer' }, position: { type: 'string' } },
  };
  return operation(definition.type, `update.${name}`, `Sends ${name} and waits for its outcome.`, {
    ...parts,
    parameters: [...parameters, parameterRef('timeout')],
    responses: {
      200: answers('Handled.', result, true),
      ...problems(
        ...REQUEST,
        'unknown-entity-type',
        'unknown-signal',
        ...USER,
        ...(waits ? RUN_FAILURES : []),
        ...BUSY,
        'parked',
        'paused',
        'withdrawn',
        'update-timeout',
      ),
      ...conflicts(definition, waits ? ['outcome-expired', ...RUN_CONFLICTS] : ['outcome-expired'], waits),
    },
  });
}

function queryOperation(type: string, name: string, declaration: MessageDeclaration): JsonSchema {
  return operation(type, `query.${name}`, `Evaluates ${name}.`, {
    parameters: [
      ...['id', 'consistency', 'timeout', 'position'].map(parameterRef),
      {
        name: 'args',
        in: 'query',
        description: 'Input as JSON; or send its fields as plain parameters.',
        content: json(jsonSchemaOf(declaration.input, 'input')),
      },
    ],
    responses: {
      200: answers('The value.', jsonSchemaOf(declaration.output, 'output'), true),
      ...problems(
        'invalid-payload',
        'malformed-request',
        'unknown-entity-type',
        'unknown-query',
        'forgotten',
        'defect',
        'result-invalid',
        'determinism',
        'fold-failed',
        'parked',
        'overloaded',
        'read-timeout',
      ),
    },
  });
}

function statePaths(type: string, base: string): Paths {
  const gone = problems('malformed-request', 'not-found', 'unknown-entity-type', 'forgotten');
  return {
    [base]: {
      get: operation(type, 'entity', 'State, revision, open runs, what it owes, parked or paused and why.', {
        parameters: ['id', 'consistency', 'position'].map(parameterRef),
        responses: { 200: answers('The entity.', ref('Entity'), true), ...gone },
      }),
    },
    [`${base}/history`]: {
      get: operation(type, 'history', 'Decoded records of its stream.', {
        parameters: ['id', 'from', 'limit'].map(parameterRef),
        responses: { 200: answers('A page.', ref('History')), ...gone },
      }),
    },
    [`${base}/runs/{signalId}`]: {
      get: operation(type, 'run', 'Status and outcome of the run that a signal id opened.', {
        description:
          'With `wait` it is answered when the run ends or stalls, or when the wait is over. A run that is stalled goes on when an operator retries it.',
        parameters: ['id', 'signalId', 'wait'].map(parameterRef),
        responses: {
          200: answers('The run.', ref('Run')),
          ...problems('malformed-request', 'unknown-run', 'not-found', 'unknown-entity-type', 'forgotten', 'outcome-expired'),
        },
      }),
    },
  };
}

function adminPaths(type: string, base: string): Paths {
  return Object.fromEntries(ADMIN_VERBS.map((verb) => [`${base}/admin/${verb}`, { post: adminOperation(type, verb) }]));
}

function adminOperation(type: string, verb: AdminVerb): JsonSchema {
  const ofRuns = RUN_VERBS.includes(verb);
  const body = verb === 'edit' ? 'AdminEdit' : ofRuns ? 'AdminRun' : 'Admin';
  return operation(type, `admin.${verb}`, `Operator: ${VERBS[verb]}`, {
    parameters: [parameterRef('id')],
    requestBody: { required: verb === 'edit', content: json(ref(body)) },
    responses: {
      200: answers('The entity after it.', ref('Entity'), true),
      ...problems(
        'malformed-request',
        'invalid-payload',
        'not-found',
        ...(ofRuns ? ['unknown-run' as const] : []),
        'unknown-entity-type',
        'not-parked',
        'not-paused',
        'forgotten',
        ...BUSY,
      ),
    },
  });
}

const VERBS: Readonly<Record<AdminVerb, string>> = {
  retry: 'what made the entity park is handled again; if it is not parked, its stalled runs go on.',
  skip: 'what made the entity park is dropped.',
  edit: 'what made the entity park is handled with another payload.',
  pause: 'signals are held, updates refused.',
  resume: 'ends a pause.',
  cancel: 'asks open runs to stop; they may still compensate, or complete.',
  terminate: 'ends open runs at once; nothing is compensated.',
  forget: 'erases the entity for good.',
};
