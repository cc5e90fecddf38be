import { expect, test } from 'vitest';
import type { JournalData } from '../../runtime/core/journal.ts';
import type { AdminVerb } from '../../runtime/host/surface.ts';
import type { Subscription } from '../../runtime/ports/event-store.ts';
import type { Incarnation } from '../../runtime/testing/simulation/incarnation.ts';
import { like } from './broken/stores.ts';
import { DURABLE_CAST } from './casts.ts';
import { Directed } from './directed.ts';
import { Knot } from './knot/model.ts';
import type { Step } from './knot/program.ts';

// What shaped the rules of durable handlers, scenario by scenario.

const failed = () => Promise.reject(new Error('the store does not answer'));
const told = { from: 'test', n: 1 };
const work = (id: string, program: Step) => Knot(id).work({ ...told, program });
const seq = (...steps: readonly Step[]): Step => ({ do: 'seq', steps });
const sleep = (ms: number): Step => ({ do: 'sleep', ms });

function journalOf<T extends keyof JournalData>(run: Directed, id: string, type: T): readonly JournalData[T][] {
  return run.data(`knot-${id}`, `perdure:${type}`).map((data) => data as JournalData[T]);
}

function outcomes(run: Directed, id: string) {
  return journalOf(run, id, 'RunCompleted').map(({ outcome }) => outcome);
}

async function operate(run: Directed, id: string, verb: AdminVerb): Promise<void> {
  const done = run.node.host.admin({ type: 'knot', id, verb, by: 'ada', why: 'test' });
  await run.pass(1_000);
  await done;
}

test('a compensation does not overtake its step: the refund waits for the charge, and carries its key', async () => {
  const run = new Directed({ isDurable: true });
  await run.start();
  const fails: Step = seq(sleep(20), { do: 'reject' });
  const parts = [
    { do: 'charge' as const, behaviours: ['slow' as const], timeoutMs: 1_000 },
    { do: 'step' as const, step: fails },
  ];
  run.send(work('a', { do: 'saga', parts, parallel: true, fails: false }));
  await run.pass(1_000);
  const [charged, refunded] = run.outside.trials;
  expect(run.outside.trials.map(({ activity, end }) => [activity, end])).toEqual([
    ['charge', 'returned'],
    ['refund', 'returned'],
  ]);
  expect(refunded?.startStep).toBeGreaterThan(charged?.endStep ?? Number.POSITIVE_INFINITY);
  expect(refunded?.key).toBe(charged?.key);
  expect([...run.outside.accounts.values()]).toEqual([{ charged: true, refunded: true }]);
  expect(outcomes(run, 'a')).toMatchObject([{ kind: 'rejected', code: 'refused' }]);
});

test('the success of an attempt that was given up counts, and what comes after it changes nothing', async () => {
  const run = new Directed({ isDurable: true });
  await run.start();
  run.send(work('a', { do: 'chore', behaviours: ['late', 'slow'], timeoutMs: 400 }));
  await run.pass(3_000);
  expect(run.outside.trials.map(({ attempt, end }) => [attempt, end])).toEqual([
    [1, 'returned'],
    [2, 'returned'],
  ]);
  expect(run.outside.trials[0]?.endStep).toBeLessThan(run.outside.trials[1]?.endStep ?? 0);
  expect(journalOf(run, 'a', 'AttemptFailed')).toMatchObject([{ attempt: 1, code: 'attempt-lost' }]);
  expect(journalOf(run, 'a', 'Resolved')).toMatchObject([{ outcome: { kind: 'completed', value: { attempt: 1 } } }]);
  expect(outcomes(run, 'a')).toHaveLength(1);
});

test('a run that stalled goes on under corrected code, and does again only what had left nothing', async () => {
  const run = new Directed({ isDurable: true });
  await run.start(true);
  const program = seq({ do: 'emit' }, sleep(10), { do: 'emit' }, { do: 'defect' }, sleep(10));
  const request = run.send(work('a', program), 'outcome');
  await run.pass(1_000);
  expect(request.attempts[0]?.answers).toMatchObject([{ kind: 'failed', code: 'run-stalled' }]);
  expect(run.data('knot-a', 'Bumped')).toHaveLength(1);
  await operate(run, 'a', 'retry');
  expect(outcomes(run, 'a')).toEqual([]);
  run.definitions = DURABLE_CAST.sound;
  await run.restart();
  await operate(run, 'a', 'retry');
  expect(outcomes(run, 'a')).toMatchObject([{ kind: 'completed' }]);
  expect(run.data('knot-a', 'Bumped')).toHaveLength(2);
});

test('a crash between an outcome and its append loses the attempt, not the call: it is made again under the same key', async () => {
  const disk = { takesOutcomes: false };
  const run = new Directed({
    isDurable: true,
    wrapping: {
      store: (inner) =>
        like(inner, {
          append: (commits, settled) =>
            inner.append(
              commits.filter(({ records }) => disk.takesOutcomes || !records.some(({ type }) => type === 'perdure:Resolved')),
              settled,
            ),
        }),
    },
  });
  await run.start();
  run.send(work('a', { do: 'chore', behaviours: ['ok'], timeoutMs: 1_000 }));
  await run.pass(500);
  expect(run.outside.trials).toMatchObject([{ attempt: 1, end: 'returned' }]);
  disk.takesOutcomes = true;
  await run.restart();
  await run.pass(5_000);
  expect(journalOf(run, 'a', 'AttemptFailed')).toMatchObject([{ attempt: 1, code: 'attempt-lost' }]);
  expect(journalOf(run, 'a', 'Resolved')).toMatchObject([{ outcome: { kind: 'completed', value: { attempt: 2 } } }]);
  expect(new Set(run.outside.trials.map(({ key }) => key)).size).toBe(1);
});

test('a call whose callee is parked waits; when it is skipped, the caller is told that it failed', async () => {
  const run = new Directed({ isDurable: true });
  await run.start(true);
  run.send(work('a', { do: 'bump', id: 'b', bad: true }));
  await run.pass(60_000);
  expect(outcomes(run, 'a')).toEqual([]);
  await operate(run, 'b', 'skip');
  expect(journalOf(run, 'a', 'Resolved')).toMatchObject([{ outcome: { kind: 'failed', code: 'call-failed' } }]);
  expect(outcomes(run, 'a')).toMatchObject([{ kind: 'rejected', code: 'gave-up', details: { code: 'call-failed' } }]);
  expect(run.data('knot-b', 'Bumped')).toEqual([]);
});

test.each([97, 98, 99, 100, 101, 102, 103])(
  'a cancellation %i ms after a call of 100 ms tells the call’s true outcome, and is delivered once',
  async (afterMs) => {
    const run = new Directed({ isDurable: true, faults: { maxDelayMs: 2 } });
    await run.start();
    const callee: Step = seq(sleep(100), { do: 'emit' });
    const call: Step = { do: 'try', step: { do: 'run', id: 'b', name: 'work', program: callee } };
    run.send(work('a', seq(call, sleep(50), { do: 'emit' }, sleep(50))));
    await run.pass(afterMs);
    void run.node.host.admin({ type: 'knot', id: 'a', verb: 'cancel', by: 'ada', why: 'test' });
    await run.pass(2_000);
    const [outcome] = outcomes(run, 'b');
    const [resolved] = journalOf(run, 'a', 'Resolved');
    expect(resolved?.outcome).toEqual(outcome);
    expect(run.data('knot-b', 'Bumped')).toHaveLength(outcome?.kind === 'completed' ? 1 : 0);
    // What the call did not tell of the cancellation, the next wait does; and then no other.
    const wasTold = outcome?.kind === 'cancelled';
    expect(outcomes(run, 'a')).toMatchObject([{ kind: wasTold ? 'completed' : 'cancelled' }]);
    expect(run.data('knot-a', 'Bumped')).toHaveLength(wasTold ? 1 : 0);
  },
);

test('outbox S4: the reply to a call that reached nobody is told once, though the outbox sends again after a crash', async () => {
  const run = new Directed({
    isDurable: true,
    // The outbox never saves how far it is: after the crash it sends all again.
    wrapping: { store: (inner) => like(inner, { putValue: async () => undefined }) },
  });
  await run.start();
  run.send(Knot('x').bump({ ...told, bad: false }));
  await run.pass(100);
  expect(run.data('knot-x', 'Bumped')).toHaveLength(1);
  await operate(run, 'x', 'forget');
  const call: Step = { do: 'try', step: { do: 'bump', id: 'x', bad: false } };
  run.send(work('a', seq(call, sleep(20_000))));
  await run.pass(1_000);
  expect(journalOf(run, 'a', 'Resolved')).toMatchObject([{ outcome: { kind: 'failed', code: 'forgotten' } }]);
  const before = run.records('knot-a').length;
  await run.restart();
  await run.pass(5_000);
  expect(run.records('knot-a')).toHaveLength(before);
  await run.pass(20_000);
  expect(outcomes(run, 'a')).toMatchObject([{ kind: 'completed' }]);
});

/** What a subscription brings, one turn after another with a pause between them. */
function turnByTurn(inner: Subscription, life: Incarnation): Subscription {
  return {
    close: () => inner.close(),
    async *[Symbol.asyncIterator]() {
      for await (const batch of inner) {
        for (const turn of batch.turns) {
          yield { turns: [turn], checkpoint: turn.position, caughtUp: false };
          await life.wait('next turn', 100);
        }
        yield { ...batch, turns: [] };
      }
    },
  };
}

test('a call that was replied to before its callee was forgotten is told that reply, though the outbox sends it again', async () => {
  const block = { unreadable: false };
  const run = new Directed({
    isDurable: true,
    limits: { passivateAfterMs: 0 },
    wrapping: {
      store: (inner, life) =>
        like(inner, {
          putValue: async () => undefined,
          loadSnapshot: (stream) => (block.unreadable && stream === 'knot-a' ? failed() : inner.loadSnapshot(stream)),
          subscribe: (options) =>
            options.types?.includes('perdure:SignalSent') ? turnByTurn(inner.subscribe(options), life) : inner.subscribe(options),
        }),
    },
  });
  await run.start();
  run.send(work('a', { do: 'run', id: 'x', name: 'work', program: sleep(50) }));
  await run.pass(20);
  block.unreadable = true;
  await run.pass(2_000);
  expect(outcomes(run, 'x')).toMatchObject([{ kind: 'completed' }]);
  void run.node.host.admin({ type: 'knot', id: 'x', verb: 'forget', by: 'ada', why: 'test' });
  await run.pass(1_000);
  expect(run.data('knot-x', 'perdure:Forgotten')).toHaveLength(1);
  block.unreadable = false;
  await run.restart();
  await run.pass(5_000);
  expect(journalOf(run, 'a', 'Resolved')).toMatchObject([{ outcome: { kind: 'completed' } }]);
});

test('projection: the rows of a forgotten entity go, though they were not found until its records were gone', async () => {
  const block = { finds: false };
  const isParked = ({ table }: { readonly table: string }) => table.startsWith('parked');
  const run = new Directed({
    isDurable: true,
    wrapping: {
      rows: (inner) => ({
        declare: (table) => inner.declare(table),
        checkpoint: (table) => inner.checkpoint(table),
        write: (batch) => inner.write(batch),
        get: (table, key) => inner.get(table, key),
        getMany: (table, keys) => inner.getMany(table, keys),
        find: (query) => (block.finds && isParked(query) ? failed() : inner.find(query)),
        drop: (table) => inner.drop(table),
        close: () => inner.close(),
      }),
    },
  });
  await run.start(true);
  // A run that ends with its entity: only a part of the turn is forgotten.
  run.send(work('a', sleep(100_000)));
  run.send(Knot('a').bump({ ...told, bad: true }));
  await run.pass(2_000);
  const parked = () => run.cluster.rows.get('n1')?.tables.get('parked@1')?.rows.size;
  expect(parked()).toBe(1);
  block.finds = true;
  void run.node.host.admin({ type: 'knot', id: 'a', verb: 'forget', by: 'test', why: 'test' });
  await run.pass(10_000);
  block.finds = false;
  await run.pass(10_000);
  expect(parked()).toBe(0);
});
