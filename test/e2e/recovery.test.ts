import { setTimeout as delay } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { field } from '../tools/http.ts';
import { Duties } from './duties.ts';

async function begun(): Promise<Duties> {
  const duties = await Duties.begun();
  onTestFinished(() => duties.close());
  return duties;
}

test('attempts that are out when the process dies are lost, counted, and made again under their number and key', async () => {
  const duties = await begun();
  await duties.signal('out', 'work', { job: 'out' });
  await duties.signal('last', 'work', { job: 'last', attempts: 1 });
  await duties.signal('off', 'work', { job: 'off', attempts: 2, backoffMs: 8_000 });
  await duties.signal('saga', 'undo', { step: 'step', undo: 'undo' });
  await duties.signal('caller', 'visit', { id: 'callee', job: 'callee' });
  const [out, , off, step, callee] = await Promise.all(['out', 'last', 'off', 'step', 'callee'].map((name) => duties.jobs.next(name)));
  off?.fails();
  step?.refused();
  const undo = await duties.jobs.next('undo');
  await vi.waitFor(async () => expect(await duties.records('off', 'AttemptFailed')).toHaveLength(1));
  await vi.waitFor(async () => expect(await duties.records('out', 'HeartbeatRecorded')).toHaveLength(1));
  await duties.node.reborn();

  const again = async (name: string) => {
    const job = await duties.jobs.next(name);
    job.done(`${name} done`);
    return job;
  };
  expect(await again('out'), 'told what the lost one had done').toMatchObject({ attempt: 2, key: out?.key, last: { attempt: 1 } });
  expect(await again('off'), 'a back-off goes on, and costs no attempt').toMatchObject({ attempt: 2, key: off?.key });
  expect(await again('undo')).toMatchObject({ attempt: 2, key: undo.key });
  expect(await again('callee')).toMatchObject({ attempt: 2, key: callee?.key });
  await duties.tells('out', 'out done');
  await duties.tells('off', 'off done');
  await duties.tells('last', 'activity-failed');
  await duties.tells('saga', 'undone after refused');
  await duties.tells('caller', 'visited callee done');
  await duties.tells('callee', 'callee done');

  const gone = { call: 1, attempt: 1, code: 'attempt-lost' };
  expect(await duties.records('out', 'AttemptFailed')).toMatchObject([gone]);
  expect(await duties.records('off', 'AttemptFailed')).toMatchObject([{ call: 1, attempt: 1, code: 'activity-threw' }]);
  expect(await duties.records('last', 'AttemptFailed'), 'of one attempt there is no other').toEqual([]);
  expect(duties.jobs.count('last')).toBe(1);
  for (const name of ['out', 'off', 'undo', 'callee']) expect(duties.jobs.count(name), name).toBe(2);
});

test('waits that end while the process is down end at the start, those of later end later, and each once', async () => {
  const duties = await begun();
  await duties.signal('due', 'nap', { ms: 1_200 });
  await duties.signal('later', 'nap', { ms: 3_000 });
  await duties.signal('timed', 'wait', { ms: 1_200 });
  await duties.signal('met', 'wait', {});
  await duties.signal('rings', 'alarm', { job: 'rings', ms: 300 });
  await duties.signal('late', 'ask', { ms: 1_200, thenMs: 0 });
  const late = await duties.token('late-ask');
  await duties.node.reborn({}, 1_300);

  await Promise.all([duties.tells('due', 'slept 1200'), duties.tells('timed', 'timed out'), duties.tells('late', 'timed out')]);
  expect(await duties.complete(late, 'too late')).toMatchObject({ status: 410, body: { code: 'callback-closed' } });
  expect(await duties.told('met')).toEqual([]);
  await duties.signal('met', 'open', {});
  await duties.tells('met', 'opened');
  const rings = await duties.jobs.next('rings');
  rings.done('late');
  await duties.tells('rings', 'rang late');
  expect(await duties.records('rings', 'TimerFired')).toHaveLength(1);
  const [started] = (await duties.history('rings')).filter(({ type }) => type === 'perdure:RunStarted');
  expect(started?.metadata['run']).toMatch(/^timer:alarm\/rings#\d+$/);
  await duties.tells('later', 'slept 3000');
  const [nap, woken] = (await duties.history('later')).filter(({ type }) => type === 'perdure:Scheduled' || type === 'perdure:Resolved');
  expect(woken?.time).toBeGreaterThanOrEqual(Number(field(nap?.data, 'dueAt')));
  for (const id of ['due', 'timed', 'late', 'later']) expect((await duties.records(id, 'RunCompleted')).length, id).toBe(1);
});

test('a callback outlives the process: its token works, twice the same is one, another is refused, and it stays so after its run', async () => {
  const duties = await begun();
  await duties.signal('before', 'ask', { thenMs: 5_000 });
  await duties.signal('after', 'ask', { thenMs: 5_000 });
  const [before, after] = [await duties.token('before-ask'), await duties.token('after-ask')];
  expect(await duties.complete(before, 'yes')).toMatchObject({ status: 200, body: { type: 'duty', id: 'before', run: 'before-ask' } });
  await duties.node.reborn();

  expect((await duties.complete(after, 'yes')).status).toBe(200);
  for (const token of [before, after]) {
    expect((await duties.complete(token, 'yes')).status, 'told again').toBe(200);
    expect(await duties.complete(token, 'no')).toMatchObject({ status: 409, body: { code: 'callback-completed' } });
    expect(await duties.complete(`${token.slice(0, -3)}abc`, 'yes')).toMatchObject({ status: 403, body: { code: 'callback-forged' } });
  }
  expect(await duties.complete('no-token', 'yes')).toMatchObject({ status: 400, body: { code: 'malformed-request' } });
  await Promise.all([duties.tells('before', 'yes'), duties.tells('after', 'yes')]);
  for (const token of [before, after]) {
    expect((await duties.complete(token, 'yes')).status, 'told once more').toBe(200);
    expect(await duties.complete(token, 'no')).toMatchObject({ status: 409, body: { code: 'callback-completed' } });
  }
  expect(await duties.records('after', 'Resolved')).toHaveLength(2);
});

test('what waits its turn waits on: a serial run in the queue, and all that reaches an entity that is paused', async () => {
  const duties = await begun();
  await duties.signal('line', 'queue', { job: 'first' }, 'run-1');
  await duties.signal('line', 'queue', { job: 'second' }, 'run-2');
  await duties.signal('line', 'queue', { job: 'third' }, 'run-3');
  await duties.signal('held', 'nap', { ms: 400 });
  await duties.signal('held', 'ask', { thenMs: 0 });
  await duties.signal('held', 'work', { job: 'held' });
  const token = await duties.token('held-ask');
  const [held] = await Promise.all([duties.jobs.next('held'), duties.jobs.next('first')]);
  expect((await duties.admin('held', 'pause')).status).toBe(200);
  held.done('held done');
  expect(await duties.complete(token, 'yes'), 'its answer cannot be checked now').toMatchObject({ status: 503, body: { code: 'paused' } });
  await duties.signal('held', 'nap', { ms: 1 }, 'held-again');
  await delay(400);
  expect(await duties.told('held'), 'paused, nothing goes on').toEqual([]);
  await duties.node.reborn();

  expect(await duties.run('line', 'run-2')).toMatchObject({ body: { status: 'queued' } });
  expect(duties.jobs.count('second'), 'one serial run at a time').toBe(0);
  for (const name of ['first', 'second', 'third']) (await duties.jobs.next(name)).done(name);
  await duties.tells('line', 'first', 'second', 'third');

  expect(field(await duties.view('held'), 'paused')).toMatchObject({ by: 'ops' });
  expect(await duties.told('held'), 'still paused after the restart').toEqual([]);
  expect((await duties.run('held', 'held-again')).body).toMatchObject({ status: 'held' });
  expect((await duties.admin('held', 'resume')).status).toBe(200);
  await vi.waitFor(async () => expect((await duties.complete(token, 'yes')).status, 'when what was held is handled').toBe(200));
  await vi.waitFor(
    async () => expect([...((await duties.told('held')) as string[])].sort()).toEqual(['held done', 'slept 1', 'slept 400', 'yes']),
    {
      timeout: 10_000,
    },
  );
  expect(await duties.records('held', 'RunCompleted')).toHaveLength(4);
  expect(duties.jobs.count('held'), 'its outcome was recorded while it was paused').toBe(1);
});
