import { pack, unpack } from 'msgpackr';
import { expect, test } from 'vitest';
import { JSON_TYPE, setup } from './harness.ts';

const ADD = '/v1/entities/tally/42/updates/add';
const SIGNAL = '/v1/entities/tally/42/signals/add';

test('a signal is answered 202 with its id and a token', async () => {
  const { server, host } = setup();
  const response = await server.app.inject({ method: 'POST', url: SIGNAL, payload: { amount: 2 } });
  expect(response.statusCode).toBe(202);
  expect(response.headers['content-type']).toBe('application/json; charset=utf-8');
  expect(response.json()).toEqual({ signalId: host.delivered[0]?.signalId, position: response.headers['perdure-position'] });
  expect(host.delivered[0]).toMatchObject({
    type: 'tally',
    id: '42',
    name: 'add',
    payload: { amount: 2 },
    wants: 'durability',
    idChosen: false,
    bytes: 12,
  });
});

test('an update is answered 200 with result, revision and token; its key makes it safe to repeat', async () => {
  const { server, host } = setup();
  const headers = { 'idempotency-key': 'evt-1' };
  const first = await server.app.inject({ method: 'POST', url: ADD, payload: { amount: 2 }, headers });
  const again = await server.app.inject({ method: 'POST', url: ADD, payload: { amount: 2 }, headers });
  expect(first.statusCode).toBe(200);
  expect(first.json()).toEqual({ result: { total: 2 }, revision: 0, position: first.headers['perdure-position'] });
  expect(again.json()).toEqual(first.json());
  expect(host.delivered.map(({ signalId, idChosen }) => [signalId, idChosen])).toEqual([
    ['evt-1', true],
    ['evt-1', true],
  ]);
});

test('an update without a result answers null', async () => {
  const { server } = setup();
  const response = await server.app.inject({ method: 'POST', url: '/v1/entities/tally/1/updates/reset' });
  expect(response.json()).toMatchObject({ result: null, revision: 0 });
});

test('H2: a rejection is 409 with the own code, details and who said no', async () => {
  const { server } = setup();
  const response = await server.app.inject({ method: 'POST', url: ADD, payload: { amount: 5_000 } });
  expect(response.statusCode).toBe(409);
  expect(response.headers['content-type']).toBe('application/problem+json; charset=utf-8');
  expect(response.headers['perdure-position']).toEqual(expect.any(String));
  expect(response.json()).toMatchObject({
    code: 'too-much',
    details: { most: 1_000 },
    by: 'tally',
    status: 409,
    type: 'urn:perdure:rejection:too-much',
  });
});

test('a payload that does not fit names its fields', async () => {
  const { server } = setup();
  const response = await server.app.inject({ method: 'POST', url: ADD, payload: { amount: 'two' } });
  expect(response.statusCode).toBe(400);
  expect(response.json()).toMatchObject({ code: 'invalid-payload', errors: [{ path: 'amount', message: expect.any(String) }] });
});

test.each([
  ['/v1/entities/nothing/42/updates/add', 'unknown-entity-type'],
  ['/v1/entities/tally/42/updates/nothing', 'unknown-signal'],
  ['/v1/entities/tally/42/updates/total', 'unknown-signal'],
])('%s is 404 %s', async (url, code) => {
  const { server } = setup();
  const response = await server.app.inject({ method: 'POST', url, payload: {} });
  expect([response.statusCode, response.json().code]).toEqual([404, code]);
});

test('G1: an update that was not taken in time is 503 withdrawn, with the id to repeat it by', async () => {
  const { server, host } = setup();
  host.holds = true;
  const response = await server.app.inject({ method: 'POST', url: `${ADD}?timeout=50ms`, payload: { amount: 1 } });
  expect(response.statusCode).toBe(503);
  expect(response.headers['retry-after']).toBe('1');
  expect(response.json()).toMatchObject({ code: 'withdrawn', signalId: host.withdrawn[0]?.signalId });
});

test('G1: an update that was taken and not answered in time is 504 update-timeout', async () => {
  const { server, host } = setup();
  host.keeps = true;
  const response = await server.app.inject({ method: 'POST', url: `${ADD}?timeout=50ms`, payload: { amount: 1 } });
  expect(response.statusCode).toBe(504);
  expect(response.json()).toMatchObject({ code: 'update-timeout', signalId: host.delivered[0]?.signalId });
});

test('a failure that passes says how long to wait, one that an operator must end says longer', async () => {
  const { server, host } = setup();
  host.answersWith = { kind: 'failed', code: 'overloaded', message: 'too much waits' };
  expect((await server.app.inject({ method: 'POST', url: ADD, payload: {} })).headers['retry-after']).toBe('1');
  host.answersWith = { kind: 'failed', code: 'parked', message: 'parked' };
  expect((await server.app.inject({ method: 'POST', url: ADD, payload: {} })).headers['retry-after']).toBe('10');
});

test('G2: a result that JSON cannot hold is answered, logged, and does not reach the tick', async () => {
  const { server, host, errors } = setup();
  host.answersWith = { kind: 'done', result: 1n, revision: 0, position: 1, repeated: false };
  const [bad, good] = await Promise.all([
    server.app.inject({ method: 'POST', url: ADD, payload: {} }),
    server.app.inject({ method: 'POST', url: SIGNAL, payload: {} }),
  ]);
  expect([bad.statusCode, bad.json().code, good.statusCode]).toEqual([500, 'invariant-violated', 202]);
  expect(errors).toHaveLength(1);
});

test('msgpack comes in and goes out by content type, and accept decides when it is there', async () => {
  const { server } = setup();
  const body = pack({ amount: 3 });
  const packed = { 'content-type': 'application/msgpack' };
  const both = await server.app.inject({ method: 'POST', url: ADD, payload: body, headers: packed });
  expect(both.headers['content-type']).toBe('application/msgpack');
  expect(unpack(both.rawPayload)).toMatchObject({ result: { total: 3 }, revision: 0 });
  const asJson = await server.app.inject({ method: 'POST', url: ADD, payload: body, headers: { ...packed, accept: 'application/json' } });
  expect(asJson.json().result).toEqual({ total: 6 });
  const asMsgpack = await server.app.inject({
    method: 'POST',
    url: SIGNAL,
    payload: { amount: 1 },
    headers: { accept: 'application/msgpack' },
  });
  expect(unpack(asMsgpack.rawPayload)).toMatchObject({ signalId: expect.any(String), position: expect.any(String) });
});

test('trace parent and baggage travel with the message; a trace parent that is none is ignored', async () => {
  const { server, host } = setup();
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const send = (headers: Record<string, string>) => server.app.inject({ method: 'POST', url: SIGNAL, payload: { amount: 1 }, headers });
  await send({ traceparent, baggage: 'tenant=acme, user=J%C3%B6rg;level=gold' });
  const none = [
    'nonsense',
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    traceparent.replace('-00f067aa0ba902b7', `-${'0'.repeat(16)}`),
    traceparent.replace('00-', 'ff-'),
  ];
  for (const text of none) await send({ traceparent: text });
  expect(host.delivered[0]?.context).toEqual({ traceparent, baggage: { tenant: 'acme', user: 'Jörg' } });
  expect(host.delivered.slice(1).map(({ context }) => context)).toEqual(none.map(() => undefined));
  expect((await send({ baggage: 'a=%zz' })).json()).toMatchObject({ status: 400, code: 'malformed-request' });
  expect((await send({ baggage: Array.from({ length: 65 }, (_, n) => `k${n}=1`).join(',') })).json().code).toBe('malformed-request');
});

test('ids hold any character but control ones, and their slashes are encoded', async () => {
  const { server, host } = setup();
  const id = 'a/b %?#+ü€😀"\\';
  const post = (raw: string) => server.app.inject({ method: 'POST', url: `/v1/entities/tally/${raw}/signals/add`, payload: { amount: 1 } });
  expect((await post(encodeURIComponent(id))).statusCode).toBe(202);
  expect(host.delivered[0]?.id).toBe(id);
  expect((await post(encodeURIComponent('x'.repeat(255)))).statusCode).toBe(202);
  expect((await post(encodeURIComponent('😀'.repeat(127)))).statusCode).toBe(202);
  for (const bad of ['x'.repeat(256), '%00', '%0A', '%7F', '%C2%85', '%', '%zz', '%C3', '']) {
    const response = await post(bad);
    expect([bad, response.statusCode, response.json().code]).toEqual([bad, 400, 'malformed-request']);
  }
});

test('a key that is no key is refused', async () => {
  const { server } = setup();
  for (const key of ['', ' ', 'x'.repeat(129), 'é', 'a\tb']) {
    const response = await server.app.inject({ method: 'POST', url: SIGNAL, payload: { amount: 1 }, headers: { 'idempotency-key': key } });
    expect([key, response.statusCode, response.json().code]).toEqual([key, 400, 'malformed-request']);
  }
});

test('parameters are checked: unknown ones, durations, and that they are given once', async () => {
  const { server } = setup();
  for (const query of ['timeout=6m', 'timeout=1', 'timeout=-1s', 'timeout=1s&timeout=2s', 'timeuot=1s', 'timeout=1h']) {
    const response = await server.app.inject({ method: 'POST', url: `${ADD}?${query}`, payload: { amount: 1 } });
    expect([query, response.statusCode, response.json().code]).toEqual([query, 400, 'malformed-request']);
  }
  expect((await server.app.inject({ method: 'POST', url: `${ADD}?timeout=5m`, payload: { amount: 1 } })).statusCode).toBe(200);
});

test('a token of this store is accepted, another store or other text is refused', async () => {
  const { server } = setup();
  const update = (position: string) =>
    server.app.inject({ method: 'POST', url: ADD, payload: { amount: 1 }, headers: { 'perdure-position': position } });
  const token = (await update('')).json().position as string;
  expect((await update(token)).statusCode).toBe(200);
  expect((await update(`${token}, ${token}`)).statusCode).toBe(200);
  const other = `${Buffer.from(JSON.stringify(['store-2', 'tally'])).toString('base64url')}.2s`;
  const refused = await update(other);
  expect([refused.statusCode, refused.json().code, refused.json().detail]).toEqual([
    400,
    'malformed-request',
    expect.stringContaining('another store'),
  ]);
  for (const text of ['x', '.', 'YWJj.1', `${token}!`, 'x'.repeat(9_000)])
    expect((await update(text)).json().code).toBe('malformed-request');
});

test.each([
  ['not JSON', 'application/json', '{"amount":', 400],
  ['bad UTF-8', 'application/json', Buffer.from([0x22, 0xff, 0x22]), 400],
  ['__proto__', 'application/json', '{"amount":1,"x":{"__proto__":{"admin":true}}}', 400],
  ['a deep bomb', 'application/json', `${'['.repeat(20_000)}${']'.repeat(20_000)}`, 400],
  ['an infinite number', 'application/json', '{"amount":1e999}', 400],
  ['half a surrogate pair', 'application/json', '{"amount":"\\ud800"}', 400],
  ['an unknown content type', 'text/plain', 'amount=1', 415],
  ['no media type', 'json', '{}', 415],
  ['another charset', 'application/json; charset=latin1', '{}', 415],
  ['msgpack that is cut short', 'application/msgpack', Buffer.from([0x81, 0xa6, 0x61]), 400],
  ['msgpack with more behind it', 'application/msgpack', Buffer.from([0xc0, 0xc0]), 400],
  [
    'msgpack arrays that promise more than there is',
    'application/msgpack',
    Buffer.alloc(5_000, Buffer.from([0xdd, 0x7f, 0xff, 0xff, 0xff])),
    400,
  ],
  ['a msgpack depth bomb', 'application/msgpack', Buffer.alloc(60_000, 0x91), 400],
  ['a msgpack extension', 'application/msgpack', Buffer.from([0xd6, 0xff, 0, 0, 0, 0]), 400],
  ['msgpack binary', 'application/msgpack', Buffer.from([0xc4, 0x01, 0x00]), 400],
  ['a msgpack number key', 'application/msgpack', Buffer.from([0x81, 0x01, 0x01]), 400],
  ['a msgpack key __proto__', 'application/msgpack', Buffer.from([0x81, 0xa9, ...Buffer.from('__proto__'), 0x80]), 400],
  ['a msgpack NaN', 'application/msgpack', pack(Number.NaN), 400],
  ['a msgpack number beyond 2^53', 'application/msgpack', Buffer.from([0xcf, 0xff, 0, 0, 0, 0, 0, 0, 0]), 400],
])('H1, B1, B2: %s is malformed, not a defect', async (_what, contentType, payload, status) => {
  const { server, host, errors } = setup();
  const response = await server.app.inject({ method: 'POST', url: ADD, payload, headers: { 'content-type': contentType } });
  expect([response.statusCode, response.json().code]).toEqual([status, status === 415 ? 'unsupported-media-type' : 'malformed-request']);
  expect(response.json().status).toBe(status);
  expect([host.delivered.length, errors]).toEqual([0, []]);
});

test('the last good nesting passes; a content type may carry UTF-8 as its charset', async () => {
  const { server, host } = setup();
  const headers = { 'content-type': 'Application/JSON; charset=UTF-8' };
  const payload = `${'['.repeat(64)}${']'.repeat(64)}`;
  expect((await server.app.inject({ method: 'POST', url: '/v1/entities/tally/1/updates/echo', payload, headers })).statusCode).toBe(200);
  expect(JSON.stringify(host.delivered[0]?.payload)).toBe(payload);
});

test('no body is the empty payload, null is null', async () => {
  const { server, host } = setup();
  await server.app.inject({ method: 'POST', url: '/v1/entities/tally/1/signals/reset' });
  await server.app.inject({ method: 'POST', url: '/v1/entities/tally/1/signals/echo', payload: 'null', headers: JSON_TYPE });
  expect(host.delivered.map(({ payload }) => payload)).toEqual([{}, null]);
});
