import { expect, test } from 'vitest';
import type { Request } from '../../runtime/testing/simulation/history.ts';
import { like } from './broken/stores.ts';
import { DEFINITIONS } from './casts.ts';
import { Directed } from './directed.ts';
import { Tangle } from './tangle.ts';

const told = { from: 'test', n: 1 };
const failed = () => Promise.reject(new Error('the store does not answer'));

test.each([
  ['kept in memory', {}],
  ['passivated after every turn', { passivateAfterMs: 0 }],
  ['the only one in memory', { maxEntitiesInMemory: 1 }],
])('a timer beyond the horizon fires in time, its entity %s', async (_how, limits) => {
  const run = new Directed({ limits });
  await run.start();
  run.send(Tangle('a').alarm({ ...told, timer: 'tick', key: '', delayMs: 20_000, silent: true }));
  run.send(Tangle('b').note(told));
  const startMs = run.world.nowMs;
  await run.pass(30_000);
  const fired = run.records('tangle-a').find(({ type }) => type === 'Fired');
  expect(fired?.time).toBeGreaterThanOrEqual(startMs + 20_000);
  expect(fired?.time).toBeLessThan(startMs + 20_100);
});

test('outbox S2: a send from inside a turn is sent again after a crash', async () => {
  const block = { unreadable: true };
  const run = new Directed({
    wrapping: {
      store: (inner) =>
        like(inner, { loadSnapshot: (stream) => (block.unreadable && stream === 'tangle-b' ? failed() : inner.loadSnapshot(stream)) }),
    },
  });
  await run.start();
  run.send(Tangle('a').fan({ ...told, to: ['c', 'b'] }));
  await run.pass(3_000);
  expect(run.data('tangle-c', 'Noted')).toHaveLength(1);
  block.unreadable = false;
  await run.restart();
  await run.pass(3_000);
  expect(run.data('tangle-b', 'Noted')).toEqual([{ from: 'test>a', n: 101 }]);
  expect(run.data('tangle-c', 'Noted')).toHaveLength(1);
});

test('hold K1: held messages keep their order when an append of some of them is refused', async () => {
  const refusing = { left: 1 };
  const run = new Directed({
    limits: { maxTurnMessages: 2 },
    wrapping: {
      store: (inner) =>
        like(inner, {
          append: (commits, settled) => {
            const refused = commits.filter(({ records }) => refusing.left > 0 && records.some(({ type }) => type === 'perdure:Released'));
            refusing.left -= refused.length;
            inner.append(
              commits.filter((commit) => !refused.includes(commit)),
              settled,
            );
            for (const commit of refused)
              void run.world.plan('refuse', 0, () => settled(commit, { kind: 'refused', code: 'store-full', message: '' }));
          },
        }),
    },
  });
  await run.start();
  const { host } = run.node;
  run.send(Tangle('a').note({ from: 'test', n: 0 }));
  await run.pass(100);
  void host.admin({ type: 'tangle', id: 'a', verb: 'pause', by: 'test', why: 'test' });
  await run.pass(100);
  for (let n = 1; n <= 6; n += 1) run.send(Tangle('a').note({ from: 'test', n }));
  await run.pass(100);
  void host.admin({ type: 'tangle', id: 'a', verb: 'resume', by: 'test', why: 'test' });
  await run.pass(10_000);
  expect(refusing.left).toBe(0);
  expect(run.data('tangle-a', 'Noted')).toEqual([0, 1, 2, 3, 4, 5, 6].map((n) => ({ from: 'test', n })));
});

test('replies A3: a held signal is answered again as at first; once it was skipped, an update of its key is told so', async () => {
  const run = new Directed();
  await run.start(true);
  const poison = run.send(Tangle('a').poison(told));
  await run.pass(100);
  const held = run.send(Tangle('a').note(told));
  await run.pass(100);
  const again = async (request: Request, wants: Request['wants']) => {
    const answer = run.node.deliver({ ...request, wants, attempts: [] }, `test:${request.number}`);
    await run.pass(100);
    return answer;
  };
  expect(await again(held, 'durability')).toMatchObject({ kind: 'done', repeated: true });
  expect(await again(held, 'outcome')).toMatchObject({ kind: 'failed', code: 'parked' });
  await run.pass(100);
  void run.node.host.admin({ type: 'tangle', id: 'a', verb: 'skip', by: 'ada', why: 'test' });
  await run.pass(1_000);
  expect(run.data('tangle-a', 'Noted')).toHaveLength(1);
  expect(await again(poison, 'durability')).toMatchObject({ kind: 'done', repeated: true });
  expect(await again(poison, 'outcome')).toMatchObject({ kind: 'failed', code: 'defect', message: 'the message was skipped by ada: test' });
  const seen = run.node.host.run('tangle', 'a', `test:${poison.number}`, { waitMs: 0 });
  await run.pass(100);
  expect(await seen).toMatchObject({
    status: 'failed',
    problem: { code: 'defect' },
  });
});

test('held messages that cannot be read at first are released once they can', async () => {
  const block = { unreadable: false, tried: 0 };
  const run = new Directed({
    limits: { passivateAfterMs: 0 },
    wrapping: {
      store: (inner) =>
        like(inner, {
          async *readStream(stream, from) {
            if (block.unreadable && from > 0) {
              block.tried += 1;
              throw new Error('the store does not answer');
            }
            yield* inner.readStream(stream, from);
          },
        }),
    },
  });
  await run.start(true);
  run.send(Tangle('a').note({ from: 'test', n: 0 }));
  await run.pass(50);
  run.send(Tangle('a').poison(told));
  run.send(Tangle('a').note({ from: 'test', n: 2 }));
  run.send(Tangle('a').note({ from: 'test', n: 3 }));
  await run.pass(100);
  run.definitions = DEFINITIONS;
  await run.restart();
  void run.node.host.admin({ type: 'tangle', id: 'a', verb: 'retry', by: 'test', why: 'test' });
  await run.world.run({ finished: () => run.data('tangle-a', 'Cured').length > 0, forMs: 1_000 });
  block.unreadable = true;
  await run.pass(2_500);
  block.unreadable = false;
  await run.pass(3_000);
  expect(run.data('tangle-a', 'Noted')).toEqual([0, 2, 3].map((n) => ({ from: 'test', n })));
});

test('settlement Z2: an append of unknown outcome is not failed by a refusal of its repetition', async () => {
  const phase = { appends: 0 };
  const run = new Directed({
    wrapping: {
      store: (inner) =>
        like(inner, {
          append: (commits, settled) => {
            phase.appends += 1;
            if (phase.appends === 1) inner.append(commits, (commit) => settled(commit, { kind: 'unknown', message: 'no answer' }));
            else if (phase.appends === 2) {
              for (const commit of commits)
                run.world.plan('full', 0, () => settled(commit, { kind: 'refused', code: 'store-full', message: '' }));
            } else inner.append(commits, settled);
          },
        }),
    },
  });
  await run.start();
  const request = run.send(Tangle('a').add({ ...told, amount: 3 }), 'outcome');
  await run.pass(5_000);
  expect(phase.appends).toBe(3);
  expect(request.attempts[0]?.answers).toMatchObject([{ kind: 'done', result: { total: 3 } }]);
});

test('agenda D3: a write whose answer was lost is not taken for another writer, and no wake-up is lost with a failed read', async () => {
  const block = { write: 2, read: 2 };
  const run = new Directed({
    limits: { passivateAfterMs: 0 },
    wrapping: {
      rows: (inner) => ({
        declare: (table) => inner.declare(table),
        checkpoint: (table) => inner.checkpoint(table),
        write: async (batch) => {
          const outcome = await inner.write(batch);
          if (batch.table.startsWith('perdure.agenda') && batch.changes.length > 0 && block.write-- > 0)
            throw new Error('the answer was lost');
          return outcome;
        },
        get: (table, key) => inner.get(table, key),
        getMany: async (table, keys) => (table.startsWith('perdure.agenda') && block.read-- > 0 ? failed() : inner.getMany(table, keys)),
        find: (query) => inner.find(query),
        drop: (table) => inner.drop(table),
        close: () => inner.close(),
      }),
    },
  });
  await run.start();
  run.send(Tangle('a').alarm({ ...told, timer: 'tick', key: '', delayMs: 12_000, silent: false }));
  await run.pass(20_000);
  expect(block.write).toBeLessThan(0);
  expect(run.cluster.running).toHaveLength(1);
  expect(run.data('tangle-a', 'Fired')).toHaveLength(1);
});

test('replies A2: what appended nothing names a position that covers what it was decided on', async () => {
  const run = new Directed();
  await run.start();
  run.send(Tangle('a').note(told));
  const asked = run.send(Tangle('a').ask({ from: 'test', n: 2 }), 'outcome');
  const refused = run.send(Tangle('a').refuse({ from: 'test', n: 3 }), 'outcome');
  await run.pass(100);
  expect(asked.attempts[0]?.answers).toMatchObject([{ kind: 'done', result: { notes: 1, total: 0 } }]);
  expect(refused.attempts[0]?.answers).toMatchObject([{ kind: 'rejected' }]);
  const [{ position } = { position: -1 }] = refused.attempts[0]?.answers.filter((answer) => answer.kind === 'rejected') ?? [];
  expect(position).toBeGreaterThanOrEqual(0);
});

test('delivery D3: a send that waits when its node stops becomes no dead letter', async () => {
  const block = { unreadable: true };
  const run = new Directed({
    wrapping: {
      store: (inner) =>
        like(inner, { loadSnapshot: (stream) => (block.unreadable && stream === 'tangle-b' ? failed() : inner.loadSnapshot(stream)) }),
    },
  });
  await run.start();
  run.send(Tangle('a').fan({ ...told, to: ['b'] }));
  await run.pass(500);
  const { node } = run;
  const stopped = { yet: false };
  void node.stop(200).then(() => {
    stopped.yet = true;
  });
  await run.world.run({ finished: () => stopped.yet, forMs: 10_000 });
  expect(run.records('perdure.dead-letters')).toEqual([]);
  block.unreadable = false;
  await run.restart();
  await run.pass(3_000);
  expect(run.data('tangle-b', 'Noted')).toHaveLength(1);
});

test('reads L1: a view is answered although its entity leaves memory after every turn', async () => {
  const run = new Directed({ limits: { passivateAfterMs: 0 } });
  await run.start();
  run.send(Tangle('a').note(told));
  await run.pass(100);
  const views: unknown[] = [];
  for (const strong of [true, false]) void run.node.host.view('tangle', 'a', { strong }).then((view) => views.push(view.state));
  await run.pass(100);
  expect(views).toEqual([
    { notes: 1, total: 0, fired: 0 },
    { notes: 1, total: 0, fired: 0 },
  ]);
});

test('host: stopping tells the caller of an append under way that nobody knows its outcome, although the watermark cannot be saved', async () => {
  const run = new Directed({
    wrapping: { store: (inner) => like(inner, { append: () => undefined, putValue: failed }) },
  });
  await run.start();
  const taken = run.send(Tangle('a').add({ ...told, amount: 1 }), 'outcome');
  await run.pass(100);
  const waiting = run.send(Tangle('a').add({ ...told, n: 2, amount: 1 }), 'outcome');
  const { node } = run;
  const stopped = { yet: false };
  void node.host.stop(200).then(() => {
    stopped.yet = true;
  });
  await run.world.run({ finished: () => stopped.yet, forMs: 10_000 });
  expect(stopped.yet).toBe(true);
  expect(taken.attempts[0]?.answers).toMatchObject([{ kind: 'failed', code: 'outcome-unknown' }]);
  expect(waiting.attempts[0]?.answers).toMatchObject([{ kind: 'failed', code: 'draining' }]);
});

/** Types of the records of a tangle that can still be read. */
async function readable(run: Directed, id = 'a'): Promise<readonly string[]> {
  const reading = run.node.host.history('tangle', id, 0, 100);
  await run.pass(100);
  return (await reading).events.map(({ type }) => type);
}

test('forgetting W1: the sends of a forgotten entity arrive before its records go', async () => {
  const block = { unreadable: true };
  const run = new Directed({
    wrapping: {
      store: (inner) =>
        like(inner, { loadSnapshot: (stream) => (block.unreadable && stream === 'tangle-b' ? failed() : inner.loadSnapshot(stream)) }),
    },
  });
  await run.start();
  run.send(Tangle('a').fan({ ...told, to: ['b'] }));
  await run.pass(1_000);
  const forgetting = run.node.host.admin({ type: 'tangle', id: 'a', verb: 'forget', by: 'test', why: 'test' });
  await run.pass(3_000);
  expect(await readable(run)).toContain('perdure:SignalSent');
  block.unreadable = false;
  await run.pass(5_000);
  await forgetting;
  expect((await readable(run, 'b')).filter((type) => type === 'Noted')).toHaveLength(1);
  expect(await readable(run)).toEqual(['perdure:Forgotten', 'perdure:Wake']);
});

test('mailboxes O2: states of few records count as well, and what is too much for memory leaves it', async () => {
  const run = new Directed({ limits: { maxEntityBytesInMemory: 20_000 } });
  await run.start();
  for (let round = 0; round < 2; round += 1) {
    for (let n = 0; n < 100; n += 1) run.send(Tangle(`large-${n}`).note({ from: 'x'.repeat(1_000), n: round }));
    await run.pass(5_000);
  }
  const { entities, entity_bytes: bytes } = run.node.host.metrics().gauges;
  expect(bytes).toBeGreaterThan(1_000);
  expect(bytes).toBeLessThan(21_000);
  expect(entities).toBeLessThan(40);
});

test.each([
  ['strong', true],
  ['of the last durable state', false],
])('a query of a forgotten entity, %s, is told so', async (_how, strong) => {
  const run = new Directed();
  await run.start();
  run.send(Tangle('a').note(told));
  await run.pass(100);
  void run.node.host.admin({ type: 'tangle', id: 'a', verb: 'forget', by: 'test', why: 'test' });
  await run.pass(1_000);
  const answers: unknown[] = [];
  run.node.host.query({ type: 'tangle', id: 'a', name: 'view', input: {}, strong }, (answer) => answers.push(answer));
  await run.pass(100);
  expect(answers).toMatchObject([{ kind: 'failed', code: 'forgotten' }]);
});

test('forgetting W2: what a crash interrupted is done after the restart', async () => {
  const block = { refused: true };
  const run = new Directed({
    wrapping: { store: (inner) => like(inner, { forget: (stream, before) => (block.refused ? failed() : inner.forget(stream, before)) }) },
  });
  await run.start();
  run.send(Tangle('a').note(told));
  await run.pass(1_000);
  const refused = run.node.host
    .admin({ type: 'tangle', id: 'a', verb: 'forget', by: 'test', why: 'test' })
    .catch((error: unknown) => error);
  await run.pass(1_000);
  expect(await refused).toBeInstanceOf(Error);
  expect(await readable(run)).toContain('Noted');
  block.refused = false;
  await run.restart();
  await run.pass(5_000);
  expect(await readable(run)).toEqual(['perdure:Forgotten', 'perdure:Wake']);
});
