import { expect, test } from 'vitest';
import type { AdminVerb, EntityView } from '../../runtime/host/surface.ts';
import { Directed } from './directed.ts';
import { Tangle } from './tangle.ts';

const told = (n: number) => ({ from: 'test', n });

/** Sends messages to the entity `a` whose poison parks it; what follows is held, and released two at a time. */
async function parked(messages: readonly ('poison' | 'note')[]): Promise<Directed> {
  const run = new Directed({ limits: { maxTurnMessages: 2 } });
  await run.start(true);
  for (const [n, name] of messages.entries()) {
    run.send(Tangle('a')[name](told(n)));
    await run.pass(100);
  }
  return run;
}

/** Carries out a verb; what had been noted in the log when it was answered, beside the answer. */
async function operate(run: Directed, verb: AdminVerb, id = 'a'): Promise<{ view?: EntityView; code?: unknown; noted: number }> {
  const noted = () => run.data(`tangle-${id}`, 'Noted').length;
  const answered = run.node.host.admin({ type: 'tangle', id, verb, by: 'test', why: 'test' }).then(
    (view) => ({ view, noted: noted() }),
    (error: { readonly code: string }) => ({ code: error.code, noted: noted() }),
  );
  await run.pass(10_000);
  return answered;
}

test('operations O1: what is skipped answers when all that was held behind it is handled', async () => {
  const run = await parked(['poison', 'note', 'note', 'note', 'note', 'note']);
  expect(await operate(run, 'skip')).toMatchObject({ view: { parked: null, revision: run.records('tangle-a').length - 1 }, noted: 5 });
});

test('operations O1: what is skipped answers that the entity parked again at a later held message', async () => {
  const run = await parked(['poison', 'note', 'note', 'note', 'poison', 'note']);
  expect(await operate(run, 'skip')).toMatchObject({ view: { parked: { held: 2, signal: 'test:5' } }, noted: 3 });
  expect(await operate(run, 'skip')).toMatchObject({ view: { parked: null }, noted: 4 });
});

test.each<AdminVerb>(['retry', 'skip'])('%s is refused: not parked, forgotten, without a stream', async (verb) => {
  const run = await parked(['note']);
  expect(await operate(run, verb)).toMatchObject({ code: 'not-parked' });
  expect(await operate(run, verb, 'nobody')).toMatchObject({ code: 'not-found' });
  expect(await operate(run, 'forget')).toMatchObject({ view: { id: 'a' } });
  expect(await operate(run, verb)).toMatchObject({ code: 'forgotten' });
});
