import { pack, unpack } from 'msgpackr';
import { expect, test } from 'vitest';
import { MAX_IN_FLIGHT } from '../../../runtime/http/batch.ts';
import type { Delivery } from '../../../runtime/ports/signal-bus.ts';
import { setup } from './harness.ts';
import { head, RawConnection } from './socket.ts';

const URL_ = '/v1/signals';
const line = (n: number, more: object = {}) => ({ type: 'tally', id: String(n % 3), name: 'add', payload: { amount: n }, ...more });
const ndjson = { 'content-type': 'application/x-ndjson' };

/** Over a socket: `inject` never drains, so it cannot show more results than fit its buffer. */
function post(port: number, body: string, contentType: string): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}${URL_}`, { method: 'POST', body, headers: { 'content-type': contentType } });
}

test('N1: a JSON array is answered with an array, a result per line in order', async () => {
  const { server, host } = setup();
  const lines = Array.from({ length: 1_000 }, (_, n) => line(n % 500, { signalId: `s-${n}` }));
  const response = await post(await server.listen(), JSON.stringify(lines), 'application/json');
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
  const results = (await response.json()) as { status: number; signalId: string; position: string }[];
  expect(results.map(({ signalId }) => signalId)).toEqual(lines.map((_, n) => `s-${n}`));
  expect(results.every(({ status, position }) => status === 202 && typeof position === 'string')).toBe(true);
  expect(host.delivered.every(({ wants, idChosen }) => wants === 'durability' && idChosen)).toBe(true);
});

test('N1, N3: NDJSON is answered line by line; a wrong line gets a problem and the others go on', async () => {
  const { server, host } = setup();
  const lines = [
    JSON.stringify(line(1)),
    'not json',
    '',
    JSON.stringify(line(2, { signalID: 'misspelt' })),
    JSON.stringify({ type: 'tally', id: '', name: 'add' }),
    JSON.stringify(line(0.5)),
    JSON.stringify({ type: 'nothing', id: '1', name: 'add' }),
    '[]',
    JSON.stringify(line(3, { signalId: 7 })),
    JSON.stringify(line(4)),
  ];
  const response = await server.app.inject({ method: 'POST', url: URL_, payload: `${lines.join('\r\n')}`, headers: ndjson });
  expect(response.headers['content-type']).toBe('application/x-ndjson; charset=utf-8');
  const results = response.body
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text) as { status: number; code?: string });
  expect(results.map(({ status, code }) => code ?? status)).toEqual([
    202,
    'malformed-request',
    'malformed-request',
    'malformed-request',
    'invalid-payload',
    'unknown-entity-type',
    'malformed-request',
    'malformed-request',
    202,
  ]);
  expect(host.delivered).toHaveLength(4);
});

test('msgpack is answered with msgpack', async () => {
  const { server } = setup();
  const response = await server.app.inject({
    method: 'POST',
    url: URL_,
    payload: pack([line(1), { type: 'nothing', id: '1', name: 'x' }]),
    headers: { 'content-type': 'application/msgpack' },
  });
  expect(unpack(response.rawPayload)).toMatchObject([{ status: 202 }, { status: 404, code: 'unknown-entity-type' }]);
});

test('an empty batch has no results', async () => {
  const { server } = setup();
  expect((await server.app.inject({ method: 'POST', url: URL_, payload: [] })).json()).toEqual([]);
  const streamed = await server.app.inject({ method: 'POST', url: URL_, payload: '\n\n', headers: ndjson });
  expect([streamed.statusCode, streamed.body]).toEqual([200, '']);
});

test('a batch that is no list, or has too many lines, is refused as a whole', async () => {
  const { server, host } = setup();
  expect((await server.app.inject({ method: 'POST', url: URL_, payload: line(1) })).json().code).toBe('malformed-request');
  const many = Array.from({ length: 10_001 }, () => ({ type: 't', id: '1', name: 'n' }));
  const response = await server.app.inject({ method: 'POST', url: URL_, payload: many });
  expect([response.statusCode, response.json().code]).toEqual([413, 'payload-too-large']);
  expect((await server.app.inject({ method: 'POST', url: URL_, payload: 'a', headers: { 'content-type': 'text/csv' } })).statusCode).toBe(
    415,
  );
  expect(host.delivered).toHaveLength(0);
});

test('N3: the line after the last one that is allowed gets a problem and ends the batch', async () => {
  const { server, host } = setup();
  const payload = `${JSON.stringify({ type: 'tally', id: '1', name: 'reset' })}\n`.repeat(10_050);
  const response = await post(await server.listen(), payload, 'application/x-ndjson');
  const results = (await response.text()).trimEnd().split('\n');
  expect([results.length, host.delivered.length]).toEqual([10_001, 10_000]);
  expect(JSON.parse(results.at(-1) ?? '')).toMatchObject({ status: 413, code: 'payload-too-large' });
});

test('N3: a line that is too long ends the batch with a problem', async () => {
  const { server, host } = setup();
  const payload = `${JSON.stringify(line(1))}\n${'x'.repeat(70_000)}\n${JSON.stringify(line(2))}\n`;
  const response = await server.app.inject({ method: 'POST', url: URL_, payload, headers: ndjson });
  const results = response.body
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text) as { status: number });
  expect(results.map(({ status }) => status)).toEqual([202, 413]);
  expect(host.delivered).toHaveLength(1);
});

/** Resolves once the condition holds; asked after every round of the event loop. */
async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

test('results stream out while lines come in', async () => {
  const { server } = setup();
  const connection = await RawConnection.open(await server.listen());
  await connection.write(head(URL_, { ...ndjson, 'transfer-encoding': 'chunked' }));
  for (let n = 1; n <= 3; n += 1) {
    const text = `${JSON.stringify(line(n, { signalId: `s-${n}` }))}\n`;
    await connection.write(`${text.length.toString(16)}\r\n${text.slice(0, 10)}`);
    await connection.write(`${text.slice(10)}\r\n`);
    await connection.until(({ received }) => received.includes(`"s-${n}"`));
  }
  await connection.write('0\r\n\r\n');
  expect(await connection.until(({ received }) => received.endsWith('0\r\n\r\n'))).toMatch(/^HTTP\/1\.1 200 /);
  connection.socket.destroy();
});

test('N2: no more lines are taken than may be in flight, and all are answered in the end', async () => {
  const { server, host } = setup();
  host.keeps = true;
  const connection = await RawConnection.open(await server.listen());
  const payload = Array.from({ length: 5_000 }, (_, n) => `${JSON.stringify(line(n))}\n`).join('');
  connection.socket.write(head(URL_, { ...ndjson, 'content-length': payload.length }) + payload);
  await eventually(() => host.delivered.length >= MAX_IN_FLIGHT);
  for (let n = 0; n < 20; n += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(host.delivered.length).toBe(MAX_IN_FLIGHT);
  host.release();
  const text = await connection.until(({ received }) => received.endsWith('0\r\n\r\n'));
  expect([host.delivered.length, text.split('"status":').length - 1]).toEqual([5_000, 5_000]);
  connection.socket.destroy();
});

test('N1: answers that come in another order are written in the order of the lines', async () => {
  const { server, host } = setup();
  const held: Delivery[] = [];
  host.deliver = (delivery) => {
    held.push(delivery);
    if (held.length === 10) {
      setImmediate(() => {
        for (const one of held.toReversed()) one.done({ kind: 'done', result: null, revision: 0, position: 1, repeated: false }, one);
      });
    }
  };
  const lines = Array.from({ length: 10 }, (_, n) => line(n, { signalId: `s-${n}` }));
  const response = await server.app.inject({ method: 'POST', url: URL_, payload: lines });
  expect((response.json() as { signalId: string }[]).map(({ signalId }) => signalId)).toEqual(lines.map((_, n) => `s-${n}`));
});

test('N5: a caller that goes away stops the intake; what was delivered goes on', async () => {
  const { server, host, errors } = setup();
  const connection = await RawConnection.open(await server.listen());
  host.keeps = true;
  await connection.write(head(URL_, { ...ndjson, 'transfer-encoding': 'chunked' }));
  const text = `${JSON.stringify(line(1))}\n`.repeat(10);
  await connection.write(`${text.length.toString(16)}\r\n${text}\r\n`);
  await eventually(() => host.delivered.length === 10);
  connection.socket.destroy();
  await connection.until(({ isClosed }) => isClosed);
  host.release();
  await eventually(() => host.delivered.every(({ state }) => state === 'answered'));
  expect(errors).toEqual([]);
});
