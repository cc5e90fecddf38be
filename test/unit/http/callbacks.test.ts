import { pack, unpack } from 'msgpackr';
import { expect, test } from 'vitest';
import { writeCallbackToken } from '../../../runtime/core/run/callback-token.ts';
import { MAX_RUN_ID_LENGTH } from '../../../runtime/http/names.ts';
import { JSON_TYPE, setup } from './harness.ts';

type Server = ReturnType<typeof setup>['server'];
const complete = (server: Server, body: unknown, token = 'token-1') =>
  server.app.inject({ method: 'POST', url: `/v1/callbacks/${token}`, payload: JSON.stringify(body), headers: JSON_TYPE });

test('a completion is answered 200 with the run that waited and a token, also when it is told again', async () => {
  const { server, host } = setup();
  const first = await complete(server, { result: { yes: true } });
  expect(first.statusCode).toBe(200);
  expect(first.json()).toEqual({ type: 'errand', id: '7', run: 's-1', position: first.headers['perdure-position'] });
  const again = await complete(server, { result: { yes: true } });
  expect([again.statusCode, again.json()]).toEqual([200, first.json()]);
  expect(host.callbacks.asked).toEqual([
    { token: 'token-1', outcome: { result: { yes: true } } },
    { token: 'token-1', outcome: { result: { yes: true } } },
  ]);
});

test('a callback fails with a code and a message; null is a result', async () => {
  const { server, host } = setup();
  const error = { code: 'no-answer', message: '' };
  expect((await complete(server, { error })).statusCode).toBe(200);
  await complete(server, { result: null });
  expect(host.callbacks.asked.map(({ outcome }) => outcome)).toEqual([{ error }, { result: null }]);
});

test('another completion is 409, a closed callback 410, a forged token 403, a result that does not fit 400 with its errors', async () => {
  const { server, host } = setup();
  const bad = await complete(server, { result: { yes: 'maybe' } });
  expect(bad.json()).toMatchObject({ status: 400, code: 'invalid-payload', errors: [{ path: 'yes', message: expect.any(String) }] });
  await complete(server, { result: { yes: true } });
  expect((await complete(server, { result: { yes: false } })).json()).toMatchObject({ status: 409, code: 'callback-completed' });
  host.callbacks.isClosed = true;
  expect((await complete(server, { result: { yes: true } })).json()).toMatchObject({ status: 410, code: 'callback-closed' });
  expect((await complete(server, { result: 1 }, 'token-2')).json()).toMatchObject({ status: 403, code: 'callback-forged' });
});

test('msgpack comes in and goes out', async () => {
  const { server } = setup();
  const headers = { 'content-type': 'application/msgpack' };
  const response = await server.app.inject({
    method: 'POST',
    url: '/v1/callbacks/token-1',
    payload: pack({ result: { yes: true } }),
    headers,
  });
  expect(response.headers['content-type']).toBe('application/msgpack');
  expect(unpack(response.rawPayload)).toMatchObject({ type: 'errand', id: '7', run: 's-1' });
});

test.each([
  ['nothing'],
  ['null', null],
  ['a list', []],
  ['no field', {}],
  ['both', { result: 1, error: { code: 'a', message: 'b' } }],
  ['a field too many', { result: 1, why: 'x' }],
  ['another field', { results: 1 }],
  ['an error that is a text', { error: 'no' }],
  ['an error without a message', { error: { code: 'no-answer' } }],
  ['an error without a code', { error: { message: 'no' } }],
  ['an error with details', { error: { code: 'no-answer', message: 'no', details: {} } }],
  ['a code of the runtime', { error: { code: 'cancelled', message: 'no' } }],
  ['a code in another form', { error: { code: 'No answer', message: 'no' } }],
  ['a code that is empty', { error: { code: '', message: 'no' } }],
  ['a code that is too long', { error: { code: 'x'.repeat(129), message: 'no' } }],
  ['a code that is a number', { error: { code: 1, message: 'no' } }],
  ['a message that is too long', { error: { code: 'no-answer', message: 'x'.repeat(1_001) } }],
  ['a message that is none', { error: { code: 'no-answer', message: null } }],
])('K2: %s is no completion, and the host is not asked', async (_what, body?: unknown) => {
  const { server, host } = setup();
  expect((await complete(server, body)).json()).toMatchObject({ status: 400, code: 'malformed-request' });
  expect(host.callbacks.asked).toEqual([]);
});

test('K2: the longest code and message pass; parameters do not', async () => {
  const { server, host } = setup();
  const error = { code: 'x'.repeat(128), message: 'x'.repeat(1_000) };
  expect((await complete(server, { error })).statusCode).toBe(200);
  expect((await complete(server, { error }, 'token-1?again=1')).json()).toMatchObject({ status: 400, code: 'malformed-request' });
  expect(host.callbacks.asked).toHaveLength(1);
});

test('K1: the token is the credential: no API key is asked for, and nothing else is open', async () => {
  const { server } = setup({ apiKeys: ['key-1'] });
  expect((await complete(server, { result: { yes: true } })).statusCode).toBe(200);
  expect((await complete(server, { result: { yes: true } }, 'token-2')).statusCode).toBe(403);
  for (const [method, url] of [
    ['GET', '/v1/callbacks/token-1'],
    ['POST', '/v1/callbacks'],
    ['POST', '/v1/callbacks/token-1/more'],
    ['POST', '/v1/entities/tally/1/signals/reset'],
  ] as const) {
    expect([url, (await server.app.inject({ method, url })).statusCode]).toEqual([url, 401]);
  }
});

test('K1: when the runtime has a bug, the log does not get the token', async () => {
  const { server, host, errors } = setup();
  host.callback = async () => {
    throw new TypeError('secret');
  };
  expect((await complete(server, { result: 1 }, 'to-ken.s3cret')).json()).toMatchObject({ status: 500, code: 'invariant-violated' });
  expect(errors).toMatchObject([{ err: { message: 'secret' }, url: '/v1/callbacks/…' }]);
});

test('the longest token there can be reaches the host as it is', async () => {
  const { server, host } = setup();
  const place = { type: 'x'.repeat(64), id: 'ü'.repeat(255), run: '€'.repeat(MAX_RUN_ID_LENGTH), call: 10_000 };
  const token = writeCallbackToken(place, 'x'.repeat(64));
  await complete(server, { result: 1 }, token);
  expect(host.callbacks.asked.map((asked) => asked.token)).toEqual([token]);
});
