import { unpack } from 'msgpackr';
import { expect, test } from 'vitest';
import type { EntityView, RunView } from '../../../runtime/host/surface.ts';
import { JSON_TYPE, setup } from './harness.ts';
import { RawConnection } from './socket.ts';

const RUN = '/v1/entities/errand/7/runs/s-1';

function withRun(view: Omit<RunView, 'signalId' | 'name'>) {
  const all = setup();
  const set = (next: Omit<RunView, 'signalId' | 'name'>, signalId = 's-1') => all.host.runs.set({ signalId, name: 'start', ...next });
  set(view);
  return { ...all, set, get: (url: string) => all.server.app.inject({ method: 'GET', url }) };
}

const problem = { code: 'defect', message: 'TypeError: x', details: { at: 1 } };

test.each([
  { status: 'held' },
  { status: 'queued' },
  { status: 'running' },
  { status: 'stalled', problem },
  { status: 'completed', result: { status: 'done' } },
  { status: 'rejected', problem: { code: 'too-far', message: 'no' } },
  { status: 'failed', problem },
  { status: 'cancelled', problem: { code: 'cancelled', message: 'stopped' } },
  { status: 'terminated', problem: { code: 'terminated', message: 'by ann' } },
] as const)('a run is shown as it is: $status', async (view) => {
  const { get } = withRun(view);
  expect((await get(RUN)).json()).toEqual({ signalId: 's-1', name: 'start', ...view });
});

test('without wait nobody waits; with it the answer comes when the run ends or stalls', async () => {
  const { get, set, host } = withRun({ status: 'running' });
  expect((await get(RUN)).json().status).toBe('running');
  const ended = get(`${RUN}?wait=5m`);
  while (host.runs.waited.length < 2) await new Promise((resolve) => setImmediate(resolve));
  set({ status: 'queued' });
  set({ status: 'stalled', problem });
  expect((await ended).json()).toMatchObject({ status: 'stalled', problem });
  expect(host.runs.waited).toEqual([0, 300_000]);
  for (const wait of ['wait=6m', 'wait=x', 'wait=1s&wait=2s', 'timeout=1s'])
    expect([wait, (await get(`${RUN}?${wait}`)).json().code]).toEqual([wait, 'malformed-request']);
});

test('the run of a timer has a longer id than a signal may have', async () => {
  const { get, set } = withRun({ status: 'running' });
  const longest = `timer:${'n'.repeat(128)}/${'€'.repeat(255)}#${Number.MAX_SAFE_INTEGER}`;
  set({ status: 'completed', result: null }, longest);
  expect((await get(`/v1/entities/errand/7/runs/${encodeURIComponent(longest)}`)).json()).toMatchObject({ signalId: longest });
  for (const bad of ['x'.repeat(416), '%00'])
    expect((await get(`/v1/entities/errand/7/runs/${bad}`)).json()).toMatchObject({ status: 400, code: 'malformed-request' });
});

test('a caller that goes away while it waits is forgotten, and its connection with it', async () => {
  const { server, host, set, get, errors } = withRun({ status: 'running' });
  const connection = await RawConnection.open(await server.listen());
  await connection.write(`GET ${RUN}?wait=1m HTTP/1.1\r\nhost: localhost\r\n\r\n`);
  while (host.runs.waited.length === 0) await new Promise((resolve) => setImmediate(resolve));
  connection.socket.destroy();
  const open = () => new Promise<number>((resolve) => server.app.server.getConnections((_error, count) => resolve(count)));
  while ((await open()) > 0) await new Promise((resolve) => setImmediate(resolve));
  set({ status: 'completed', result: { status: 'done' } });
  expect((await get(RUN)).json().status).toBe('completed');
  expect(errors).toEqual([]);
});

test('G3: a once signal that was accepted before is answered with the id it was accepted under', async () => {
  const { server, host } = setup();
  host.answersWith = { kind: 'done', result: null, revision: 3, position: 9, repeated: true, first: 's-"1"' };
  const send = (url: string, payload: string, accept = 'application/json') =>
    server.app.inject({ method: 'POST', url, payload, headers: { ...JSON_TYPE, 'idempotency-key': 's-2', accept } });
  const json = await send('/v1/entities/errand/7/signals/start', '{}');
  expect([json.statusCode, json.json().signalId]).toEqual([202, 's-"1"']);
  expect(unpack((await send('/v1/entities/errand/7/signals/start', '{}', 'application/msgpack')).rawPayload).signalId).toBe('s-"1"');
  const line = JSON.stringify({ type: 'errand', id: '7', name: 'start', signalId: 's-2' });
  const batch = await server.app.inject({ method: 'POST', url: '/v1/signals', payload: `[${line}]`, headers: JSON_TYPE });
  expect(batch.json()).toMatchObject([{ status: 202, signalId: 's-"1"' }]);
});

test('an entity shows its open runs and what it owes, times as they are', async () => {
  const { server, host } = setup();
  const view: EntityView = {
    type: 'errand',
    id: '7',
    state: {},
    revision: 4,
    position: 77,
    runs: [
      { signalId: 's-1', name: 'start', status: 'stalled', since: 1_000, problem },
      { signalId: 's-2', name: 'step', status: 'queued', since: 1_001 },
    ],
    owes: [
      { kind: 'timer', name: 'expiry', key: '', dueAt: 2_000 },
      {
        kind: 'activity',
        name: 'charge',
        key: '1',
        dueAt: 3_000,
        run: 's-1',
        failures: 2,
        lastFailure: { code: 'defect', message: 'x' },
        progress: { done: 1 },
      },
      { kind: 'callback', name: 'callback', key: '2', dueAt: null, run: 's-1' },
    ],
    parked: null,
    paused: null,
  };
  host.view = async () => view;
  const response = await server.app.inject({ method: 'GET', url: '/v1/entities/errand/7' });
  expect(response.json()).toEqual({ ...view, position: response.headers['perdure-position'] });
});

test('an update whose run stalled is 500 run-stalled with the run in its details', async () => {
  const { server, host } = setup();
  host.answersWith = { kind: 'failed', code: 'run-stalled', message: 'stalled', details: { run: 's-1', code: 'defect' } };
  const response = await server.app.inject({ method: 'POST', url: '/v1/entities/errand/7/updates/start' });
  expect(response.json()).toMatchObject({ status: 500, code: 'run-stalled', details: { run: 's-1', code: 'defect' } });
});
