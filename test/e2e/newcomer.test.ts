import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startGateway } from '../tools/gateway.ts';
import { field, get, type HttpAnswer, post, wholeHistory } from '../tools/http.ts';
import { packageRoot } from '../tools/node-process.ts';
import { mortalNode, scratchDir, testNode } from './scratch.ts';

// What somebody tries with curl who has read the README and nothing else.

test('an order: placed as an update it answers with its end; placed as a signal, its run is asked until it ends', async () => {
  const { url } = await testNode({ dataDir: await scratchDir() });
  const at = (path: string) => `${url}/v1/${path}`;
  await post(at('entities/inventory/tea/updates/receive'), { quantity: 10 });
  const order = { customer: 'ada', lines: [{ sku: 'tea', quantity: 2, unitPrice: 450 }], paymentMethod: 'card' };

  const placed = await post(at('entities/order/o1/updates/place'), order, { key: 'place-o1' });
  expect(placed).toMatchObject({ status: 200, body: { result: { status: 'completed', total: 900 } } });
  const row = await get(at('projections/orders/o1'), { 'perdure-position': String(placed.headers.get('perdure-position')) });
  expect(row.body).toMatchObject({ customer: 'ada', status: 'completed', total: 900 });
  expect((await get(at('entities/inventory/tea/queries/stock'))).body).toEqual({ onHand: 8, reserved: 0, available: 8 });

  const declined = await post(at('entities/order/o2/signals/place'), { ...order, paymentMethod: 'decline' }, { key: 'place-o2' });
  expect(declined).toMatchObject({ status: 202, body: { signalId: 'place-o2' } });
  expect((await get(at('entities/order/o2/runs/place-o2?wait=10s'))).body).toMatchObject({
    signalId: 'place-o2',
    name: 'place',
    status: 'completed',
    result: { status: 'compensated', total: 900 },
  });
  expect((await get(at('entities/order/o2/queries/progress'))).body).toMatchObject({ status: 'compensated', reason: 'declined' });
  expect((await get(at('entities/order/o2/runs/nobody'))).body).toMatchObject({ code: 'unknown-run', status: 404 });

  expect(await post(at('entities/order/o3/updates/place'), { ...order, lines: [] })).toMatchObject({
    status: 409,
    body: { code: 'no-lines', by: 'order/o3' },
  });
  expect((await get(at('entities/order/o3'))).status, 'a rejection at once leaves nothing').toBe(404);
  const again = await post(at('entities/order/o1/updates/place'), order, { key: 'another-key' });
  expect(again, 'an order is placed once').toMatchObject({ status: 200, body: { result: { status: 'completed', total: 900 } } });
});

test('an update that takes longer than its caller waits is answered 504, goes on, and is joined under the same key', async () => {
  const gateway = await startGateway((ms) => delay(ms / 5));
  onTestFinished(() => gateway.stop());
  const { url } = await testNode({ dataDir: await scratchDir(), env: { PERDURE_PAYMENTS_URL: gateway.url } });
  const at = (path: string) => `${url}/v1/entities/${path}`;
  await post(at('inventory/tea/updates/receive'), { quantity: 10 });
  const order = { customer: 'ada', lines: [{ sku: 'tea', quantity: 1, unitPrice: 100 }], paymentMethod: 'slow' };
  const late = await post(at('order/o/updates/place?timeout=300ms'), order, { key: 'slowly' });
  expect(late).toMatchObject({ status: 504, body: { code: 'update-timeout' } });
  const open = await get(at('order/o'));
  expect(open.body).toMatchObject({ runs: [{ signalId: 'slowly', name: 'place', status: 'running' }] });
  expect(field(open.body, 'owes')).toMatchObject([{ kind: 'activity', name: 'charge', run: 'slowly' }]);
  expect((await get(at('order/o/runs/slowly'))).body).toMatchObject({ status: 'running' });
  const joined = await post(at('order/o/updates/place'), order, { key: 'slowly' });
  expect(joined).toMatchObject({ status: 200, body: { result: { status: 'completed', total: 100 } } });
  const history = await wholeHistory(url, 'order', 'o');
  expect(history.filter(({ type }) => type === 'perdure:RunStarted').length).toBe(1);
});

test('an approval: the link in a notice decides it, and a second click changes nothing', async () => {
  const node = await testNode({ dataDir: await scratchDir() });
  const at = (path: string) => `${node.url}/v1/${path}`;
  const request = { subject: 'a chair', approvers: ['ada', 'bela'], quorum: 1, timeoutMs: 3_600_000 };
  await post(at('entities/approval/chair/signals/request'), request, { key: 'chair' });
  const link = await vi.waitFor(() => {
    const token = /"to":"ada","about":"decision-wanted","subject":"a chair","token":"([^"]+)"/.exec(node.output())?.[1];
    expect(token, 'no notice was logged').toBeDefined();
    return `callbacks/${token}`;
  });
  expect(await post(at(link), { result: { decision: 'maybe' } })).toMatchObject({ status: 400, body: { code: 'invalid-payload' } });
  const clicked = await post(at(link), { result: { decision: 'approve', comment: 'comfortable' } });
  expect(clicked).toMatchObject({ status: 200, body: { type: 'approval', id: 'chair', run: 'chair' } });
  const ended = await get(at('entities/approval/chair/runs/chair?wait=10s'));
  expect(ended.body).toMatchObject({ status: 'completed', result: { decision: 'approved' } });
  expect((await post(at(link), { result: { decision: 'approve', comment: 'comfortable' } })).status).toBe(200);
  expect(await post(at(link), { result: { decision: 'reject' } })).toMatchObject({ status: 409, body: { code: 'callback-completed' } });
  const inbox = await get(at('projections/approvals?index=byApproval&equals="chair"'), {
    'perdure-position': String(clicked.headers.get('perdure-position')),
  });
  expect(field(inbox.body, 'rows')).toMatchObject([
    { approver: 'ada', vote: 'approve', status: 'approved', isWaiting: false },
    { approver: 'bela', vote: null, status: 'approved', isWaiting: false },
  ]);
});

test('a run that stops at a defect is shown, alone, and goes on under a corrected program', async () => {
  const dir = await scratchDir();
  const program = join(dir, 'steps.mjs');
  // A file of a user's own project, which finds the package as theirs would.
  const source = (await readFile(fileURLToPath(new URL('programs/steps.mjs', import.meta.url)), 'utf8')).replaceAll(
    "'perdure'",
    `'${join(packageRoot(), 'dist/runtime/index.js')}'`,
  );
  await writeFile(program, source.replaceAll("'zod'", `'${join(packageRoot(), 'node_modules/zod/index.js')}'`));
  const node = await mortalNode({ dataDir: join(dir, 'data'), program });
  const at = async (path: string) => `${await node.url()}/v1/entities/steps/${path}`;
  await post(await at('a/signals/go'), { text: 'before' }, { key: 'first' });
  const failed = await post(await at('a/updates/go'), { text: 'broken' }, { key: 'second' });
  expect(failed).toMatchObject({ status: 500, body: { code: 'run-stalled' } });
  expect(JSON.stringify(failed.body)).toContain('second');
  expect((await post(await at('a/updates/go'), { text: 'after' }, { key: 'third' })).status, 'other runs go on').toBe(200);
  const stalled = (await get(await at('a'))).body;
  expect(field(stalled, 'runs')).toMatchObject([
    { signalId: 'second', status: 'stalled', problem: { code: 'defect', message: expect.stringContaining('cannot stand broken') } },
  ]);
  expect((await get(await at('a/runs/second?wait=5s'))).body).toMatchObject({ status: 'stalled', problem: { code: 'defect' } });
  expect(field(await retried(await at('a/admin/retry')), 'runs'), 'under the same code it stops again').toMatchObject([
    { status: 'stalled' },
  ]);

  const wrong = await readFile(program, 'utf8');
  await writeFile(program, wrong.replace("=== 'broken'", "=== 'never'"));
  await node.restarted();
  expect(field((await get(await at('a'))).body, 'runs'), 'a restart alone does not retry').toMatchObject([{ status: 'stalled' }]);
  await retried(await at('a/admin/retry'));
  expect((await get(await at('a/runs/second?wait=5s'))).body).toMatchObject({ status: 'completed', result: 'broken' });
  expect((await get(await at('a/queries/texts'))).body).toEqual(['before', 'after', 'broken']);
});

async function retried(url: string): Promise<unknown> {
  const { status, body } = await post(url, { by: 'ops', why: 'corrected' });
  expect(status, JSON.stringify(body)).toBe(200);
  return body;
}

test('an operator cancels a run, which undoes what it did, or terminates it, which undoes nothing', async () => {
  const { url } = await testNode({ dataDir: await scratchDir() });
  const at = (path: string) => `${url}/v1/entities/${path}`;
  await post(at('inventory/tea/updates/receive'), { quantity: 10 });
  const order = { customer: 'ada', lines: [{ sku: 'tea', quantity: 1, unitPrice: 100 }], paymentMethod: 'fail' };
  for (const id of ['cancelled', 'terminated']) {
    await post(at(`order/${id}/signals/place`), order, { key: id });
    await vi.waitFor(async () =>
      expect(field((await get(at(`order/${id}`))).body, 'owes')).toMatchObject([{ kind: 'activity', failures: 1 }]),
    );
  }
  const operate = (id: string, verb: string): Promise<HttpAnswer> =>
    post(at(`order/${id}/admin/${verb}`), { by: 'ops', why: 'stuck', run: id });
  expect((await operate('cancelled', 'cancel')).status).toBe(200);
  expect((await get(at('order/cancelled/runs/cancelled?wait=10s'))).body).toMatchObject({
    status: 'completed',
    result: { status: 'cancelled', total: 100 },
  });
  expect((await get(at('inventory/tea/queries/stock'))).body).toMatchObject({ reserved: 1 });
  expect((await operate('terminated', 'terminate')).status).toBe(200);
  expect((await get(at('order/terminated/runs/terminated'))).body).toMatchObject({ status: 'terminated', problem: { code: 'terminated' } });
  expect((await get(at('order/terminated'))).body).toMatchObject({ runs: [], owes: [], state: { status: 'charging' } });
  expect((await get(at('inventory/tea/queries/stock'))).body, 'its reservation stays until it lapses').toMatchObject({ reserved: 1 });
  expect(await operate('terminated', 'cancel')).toMatchObject({ status: 404, body: { code: 'unknown-run' } });
});
