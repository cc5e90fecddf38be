import { afterEach, expect, test } from 'vitest';
import { connect } from '../../../runtime/client/http-client.ts';
import { isPerdureError } from '../../../runtime/core/errors.ts';
import type { RunView } from '../../../runtime/host/surface.ts';
import { Tally } from '../http/fake-host.ts';
import { Errand } from '../http/fake-runs.ts';
import { setup } from '../http/harness.ts';
import { type Scripted, scripted } from './scripted-server.ts';

async function live(config: Parameters<typeof setup>[0] = {}) {
  const all = setup(config);
  const url = `http://127.0.0.1:${await all.server.listen()}`;
  const set = (view: Omit<RunView, 'signalId' | 'name'>) => all.host.runs.set({ signalId: 's-1', name: 'start', ...view });
  return { ...all, url, set, client: connect({ url }) };
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

const sent = { type: 'errand', id: '7', name: 'start', signalId: 's-1', position: undefined };
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.fail('it resolved'),
    (error: unknown) => error,
  );

test('outcome waits while a run is held, queued or running, and resolves with its result', async () => {
  const { client, set, host } = await live();
  set({ status: 'held' });
  const outcome = client.outcome(sent, { timeout: '20 seconds' });
  for (const status of ['queued', 'running'] as const) {
    while (host.runs.waited.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(await client.status(sent)).not.toBe('completed');
    set({ status });
  }
  set({ status: 'completed', result: { status: 'done' } });
  expect(await outcome).toEqual({ status: 'done' });
  expect(host.runs.waited.filter((waitMs) => waitMs > 0)).toHaveLength(1);
  expect(host.runs.waited[0]).toBeLessThanOrEqual(20_000);
});

test('outcome asks again while there is time, and says by which id to go on when there is none', async () => {
  const answers = ['held', 'queued', 'running'].map((status) => [200, { status }] as const);
  const server = await script(...answers, [200, { status: 'completed', result: 7 }]);
  expect(await connect({ url: server.url }).outcome(sent)).toBe(7);
  expect(server.requests.map(({ url }) => url.replace(/\d+ms/, 'ms'))).toEqual(Array(4).fill('/v1/entities/errand/7/runs/s-1?wait=ms'));
  const { client, set } = await live();
  set({ status: 'running' });
  expect(await failure(client.outcome(sent, { timeout: 50 }))).toMatchObject({ code: 'update-timeout', details: { signalId: 's-1' } });
});

test('a stalled run is run-stalled, with why it stopped in the details', async () => {
  const { client, set } = await live();
  set({ status: 'stalled', problem: { code: 'determinism', message: 'fetch in a handler', details: { at: 3 } } });
  const error = await failure(client.outcome(sent));
  expect(isPerdureError(error, 'run-stalled') && [error.message, error.details]).toEqual([
    'the run stalled: fetch in a handler',
    { run: 's-1', code: 'determinism', message: 'fetch in a handler', details: { at: 3 } },
  ]);
  expect(await client.status(sent)).toBe('stalled');
});

test.each([
  ['cancelled', { code: 'cancelled', message: 'stopped' }, 'cancelled'],
  ['cancelled', undefined, 'cancelled'],
  ['terminated', { code: 'terminated', message: 'by ann' }, 'terminated'],
  ['terminated', undefined, 'terminated'],
  ['failed', { code: 'defect', message: 'skipped by ann' }, 'defect'],
  ['failed', { code: 'made-up-later', message: 'x' }, 'call-failed'],
  ['failed', undefined, 'call-failed'],
] as const)('a run that ended as %s (%o) is thrown as %s', async (status, problem, code) => {
  const { client, set } = await live();
  set(problem === undefined ? { status } : { status, problem });
  const error = await failure(client.outcome(sent));
  expect(isPerdureError(error, code) && error.message).toBe(problem?.message ?? `the run is ${status}`);
  expect(await client.status(sent)).toBe(status);
});

test('a rejected run is the rejection of whoever said no', async () => {
  const { client, set } = await live();
  set({ status: 'rejected', problem: { code: 'too-far', message: 'no', details: { km: 9 } } });
  const own = await failure(client.outcome(sent));
  expect(Errand.rejected(own, 'too-far') && [own.by, own.details]).toEqual(['errand/7', { km: 9 }]);
  const server = await script([200, { status: 'rejected', problem: { code: 'too-much', message: 'no', by: 'tally/1' } }]);
  const other = await failure(connect({ url: server.url }).outcome(sent));
  expect([Tally.rejected(other, 'too-much'), Errand.rejected(other)]).toEqual([true, false]);
});

test('a once signal that was accepted before resolves with the id of the first run, alone and in a list', async () => {
  const { client, host } = await live();
  host.answersWith = { kind: 'done', result: null, revision: 3, position: 9, repeated: true, first: 's-1' };
  expect(await client.signal(Errand('7').start(), { id: 's-2' })).toMatchObject({ signalId: 's-1' });
  expect(await client.signal([Errand('7').start()], { ids: ['s-2'] })).toMatchObject([{ signalId: 's-1' }]);
  expect(host.delivered.map(({ signalId }) => signalId)).toEqual(['s-2', 's-2']);
});

test('an update that timed out is joined by its id, as an update or as an outcome', async () => {
  const { client, host } = await live();
  host.keeps = true;
  const error = await failure(client.update(Tally('1').add({ amount: 2 }), { timeout: 60 }));
  const { signalId } = (error as { readonly details: { readonly signalId: string } }).details;
  expect(signalId).toBe(host.delivered[0]?.signalId);
  const outcome = client.outcome<{ total: number }>({ type: 'tally', id: '1', name: 'add', signalId, position: undefined });
  const again = client.update(Tally('1').add({ amount: 2 }), { id: signalId });
  while (host.delivered.length < 2) await new Promise((resolve) => setImmediate(resolve));
  host.release();
  expect([await outcome, await again]).toEqual([{ total: 2 }, { total: 2 }]);
});

test('callback completes without an API key, twice as once, and its position is remembered', async () => {
  const { client, host } = await live({ apiKeys: ['k1'] });
  expect(await client.callback('token-1', { result: { yes: true } })).toMatchObject({ type: 'errand', id: '7', run: 's-1' });
  expect(client.position).toEqual(expect.any(String));
  await client.callback('token-1', { result: { yes: true } });
  expect(host.callbacks.asked.map(({ outcome }) => outcome)).toEqual(Array(2).fill({ result: { yes: true } }));
  expect(await failure(client.callback('token-1', { result: { yes: false } }))).toMatchObject({ code: 'callback-completed' });
  expect(await failure(client.callback('a/b?c', { result: 1 }))).toMatchObject({ code: 'callback-forged' });
  expect(host.callbacks.asked.at(-1)?.token).toBe('a/b?c');
});

test('callback fails with an error; no result is null; what does not fit is told', async () => {
  const { client, host } = await live();
  expect(await failure(client.callback('token-1', { result: { yes: 1 } }))).toMatchObject({
    code: 'invalid-payload',
    details: [{ path: 'yes' }],
  });
  await failure(client.callback('token-1', { result: undefined }));
  await client.callback('token-1', { error: { code: 'no-answer', message: 'gave up' } });
  expect(host.callbacks.asked.slice(1).map(({ outcome }) => outcome)).toEqual([
    { result: null },
    { error: { code: 'no-answer', message: 'gave up' } },
  ]);
});

test('F1: a completion is repeated as it is after a lost connection', async () => {
  const server = await script('destroy', [503, { code: 'outcome-unknown' }], [200, { type: 'errand', id: '7', run: 's-1', position: 'x' }]);
  await connect({ url: server.url }).callback('token-1', { result: 1 }, { timeout: '20 seconds' });
  expect(server.requests.map(({ url, body }) => [url, body])).toEqual(Array(3).fill(['/v1/callbacks/token-1', '{"result":1}']));
});

test('F4: what no request can carry is refused at once and never sent', async () => {
  const server = await script([200, {}]);
  const refused = async (promise: Promise<unknown>) => expect(await failure(promise)).toMatchObject({ code: 'malformed-request' });
  const client = connect({ url: server.url });
  await refused(client.signal(Tally('1').reset(), { id: '€' }));
  await refused(client.update(Tally('1').echo(1n)));
  await refused(connect({ url: server.url, apiKey: 'a\nb' }).update(Tally('1').reset()));
  for (const name of ['', 'a b', 'a=b', 'ü'])
    await refused(connect({ url: server.url, baggage: () => ({ [name]: 'x' }) }).update(Tally('1').reset()));
  await refused(connect({ url: server.url, baggage: () => ({ half: '\ud800' }) }).update(Tally('1').reset()));
  expect(server.requests).toEqual([]);
});

test('baggage is asked for with every request; an error of its own is thrown as it is', async () => {
  const { url, host } = await live();
  let tenant = 'a';
  const client = connect({ url, baggage: () => ({ tenant }) });
  await client.signal(Tally('1').reset());
  tenant = 'b';
  await client.signal([Tally('1').reset()]);
  expect(host.delivered.map(({ context }) => context?.baggage)).toEqual([{ tenant: 'a' }, { tenant: 'b' }]);
  const broken = connect({
    url,
    baggage: () => {
      throw new RangeError('no tenant');
    },
  });
  expect(await failure(broken.update(Tally('1').reset()))).toBeInstanceOf(RangeError);
});
