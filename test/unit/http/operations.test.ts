import { expect, test } from 'vitest';
import { ERRORS, errorSpec } from '../../../runtime/core/errors.ts';
import { JSON_TYPE, setup } from './harness.ts';

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>>; readonly parameters: Readonly<Record<string, unknown>> };
  readonly security?: unknown;
}
interface Operation {
  readonly operationId: string;
  readonly description?: string;
  readonly security?: unknown;
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: unknown }>> };
  readonly responses: Readonly<Record<string, ProblemResponse>>;
}
interface ProblemResponse {
  readonly content: Readonly<
    Record<string, { readonly schema: { readonly allOf?: readonly [unknown, { properties: { code: { enum: string[] } } }] } }>
  >;
  readonly 'x-rejections'?: readonly string[];
}

async function document(): Promise<Document> {
  const { server } = setup();
  return (await server.app.inject({ method: 'GET', url: '/openapi.json' })).json();
}
const operations = ({ paths }: Document) =>
  Object.entries(paths).flatMap(([path, methods]) => Object.entries(methods).map(([m, o]) => [m, path, o] as const));

test('H2, X1: every problem in openapi.json is of the error table, under its status, or a rejection of the entity', async () => {
  let count = 0;
  for (const [, , { responses }] of operations(await document())) {
    for (const [status, response] of Object.entries(responses)) {
      const codes = response.content['application/problem+json']?.schema.allOf?.[1].properties.code.enum ?? [];
      for (const code of codes) {
        count += 1;
        if (response['x-rejections']?.includes(code) === true) expect(status).toBe('409');
        else expect([code, Object.hasOwn(ERRORS, code), String(errorSpec(code).status)]).toEqual([code, true, status]);
      }
    }
  }
  expect(count).toBeGreaterThan(50);
});

test('H2: every failed answer keeps its code and the status of the table', async () => {
  const { server, host } = setup();
  for (const [code, { status }] of Object.entries(ERRORS)) {
    host.answersWith = { kind: 'failed', code: code as keyof typeof ERRORS, message: 'why' };
    const response = await server.app.inject({ method: 'POST', url: '/v1/entities/tally/1/updates/reset' });
    expect([response.statusCode, response.json().code, response.json().detail, response.json().status]).toEqual([
      status,
      code,
      'why',
      status,
    ]);
  }
});

test('openapi.json has a path per message, with the schema of its payload and its rejections', async () => {
  const described = await document();
  expect(described.openapi).toBe('3.1.0');
  const { post: update } = described.paths['/v1/entities/tally/{id}/updates/add'] ?? {};
  expect(update?.requestBody?.content['application/json']?.schema).toMatchObject({ type: 'object', required: ['amount'] });
  expect(update?.responses['409']?.['x-rejections']).toEqual(['too-much']);
  expect(JSON.stringify(update?.responses['200'])).toContain('"total"');
  for (const path of ['signals/add', 'updates/reset', 'queries/total', 'history', 'runs/{signalId}', 'admin/pause']) {
    expect(described.paths).toHaveProperty([`/v1/entities/tally/{id}/${path}`]);
  }
  const row = { type: 'object', properties: { total: { type: 'integer' } } };
  const answerOf = (path: string) => {
    const { get } = described.paths[path] ?? {};
    return get?.responses['200']?.content['application/json']?.schema;
  };
  expect(answerOf('/v1/projections/tallies')).toMatchObject({ properties: { rows: { items: row } } });
  expect(answerOf('/v1/projections/tallies/{key}')).toMatchObject(row);
  const ids = operations(described).map(([, , { operationId }]) => operationId);
  expect(new Set(ids).size).toBe(ids.length);
});

test('openapi.json says which messages are durable, serial and accepted once, and what may become of their runs', async () => {
  const { paths } = await document();
  const of = (path: string) => paths[`/v1/entities/errand/{id}/${path}`]?.['post'];
  for (const path of ['signals/start', 'updates/start']) {
    expect(of(path)?.description).toMatch(/^Durable: .*Accepted once/);
    expect(of(path)?.description).not.toContain('Serial');
  }
  expect(of('updates/step')?.description).toMatch(/^Durable: .*Serial: /);
  expect(of('updates/note')?.description).toBeUndefined();
  const conflict = (path: string) => of(path)?.responses['409']?.content['application/problem+json']?.schema.allOf?.[1].properties.code;
  expect(conflict('updates/start')).toMatchObject({
    examples: expect.arrayContaining(['too-far', 'cancelled', 'terminated', 'call-cycle']),
  });
  expect(conflict('updates/note')).toEqual({ enum: ['too-far', 'outcome-expired'] });
  expect(JSON.stringify(of('updates/start')?.responses['500'])).toContain('run-stalled');
  expect(JSON.stringify(of('updates/note')?.responses['500'])).not.toContain('run-stalled');
});

test('openapi.json: callbacks need no API key, verbs over runs take one', async () => {
  const { server } = setup({ apiKeys: ['key-1'] });
  const response = await server.app.inject({ method: 'GET', url: '/openapi.json', headers: { authorization: 'Bearer key-1' } });
  const { paths, security, components }: Document = response.json();
  expect(security).toEqual([{ bearer: [] }]);
  expect(paths['/v1/callbacks/{token}']?.['post']?.security).toEqual([]);
  const body = (verb: string) =>
    paths[`/v1/entities/errand/{id}/admin/${verb}`]?.['post']?.requestBody?.content['application/json']?.schema;
  for (const verb of ['retry', 'cancel', 'terminate']) expect(body(verb)).toEqual({ $ref: '#/components/schemas/AdminRun' });
  expect(body('pause')).toEqual({ $ref: '#/components/schemas/Admin' });
  expect(components.schemas['AdminRun']).toMatchObject({ properties: { run: { type: 'string' } } });
});

test('every reference in openapi.json leads somewhere', async () => {
  const described = await document();
  for (const [, kind = '', name = ''] of JSON.stringify(described).matchAll(/"#\/components\/(\w+)\/(\w+)"/g)) {
    expect(described.components[kind as 'schemas']).toHaveProperty(name);
  }
});

test('what openapi.json describes is there: every path answers with a code that is described', async () => {
  const { server } = setup();
  const described: Document = (await server.app.inject({ method: 'GET', url: '/openapi.json' })).json();
  for (const [method, path, { responses }] of operations(described)) {
    const url = path.replace(/\{(\w+)\}/g, 'x');
    const response = await server.app.inject({ method: method === 'get' ? 'GET' : 'POST', url });
    expect([method, path, Object.keys(responses).includes(String(response.statusCode))]).toEqual([method, path, true]);
  }
});

test('/docs is one page without scripts or anything from elsewhere', async () => {
  const { server } = setup();
  const { headers, body } = await server.app.inject({ method: 'GET', url: '/docs' });
  expect(headers['content-type']).toBe('text/html; charset=utf-8');
  expect(body).toContain('/v1/entities/tally/{id}/updates/add');
  expect(body).toContain('/v1/callbacks/{token}');
  expect(body).toContain('Accepted once in the life of the entity');
  expect(body).not.toMatch(/<script|https?:\/\/|src=/);
});

test('healthz is green while the process can go on, readyz says why it is not ready', async () => {
  const { server, host, reader } = setup();
  const get = async (url: string) => {
    const response = await server.app.inject({ method: 'GET', url });
    return [response.statusCode, response.json().reasons ?? response.json().status] as const;
  };
  expect([await get('/healthz'), await get('/readyz')]).toEqual([
    [200, 'ok'],
    [200, []],
  ]);
  reader.state = { ...reader.state, state: 'building' };
  host.state = { state: 'starting', reasons: [] };
  expect([await get('/healthz'), await get('/readyz')]).toEqual([
    [200, 'ok'],
    [503, ['the host is starting', 'projection tallies@2 is being built']],
  ]);
  reader.state = { ...reader.state, state: 'failed', message: 'TypeError at revision 3' };
  host.state = { state: 'failed', reasons: ['the store failed'] };
  expect([await get('/healthz'), await get('/readyz')]).toEqual([
    [503, 'failed'],
    [503, ['the store failed', 'projection tallies@2 failed: TypeError at revision 3']],
  ]);
});

test('metrics: host, projections, requests by route, process', async () => {
  const { server } = setup();
  await server.app.inject({ method: 'POST', url: '/v1/entities/tally/secret-id/signals/add', payload: { amount: 1 } });
  await server.app.inject({ method: 'GET', url: '/nowhere' });
  const { body, headers } = await server.app.inject({ method: 'GET', url: '/metrics' });
  expect(headers['content-type']).toContain('text/plain');
  for (const line of [
    '# TYPE perdure_handled_total counter',
    'perdure_handled_total 1',
    'perdure_sends_total{type="tally"} 3',
    '# TYPE perdure_entities_in_memory gauge',
    'perdure_projection_state{projection="tallies",version="2",state="live"} 1',
    '# TYPE perdure_http_request_duration_seconds histogram',
    'perdure_http_request_duration_seconds_count{method="POST",route="/v1/entities/:type/:id/signals/:name",status="202"} 1',
    'perdure_http_request_duration_seconds_bucket{method="POST",route="/v1/entities/:type/:id/signals/:name",status="202",le="+Inf"} 1',
    'perdure_http_request_duration_seconds_count{method="ANY",route="other",status="404"} 1',
  ]) {
    expect(body.split('\n')).toContain(line);
  }
  expect(body).toContain('process_cpu_seconds_total');
  expect(body).not.toContain('secret-id');
  expect(new Set(body.match(/^# TYPE .*/gm)).size).toBe(body.match(/^# TYPE .*/gm)?.length);
});

test('API keys: everything but the probes asks for one', async () => {
  const { server, host } = setup({ apiKeys: ['key-1', 'key-2'] });
  const get = async (url: string, authorization?: string) =>
    (await server.app.inject({ method: 'GET', url, ...(authorization === undefined ? {} : { headers: { authorization } }) })).statusCode;
  for (const url of ['/metrics', '/openapi.json', '/docs', '/v1/entities/tally/1/queries/total', '/nowhere'])
    expect([url, await get(url)]).toEqual([url, 401]);
  for (const url of ['/healthz', '/readyz']) expect([url, await get(url)]).toEqual([url, 200]);
  for (const wrong of ['Bearer', 'Bearer ', 'Bearer key-3', 'Bearer key-1x', 'Basic key-1', 'key-1', 'Bearer key-1 key-2'])
    expect(await get('/docs', wrong)).toBe(401);
  for (const right of ['Bearer key-1', 'bearer key-2', 'Bearer  key-2']) expect(await get('/docs', right)).toBe(200);
  const refused = await server.app.inject({ method: 'POST', url: '/v1/entities/tally/1/signals/reset' });
  expect([refused.json().code, refused.headers['www-authenticate'], host.delivered.length]).toEqual(['unauthorized', 'Bearer', 0]);
});

test('an unknown path is 404', async () => {
  const { server } = setup();
  expect((await server.app.inject({ method: 'DELETE', url: '/v1/entities/tally/1' })).json()).toMatchObject({
    status: 404,
    code: 'not-found',
  });
});

test('H1: a bug of the host is a 500 without its text, and in the log', async () => {
  const { server, host, errors } = setup();
  host.view = async () => {
    throw new TypeError('secret');
  };
  const response = await server.app.inject({ method: 'GET', url: '/v1/entities/tally/1' });
  expect([response.statusCode, response.json().code, response.body.includes('secret')]).toEqual([500, 'invariant-violated', false]);
  expect(errors).toMatchObject([{ err: { message: 'secret' } }]);
});

test('closing waits for what is under way and refuses nothing of it', async () => {
  const { server, host } = setup();
  const url = `http://127.0.0.1:${await server.listen()}/v1/entities/tally/1/updates/add`;
  host.keeps = true;
  const update = fetch(url, { method: 'POST', body: '{"amount":1}', headers: JSON_TYPE });
  while (host.delivered.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const closed = server.close(20_000);
  host.release();
  expect((await update).status).toBe(200);
  await closed;
});

test('closing gives up on what is still under way when its time is over', async () => {
  const { server, host } = setup();
  const url = `http://127.0.0.1:${await server.listen()}/v1/entities/tally/1/updates/add`;
  host.keeps = true;
  const update = fetch(url, { method: 'POST', body: '{"amount":1}', headers: JSON_TYPE }).catch((error: unknown) => error);
  while (host.delivered.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await server.close(50);
  expect(await update).toBeInstanceOf(TypeError);
});
