import { expect, test } from 'vitest';
import { JSON_TYPE, setup } from './harness.ts';

async function withEntity(id = '1') {
  const all = setup();
  for (const amount of [1, 2, 3]) {
    const headers = { 'idempotency-key': `s-${amount}` };
    await all.server.app.inject({ method: 'POST', url: `/v1/entities/tally/${id}/signals/add`, payload: { amount }, headers });
  }
  return { ...all, get: (url: string, headers = {}) => all.server.app.inject({ method: 'GET', url, headers }) };
}

test('an entity: state, revision, token, what is open', async () => {
  const { get } = await withEntity();
  const response = await get('/v1/entities/tally/1?consistency=strong');
  expect(response.json()).toEqual({
    type: 'tally',
    id: '1',
    state: { total: 6 },
    revision: 2,
    position: response.headers['perdure-position'],
    runs: [],
    owes: [],
    parked: null,
    paused: null,
  });
});

test('without a stream entity and history are 404, a query answers from the initial state', async () => {
  const { get } = await withEntity();
  for (const url of ['/v1/entities/tally/2', '/v1/entities/tally/2/history'])
    expect((await get(url)).json()).toMatchObject({ status: 404, code: 'not-found' });
  expect((await get('/v1/entities/tally/2/queries/total')).body).toBe('0');
  expect((await get('/v1/entities/nothing/2')).json().code).toBe('unknown-entity-type');
});

test('history pages', async () => {
  const { get } = await withEntity();
  const first = (await get('/v1/entities/tally/1/history?limit=2')).json();
  expect(first.next).toBe(2);
  expect(first.events[0]).toEqual({ revision: 0, type: 'Added', data: { amount: 1 }, metadata: { signalId: 's-1' }, time: 1 });
  const second = (await get(`/v1/entities/tally/1/history?from=${first.next}`)).json();
  expect([second.events.length, second.next]).toEqual([1, null]);
  for (const query of ['limit=0', 'limit=1001', 'limit=x', 'from=-1', 'from=1.5', 'form=1', 'limit=1&limit=2']) {
    expect([query, (await get(`/v1/entities/tally/1/history?${query}`)).json().code]).toEqual([query, 'malformed-request']);
  }
});

test('a query reads JSON args or plain parameters; its value is the bare body', async () => {
  const { get } = await withEntity();
  const query = '/v1/entities/tally/1/queries';
  expect((await get(`${query}/total?times=2`)).body).toBe('12');
  expect((await get(`${query}/total?args=${encodeURIComponent('{"times":3}')}&timeout=1s`)).body).toBe('18');
  expect((await get(`${query}/seen?a=1&a=2&b=x%20y&consistency=strong`)).json()).toEqual({ a: ['1', '2'], b: 'x y' });
  expect((await get(`${query}/total?times=2`)).headers['perdure-position']).toEqual(expect.any(String));
  expect((await get(`${query}/total?times=x`)).json()).toMatchObject({ code: 'invalid-payload', errors: [{ path: 'times' }] });
  expect((await get(`${query}/none`)).json().code).toBe('unknown-query');
  for (const bad of [
    'args=%7B',
    'args=1&a=2',
    'args=1&args=2',
    'consistency=weak',
    'timeout=x',
    '__proto__=1',
    'args=%7B%22__proto__%22%3A1%7D',
  ]) {
    expect([bad, (await get(`${query}/seen?${bad}`)).json().code]).toEqual([bad, 'malformed-request']);
  }
});

test('a query that does not get its turn in time is told so', async () => {
  const { get, host } = await withEntity();
  host.holds = true;
  expect((await get('/v1/entities/tally/1/queries/total?timeout=50ms&consistency=strong')).json()).toMatchObject({
    status: 504,
    code: 'read-timeout',
  });
});

test('a run has a status and an outcome, also while it is waited for', async () => {
  const { get, host, server } = await withEntity();
  expect((await get('/v1/entities/tally/1/runs/s-1')).json()).toEqual({
    signalId: 's-1',
    name: 'add',
    status: 'completed',
    result: { total: 1 },
  });
  expect((await get('/v1/entities/tally/1/runs/s-9')).json()).toMatchObject({ status: 404, code: 'unknown-run' });
  host.keeps = true;
  const headers = { ...JSON_TYPE, 'idempotency-key': 's-4' };
  const update = server.app.inject({ method: 'POST', url: '/v1/entities/tally/1/updates/add', payload: '{"amount":4}', headers });
  while (host.delivered.length < 4) await new Promise((resolve) => setImmediate(resolve));
  expect((await get('/v1/entities/tally/1/runs/s-4?wait=60ms')).json().status).toBe('running');
  const outcome = get('/v1/entities/tally/1/runs/s-4?wait=20s');
  host.release();
  expect((await outcome).json()).toMatchObject({ status: 'completed', result: { total: 10 } });
  expect((await update).statusCode).toBe(200);
});

test('operators: verbs with who and why, the entity after them as the answer', async () => {
  const { server, host } = await withEntity();
  const admin = (verb: string, payload?: object) =>
    server.app.inject({ method: 'POST', url: `/v1/entities/tally/1/admin/${verb}`, ...(payload === undefined ? {} : { payload }) });
  expect((await admin('pause', { by: 'ann', why: 'audit' })).json()).toMatchObject({ type: 'tally', state: { total: 6 } });
  expect((await admin('resume')).statusCode).toBe(200);
  await admin('edit', { payload: { amount: 1 } });
  expect(host.asked).toEqual([
    { type: 'tally', id: '1', verb: 'pause', by: 'ann', why: 'audit' },
    { type: 'tally', id: '1', verb: 'resume', by: 'http', why: '' },
    { type: 'tally', id: '1', verb: 'edit', by: 'http', why: '', payload: { amount: 1 } },
  ]);
  expect((await admin('retry')).json()).toMatchObject({ status: 409, code: 'not-parked' });
  expect((await admin('dance')).json()).toMatchObject({ status: 404, code: 'not-found' });
  for (const [verb, body] of [
    ['edit', {}],
    ['pause', { payload: 1 }],
    ['pause', { who: 'x' }],
    ['pause', { by: '' }],
    ['pause', { why: 'x'.repeat(1_001) }],
    ['pause', []],
    ['pause', { run: 's-1' }],
    ['forget', { run: 's-1' }],
    ['cancel', { payload: 1 }],
    ['cancel', { run: '' }],
    ['cancel', { run: 1 }],
    ['terminate', { run: 'a\n' }],
    ['retry', { run: 'x'.repeat(416) }],
  ] as const) {
    expect([verb, body, (await admin(verb, body)).json().code]).toEqual([verb, body, 'malformed-request']);
  }
});

test('operators: cancel, terminate and retry concern one run, or all', async () => {
  const { server, host } = await withEntity();
  const admin = (verb: string, payload: object) =>
    server.app.inject({ method: 'POST', url: `/v1/entities/tally/1/admin/${verb}`, payload });
  expect((await admin('cancel', { by: 'ann', run: 's-1' })).json()).toMatchObject({ type: 'tally', state: { total: 6 } });
  expect((await admin('terminate', { why: 'lost', run: 'timer:expiry/a#2' })).statusCode).toBe(200);
  await admin('retry', { run: 's-1' });
  await admin('cancel', {});
  expect((await admin('terminate', { run: 'unknown' })).json()).toMatchObject({ status: 404, code: 'unknown-run' });
  expect(host.asked.slice(0, 4)).toEqual([
    { type: 'tally', id: '1', verb: 'cancel', by: 'ann', why: '', run: 's-1' },
    { type: 'tally', id: '1', verb: 'terminate', by: 'http', why: 'lost', run: 'timer:expiry/a#2' },
    { type: 'tally', id: '1', verb: 'retry', by: 'http', why: '', run: 's-1' },
    { type: 'tally', id: '1', verb: 'cancel', by: 'http', why: '' },
  ]);
});

test('rows: by key, by index, pages, and waiting for a token', async () => {
  const { get, reader, server } = await withEntity();
  reader.rows.set('a/1', { total: 1 });
  reader.rows.set('b', { total: 2 });
  expect((await get('/v1/projections/tallies/a%2F1')).json()).toEqual({ total: 1 });
  expect((await get('/v1/projections/tallies/none')).json()).toMatchObject({ status: 404, code: 'not-found' });
  expect((await get('/v1/projections/nothing/1')).json().code).toBe('unknown-projection');
  expect((await get('/v1/projections/tallies?limit=1')).json()).toEqual({ rows: [{ total: 1 }], keys: ['a/1'], next: 'more' });
  await get(
    '/v1/projections/tallies?index=byTotal&equals=1&equals=open&equals=%221%22&equals=%7B%7D&from=true&to=null&order=desc&cursor=c',
  );
  expect(reader.found.at(-1)).toEqual({
    index: 'byTotal',
    equals: [1, 'open', '1', '{}'],
    from: true,
    to: null,
    descending: true,
    limit: 100,
    cursor: 'c',
  });
  await get('/v1/projections/tallies?from=1');
  expect(reader.found.at(-1)?.from).toBe('1');
  expect((await get('/v1/projections/tallies?cursor=bad')).json()).toMatchObject({ status: 400, code: 'invalid-cursor' });
  for (const bad of ['order=up', 'limit=0', 'indx=byTotal', 'cursor=a&cursor=b', 'timeout=0']) {
    expect([bad, (await get(`/v1/projections/tallies?${bad}`)).json().code]).toEqual([bad, 'malformed-request']);
  }
  const token = (await server.app.inject({ method: 'POST', url: '/v1/entities/tally/1/signals/reset' })).json().position as string;
  await get('/v1/projections/tallies/b?timeout=2s', { 'perdure-position': token });
  expect(reader.waited).toEqual([{ type: 'tally', position: 104, timeoutMs: 2_000 }]);
  reader.isBehind = true;
  expect((await get('/v1/projections/tallies/b', { 'perdure-position': token })).json()).toMatchObject({
    status: 504,
    code: 'projection-behind',
  });
});

test('a token ahead of the log is waited for: the read goes on when the log is there, or ends in read-timeout', async () => {
  const { get, server, reader } = await withEntity();
  const token = (await get('/v1/entities/tally/1')).headers['perdure-position'];
  const headers = { 'perdure-position': token };
  reader.headPosition = 0;
  const update = { method: 'POST', url: '/v1/entities/tally/1/updates/add?timeout=100ms', payload: { amount: 1 }, headers } as const;
  const asked = ['/v1/entities/tally/1?timeout=100ms', '/v1/entities/tally/1/queries/total?timeout=100ms'].map((url) => get(url, headers));
  for (const response of await Promise.all([...asked, server.app.inject(update)])) {
    expect(response.json()).toMatchObject({ status: 504, code: 'read-timeout' });
  }
  const waiting = get('/v1/entities/tally/1/queries/total', headers);
  reader.headPosition = Number.MAX_SAFE_INTEGER;
  expect((await waiting).body).toBe('6');
});
