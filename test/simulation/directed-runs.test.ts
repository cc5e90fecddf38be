import { expect, test } from 'vitest';
import type { JournalData } from '../../runtime/core/journal.ts';
import { like } from './broken/stores.ts';
import { Directed } from './directed.ts';
import { Knot } from './knot/model.ts';
import type { Step } from './knot/program.ts';

const told = { from: 'test', n: 1 };
const work = (id: string, program: Step) => Knot(id).work({ ...told, program });

/** The outcomes of all runs of an entity that have ended. */
function outcomes(run: Directed, id: string): readonly unknown[] {
  return run.data(`knot-${id}`, 'perdure:RunCompleted').map((data) => (data as JournalData['RunCompleted']).outcome);
}

test('replies A2: what a run comes to is told with the position of its end', async () => {
  const run = new Directed({ isDurable: true });
  await run.start();
  const request = run.send(work('a', { do: 'sleep', ms: 100 }), 'outcome');
  await run.pass(1_000);
  expect(run.records('knot-a').at(4)?.type).toBe('perdure:RunCompleted');
  expect(request.attempts[0]?.answers).toMatchObject([{ kind: 'done', position: 4, revision: 4 }]);
});

test('message H5: a call whose handler asked for nothing is not handled again when it comes again', async () => {
  const run = new Directed({
    isDurable: true,
    // The outbox never saves how far it is: after the crash it sends all again.
    wrapping: { store: (inner) => like(inner, { putValue: async () => undefined }) },
  });
  await run.start();
  run.send(work('a', { do: 'saga', parts: [{ do: 'hold', id: 'b', amount: 50 }], parallel: false, fails: false }));
  await run.pass(1_000);
  expect(outcomes(run, 'a')).toMatchObject([{ kind: 'rejected', code: 'short', by: 'knot/b' }]);
  const before = run.records('knot-b').length;
  await run.restart();
  await run.pass(2_000);
  expect(run.records('knot-b')).toHaveLength(before);
});

test('due queue Q5: an attempt is timed out by a clock that was set back and forward again', async () => {
  const run = new Directed({ isDurable: true });
  await run.start();
  run.send(work('a', { do: 'chore', behaviours: ['hang'], timeoutMs: 1_200, attempts: 1 }));
  await run.pass(100);
  run.cluster.skip(-600_000);
  await run.pass(10_000);
  expect(outcomes(run, 'a')).toEqual([]);
  run.cluster.skip(600_000);
  await run.pass(6_000);
  expect(outcomes(run, 'a')).toMatchObject([{ kind: 'rejected', details: { code: 'activity-failed' } }]);
});

test('turn U3: a queued run whose beginning alone is larger than a turn may be ends, and the next one begins', async () => {
  const run = new Directed({ isDurable: true, limits: { maxTurnBytes: 2_000 } });
  await run.start();
  const sends = Array.from({ length: 26 }, () => ({ do: 'send' as const, id: 'b' }));
  const queue = (program: Step) => run.send(Knot('a').queue({ ...told, program }), 'outcome');
  queue({ do: 'sleep', ms: 100 });
  const large = queue({ do: 'seq', steps: [...sends, { do: 'sleep', ms: 1 }, ...sends] });
  const next = queue({ do: 'sleep', ms: 10 });
  await run.pass(1_000);
  expect(large.attempts[0]?.answers).toMatchObject([{ kind: 'failed', code: 'turn-too-large' }]);
  expect(next.attempts[0]?.answers).toMatchObject([{ kind: 'done' }]);
  expect(run.data('knot-b', 'Bumped')).toEqual([]);
});
