import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, test, vi } from 'vitest';
import { field, get, type HttpAnswer, post } from '../tools/http.ts';
import { type NodeProcess, startNode } from '../tools/node-process.ts';

const program = fileURLToPath(new URL('programs/desks.mjs', import.meta.url));
let node: NodeProcess;
let dataDir: string;
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'perdure-e2e-'));
  node = await startNode({ dataDir, program });
});
afterAll(async () => {
  await node.kill();
  await rm(dataDir, { recursive: true, force: true });
});

const path = (id: string) => `${node.url}/v1/entities/desk/${id}`;
const update = (id: string, name: string, payload: unknown = {}, key?: string, query = '') =>
  post(`${path(id)}/updates/${name}${query}`, payload, key === undefined ? {} : { key });
const signal = (id: string, name: string, payload: unknown = {}, key?: string) =>
  post(`${path(id)}/signals/${name}`, payload, key === undefined ? {} : { key });
const admin = (id: string, verb: string, more: object = {}) => post(`${path(id)}/admin/${verb}`, { by: 'ops', why: 'test', ...more });
const callback = (token: string, body: unknown) => post(`${node.url}/v1/callbacks/${token}`, body);
const run = (id: string, key: string, query = '') => get(`${path(id)}/runs/${key}${query}`);
/** An update that calls a message, and what it came to for the caller. */
const visit = (id: string, name: string, payload: unknown = {}, type = 'desk') =>
  update(`visitor-${id}`, 'visit', { type, id, name, payload }, `visit-${id}-${name}`);

async function tokenOf(id: string): Promise<string> {
  return await vi.waitFor(async () => {
    const tokens = (await get(`${path(id)}/queries/tokens`)).body;
    const token: unknown = Array.isArray(tokens) ? tokens.at(-1) : undefined;
    if (typeof token !== 'string') throw new Error(`there is no token among ${JSON.stringify(tokens)}`);
    return token;
  });
}

function problem(answer: HttpAnswer, status: number, code: string, detail: RegExp): void {
  expect(answer).toMatchObject({ status, body: { code, detail: expect.stringMatching(detail), help: expect.stringMatching(/\w/) } });
}

describe('a `once` id that is taken', () => {
  it('is answered with the first run: a signal with its id, an update with its outcome, a call with already-exists', async () => {
    expect((await signal('o', 'begin', { note: 'first' }, 'first')).body).toMatchObject({ signalId: 'first' });
    expect((await signal('o', 'begin', { note: 'second' }, 'second')).body, 'another payload').toMatchObject({ signalId: 'first' });
    const joined = update('o', 'begin', { note: 'third' }, 'third');
    await signal('o', 'open');
    expect(await joined).toMatchObject({ status: 200, body: { result: 'first' } });
    expect(await update('o', 'begin', { note: 'late' }, 'fourth'), 'after its end').toMatchObject({ body: { result: 'first' } });
    const called = (await visit('o', 'begin', { note: 'called' })).body;
    expect(called).toMatchObject({ result: { code: 'already-exists', message: expect.stringContaining('desk/o accepted begin before') } });
  });
});

describe('a token of a callback', () => {
  it('is for one completion: the same again is answered as at first, another is told that it is late', async () => {
    const asked = update('c', 'ask');
    const token = await tokenOf('c');
    expect((await callback(token, { result: { yes: true } })).status).toBe(200);
    expect((await asked).body).toMatchObject({ result: { yes: true } });
    expect((await callback(token, { result: { yes: true } })).status).toBe(200);
    problem(await callback(token, { result: { yes: false } }), 409, 'callback-completed', /completed before, and differently/);
    problem(await callback(token, { error: { code: 'no-time', message: 'x' } }), 409, 'callback-completed', /differently/);
  });

  it('that is forged, malformed or of a closed run changes nothing', async () => {
    const asked = update('f', 'ask', {}, 'f');
    const token = await tokenOf('f');
    await signal('f2', 'ask');
    const other = await tokenOf('f2');
    const [body = '', secret = ''] = [token.slice(0, token.lastIndexOf('.')), other.slice(other.lastIndexOf('.') + 1)];
    problem(await callback(`${body}.${secret}`, { result: { yes: true } }), 403, 'callback-forged', /not genuine/);
    problem(await callback('no-token', { result: { yes: true } }), 400, 'malformed-request', /not the token of a callback/);
    problem(await callback(token, { yes: true }), 400, 'malformed-request', /\{result\} or \{error/);
    expect((await run('f', 'f')).body, 'it waits still').toMatchObject({ status: 'running' });
    expect((await admin('f', 'cancel', { run: 'f' })).status).toBe(200);
    problem(await asked, 409, 'cancelled', /run f of ask was cancelled/);
    problem(await callback(token, { result: { yes: true } }), 410, 'callback-closed', /run f is over/);
  });

  it('takes what fits its schema and the limit, and names what does not', async () => {
    const asked = update('s', 'ask', {}, 's');
    const token = await tokenOf('s');
    const wrong = await callback(token, { result: { yes: 'maybe' } });
    expect(wrong).toMatchObject({ status: 400, body: { code: 'invalid-payload', errors: [{ path: 'yes' }] } });
    const large = await callback(token, { result: { yes: true, why: 'x'.repeat(300_000) } });
    problem(large, 413, 'payload-too-large', /result of the callback has about 300\d+ bytes, the limit is 262144.*why/);
    expect((await callback(token, { result: { yes: false } })).status).toBe(200);
    expect((await asked).body).toMatchObject({ result: { yes: false } });
  });
});

describe('a call', () => {
  it('in a circle of serial runs is refused, and the circle is named', async () => {
    const answer = await update('r1', 'ring', { path: ['r2', 'r3', 'r1'] });
    problem(answer, 409, 'call-cycle', /desk\/r1 -> desk\/r2 -> desk\/r3 -> desk\/r1/);
  });

  it('to a type that nobody has fails, and says so', async () => {
    const answer = await visit('x', 'go', {}, 'nothing');
    expect(answer.body).toMatchObject({
      result: { code: 'call-failed', message: expect.stringMatching(/unknown-entity-type.*'nothing'/) },
    });
  });

  it('with a payload that does not fit is refused, and the field is named', async () => {
    const answer = await visit('p', 'count', { by: 0 });
    expect(answer.body).toMatchObject({ result: { code: expect.stringMatching(/./), message: expect.stringMatching(/by: /) } });
  });

  it('of a signal that nobody declares parks its receiver; skipped, the caller is told', async () => {
    const waiting = visit('u', 'nonesuch');
    const parked = { reason: 'unknown-signal', message: expect.stringContaining("desk declares no signal 'nonesuch'") };
    await vi.waitFor(async () => expect((await get(path('u'))).body).toMatchObject({ parked }));
    expect((await admin('u', 'skip')).status).toBe(200);
    expect((await waiting).body).toMatchObject({ result: { code: 'call-failed', message: expect.stringContaining('skipped by ops') } });
  });

  it('to an entity that is parked or paused waits, and has its outcome when that goes on', async () => {
    await signal('k', 'break');
    const toParked = visit('k', 'count', { by: 2 });
    await vi.waitFor(async () => expect((await get(path('k'))).body).toMatchObject({ parked: { held: 2 } }));
    await admin('k', 'skip');
    expect((await toParked).body).toMatchObject({ result: { code: 'done', result: 2 } });

    await signal('h', 'open');
    await admin('h', 'pause');
    const toPaused = visit('h', 'count', { by: 3 });
    problem(await update('h', 'count', { by: 1 }), 503, 'paused', /./);
    await admin('h', 'resume');
    expect((await toPaused).body).toMatchObject({ result: { code: 'done', result: 3 } });
  });

  it('to an entity that was forgotten fails with that', async () => {
    await signal('g', 'open');
    expect((await admin('g', 'forget')).status).toBe(200);
    expect((await visit('g', 'count', { by: 1 })).body).toMatchObject({ result: { code: 'forgotten' } });
  });
});

describe('verbs over runs', () => {
  it('say which run they do not know', async () => {
    await signal('v', 'open');
    problem(await admin('v', 'cancel', { run: 'nobody' }), 404, 'unknown-run', /desk\/v has no open run nobody/);
    problem(await admin('v', 'terminate', { run: 'nobody' }), 404, 'unknown-run', /nobody/);
    problem(await admin('v', 'retry'), 409, 'not-parked', /not parked and has no stalled run/);
    problem(await run('v', 'nobody'), 404, 'unknown-run', /knows no signal 'nobody'/);
  });

  it('terminate: who waits is told by whom and why, now and later', async () => {
    const waiting = update('t', 'hold', {}, 't');
    await vi.waitFor(async () => expect((await run('t', 't')).body).toMatchObject({ status: 'running' }));
    expect((await admin('t', 'terminate', { run: 't' })).status).toBe(200);
    problem(await waiting, 409, 'terminated', /terminated by ops: test/);
    expect((await run('t', 't')).body).toMatchObject({ status: 'terminated', problem: { code: 'terminated' } });
    problem(await update('t', 'hold', {}, 't'), 409, 'terminated', /terminated by ops/);
  });
});

test('an update whose time is up goes on, and is joined with its key', async () => {
  const timedOut = await update('j', 'hold', {}, 'j', '?timeout=100ms');
  expect(timedOut).toMatchObject({ status: 504, body: { code: 'update-timeout', signalId: 'j', help: expect.stringContaining('join') } });
  const joined = update('j', 'hold', {}, 'j');
  const watched = run('j', 'j', '?wait=20s');
  await signal('j', 'open');
  expect(await joined).toMatchObject({ status: 200, body: { result: 'held' } });
  expect((await watched).body).toMatchObject({ status: 'completed', result: 'held' });
});

test('a queue of serial runs that is full refuses, and takes again when there is room', { timeout: 60_000 }, async () => {
  const full = 10_000;
  const line = (n: number) => ({ type: 'desk', id: 'q', name: 'hold', payload: {}, signalId: `q${n}` });
  for (let n = 0; n <= full; n += 5_000) {
    const lines = Array.from({ length: Math.min(5_000, full + 1 - n) }, (_, at) => line(n + at));
    expect((await post(`${node.url}/v1/signals`, lines)).status).toBe(200);
  }
  const answer = await signal('q', 'hold', {}, 'one-more');
  problem(answer, 503, 'overloaded', /desk\/q has 1 open runs and 10000 that wait/);
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await admin('q', 'terminate', { run: 'q1' })).status).toBe(200);
  expect((await signal('q', 'hold', {}, 'one-more')).status).toBe(202);
});

test('who waits for a run when its node stops is told so, and joins it after the start', async () => {
  const waiting = update('d', 'hold', {}, 'd');
  await vi.waitFor(async () => expect((await run('d', 'd')).body).toMatchObject({ status: 'running' }));
  const stopped = node.stop();
  problem(await waiting, 503, 'draining', /can be joined with the same id/);
  expect(field((await waiting).body, 'signalId')).toBe('d');
  expect((await stopped).code).toBe(0);
  node = await startNode({ dataDir, program });
  const joined = update('d', 'hold', {}, 'd');
  await signal('d', 'open');
  expect(await joined).toMatchObject({ status: 200, body: { result: 'held' } });
});
