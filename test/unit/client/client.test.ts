import { afterEach, expect, test } from 'vitest';
import { connect } from '../../../runtime/client/http-client.ts';
import type { BatchFailure } from '../../../runtime/client/types.ts';
import { typed } from '../../../runtime/core/definition/message.ts';
import { projection } from '../../../runtime/core/definition/projection.ts';
import { isPerdureError } from '../../../runtime/core/errors.ts';
import { Tally } from '../http/fake-host.ts';
import { setup } from '../http/harness.ts';
import { type Scripted, scripted } from './scripted-server.ts';

const Tallies = projection('tallies', { row: typed<{ total: number }>(), version: 2, indexes: { byTotal: ['total'] } });

async function live(config: Parameters<typeof setup>[0] = {}) {
  const all = setup(config);
  const url = `http://127.0.0.1:${await all.server.listen()}`;
  return { ...all, url, client: connect({ url }) };
}

const servers: Scripted[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});
async function script(...answers: Parameters<typeof scripted>[0]) {
  const server = await scripted(answers);
  servers.push(server);
  return server;
}

test('signal, update, query, outcome, status, rows: what went in comes out', async () => {
  const { client, reader } = await live();
  const sent = await client.signal(Tally('a/b').add({ amount: 2 }), { id: 'evt-1' });
  expect(sent).toMatchObject({ type: 'tally', id: 'a/b', name: 'add', signalId: 'evt-1', position: expect.any(String) });
  expect(await client.update(Tally('a/b').add({ amount: 3 }))).toEqual({ total: 5 });
  expect(await client.query(Tally('a/b').total({ times: 2 }))).toBe(10);
  expect(await client.query(Tally('a/b').seen({ x: ['ü&=', null] }), { consistency: 'strong' })).toEqual({ x: ['ü&=', null] });
  expect(await client.outcome(sent)).toEqual({ total: 2 });
  expect(await client.status(sent)).toBe('completed');
  reader.rows.set('a/b', { total: 5 });
  expect(await client.rows(Tallies).get('a/b')).toEqual({ total: 5 });
  expect(await client.rows(Tallies).get('none')).toBeUndefined();
  expect(await client.rows(Tallies).find({ index: 'byTotal', equals: [5], limit: 1 })).toEqual({
    rows: [{ total: 5 }],
    keys: ['a/b'],
    cursor: undefined,
  });
  expect(reader.found[0]).toEqual({ index: 'byTotal', equals: [5], limit: 1, descending: false });
});

test('the text 1 and the number 1 stay apart in an index', async () => {
  const { client, reader } = await live();
  await client.rows(Tallies).find({ index: 'byTotal', equals: ['1', 1, null, true], from: 'null', descending: true });
  expect(reader.found[0]).toMatchObject({ equals: ['1', 1, null, true], from: 'null', descending: true });
});

test('a rejection is thrown as the entity threw it, a problem as PerdureError', async () => {
  const { client } = await live();
  const no = await client.update(Tally('1').add({ amount: 5_000 })).catch((error: unknown) => error);
  expect(Tally.rejected(no, 'too-much') && no.details).toEqual({ most: 1_000 });
  const bad = await client.update(Tally('1').add({ amount: 0.5 })).catch((error: unknown) => error);
  expect(isPerdureError(bad, 'invalid-payload') && bad.details).toMatchObject([{ path: 'amount' }]);
});

test('reads wait for what this client wrote; a session starts from what it is given', async () => {
  const { client, reader } = await live();
  await client.rows(Tallies).find();
  expect([client.position, reader.waited]).toEqual([undefined, []]);
  await client.update(Tally('1').add({ amount: 1 }));
  const first = client.position;
  await client.update(Tally('1').add({ amount: 1 }));
  await client.rows(Tallies).find({}, { timeout: '2 seconds' });
  expect(reader.waited).toMatchObject([{ type: 'tally', position: 102 }]);
  expect(reader.waited[0]?.timeoutMs).toBeLessThanOrEqual(2_000);
  await client.session(first).rows(Tallies).find();
  await client.session().rows(Tallies).find();
  expect(reader.waited.map(({ position }) => position)).toEqual([102, 101]);
});

test('a list goes through the batch; those that fail are named and the others sent', async () => {
  const { client, host } = await live();
  const sent = await client.signal([1, 2, 3].map((amount) => Tally(String(amount)).add({ amount })));
  expect(sent.map(({ id, position }) => [id, typeof position])).toEqual([
    ['1', 'string'],
    ['2', 'string'],
    ['3', 'string'],
  ]);
  expect(host.delivered.every(({ idChosen }) => idChosen)).toBe(true);
  const error = await client
    .signal([Tally('1').add({ amount: 0.5 }), Tally('2').reset()], { ids: ['x', 'y'] })
    .catch((error: unknown) => error);
  expect(isPerdureError(error, 'invalid-payload')).toBe(true);
  const { failures, sent: others } = (error as { details: BatchFailure }).details;
  expect(failures).toMatchObject([{ index: 0, code: 'invalid-payload', signalId: 'x' }]);
  expect(others.map((one) => one?.signalId)).toEqual([undefined, 'y']);
  const no = await client.signal([Tally('1').add({ amount: 5_000 })]).catch((error: unknown) => error);
  expect(Tally.rejected(no, 'too-much')).toBe(true);
});

test('an API key and baggage are sent with every request', async () => {
  const { url, host } = await live({ apiKeys: ['k1', 'k2'] });
  const client = connect({ url: `${url}/`, apiKey: 'k2', baggage: () => ({ tenant: 'acme', who: 'Jörg, Ä' }) });
  await client.signal(Tally('1').reset());
  expect(host.delivered[0]?.context?.baggage).toEqual({ tenant: 'acme', who: 'Jörg, Ä' });
  await expect(connect({ url, apiKey: 'k3' }).signal(Tally('1').reset())).rejects.toMatchObject({ code: 'unauthorized' });
});

test('F1: an update is repeated with the same id after a lost connection, 503 and 504, and takes effect once', async () => {
  const server = await script(
    'destroy',
    [503, { code: 'outcome-unknown' }],
    [504, { code: 'update-timeout' }],
    [502, '<html>'],
    [200, { result: 7 }],
  );
  expect(await connect({ url: server.url }).update(Tally('1').add({ amount: 1 }), { timeout: '20 seconds' })).toBe(7);
  const ids = server.requests.map(({ headers }) => headers['idempotency-key']);
  expect([ids.length, new Set(ids).size]).toEqual([5, 1]);
  expect(new Set(server.requests.map(({ body }) => body)).size).toBe(1);
});

test('F2: the server is told what is left, and no repetition starts after the time is up', async () => {
  const server = await script([503, { code: 'overloaded', detail: 'full' }]);
  await expect(connect({ url: server.url }).update(Tally('1').reset(), { timeout: 400 })).rejects.toMatchObject({
    code: 'overloaded',
    message: 'full',
  });
  const waits = server.requests.map(({ url }) => Number(/timeout=(\d+)ms/.exec(url)?.[1]));
  expect(waits.length).toBeGreaterThan(1);
  expect(waits.every((wait, n) => wait <= (waits[n - 1] ?? 400))).toBe(true);
});

test('F3: retry-after is waited for where there is time, else the problem is thrown at once', async () => {
  const server = await script([503, { code: 'draining' }, { 'retry-after': '60' }]);
  await expect(connect({ url: server.url }).update(Tally('1').reset())).rejects.toMatchObject({ code: 'draining' });
  expect(server.requests).toHaveLength(1);
});

test('what an operator must end, and what fails again, is not repeated', async () => {
  for (const [status, code] of [
    [503, 'parked'],
    [503, 'paused'],
    [500, 'defect'],
    [404, 'unknown-signal'],
  ] as const) {
    const server = await script([status, { code }]);
    await expect(connect({ url: server.url }).update(Tally('1').reset())).rejects.toMatchObject({ code });
    expect(server.requests).toHaveLength(1);
  }
});

test('an abort ends the waiting with its reason', async () => {
  const server = await script([503, { code: 'overloaded' }]);
  const abort = new AbortController();
  const update = connect({ url: server.url }).update(Tally('1').reset(), { signal: abort.signal });
  await server.asked();
  abort.abort(new Error('enough'));
  await expect(update).rejects.toThrow('enough');
});

test('an update that times out says by which id it can be joined', async () => {
  const { client, host } = await live();
  host.keeps = true;
  const error = await client.update(Tally('1').add({ amount: 1 }), { id: 'u-1', timeout: 60 }).catch((error: unknown) => error);
  expect(error).toMatchObject({ code: 'update-timeout', details: { signalId: 'u-1' } });
});

test('a batch repeats only the lines that failed in passing, with their ids', async () => {
  const server = await script(
    [
      200,
      [
        { status: 202, position: 'a.1' },
        { status: 503, code: 'overloaded' },
      ],
    ],
    [200, [{ status: 202, position: 'a.2' }]],
  );
  const sent = await connect({ url: server.url }).signal([Tally('1').reset(), Tally('2').reset()]);
  expect(sent.map(({ position }) => position)).toEqual(['a.1', 'a.2']);
  const [first, second] = server.requests.map(({ body }) => JSON.parse(body) as { id: string; signalId: string }[]);
  expect(second).toEqual([first?.[1]]);
});

test('a run that was rejected or failed is thrown by outcome', async () => {
  const sent = { type: 'tally', id: '1', name: 'add', signalId: 's', position: undefined };
  const rejected = await script([200, { status: 'rejected', problem: { code: 'too-much', message: 'no', details: 1 } }]);
  const no = await connect({ url: rejected.url })
    .outcome(sent)
    .catch((error: unknown) => error);
  expect(Tally.rejected(no, 'too-much')).toBe(true);
  const cancelled = await script([200, { status: 'running' }], [200, { status: 'cancelled' }]);
  await expect(connect({ url: cancelled.url }).outcome(sent)).rejects.toMatchObject({ code: 'cancelled' });
  const running = await script([200, { status: 'running' }]);
  await expect(connect({ url: running.url }).outcome(sent, { timeout: 50 })).rejects.toMatchObject({ code: 'update-timeout' });
});

test('an id that a URL cannot hold is refused before it is sent to another entity', async () => {
  const { client, host } = await live();
  for (const id of ['.', '..']) await expect(() => client.signal(Tally(id).reset())).rejects.toMatchObject({ code: 'malformed-request' });
  await client.signal([Tally('..').reset()]);
  expect(host.delivered.map(({ id }) => id)).toEqual(['..']);
});
