import { activity, durable, entity, query, signal, typed } from 'perdure';
import { afterEach, expect, test } from 'vitest';
import type { ActivityInfo, ActivityLimits } from '../../../runtime/core/definition/types.ts';
import { RunsWorld, type RunsWorldParts } from './runs-world.ts';

const Task = entity('task', {
  run: signal({ output: typed<string>() }),
  remind: signal({ input: typed<{ at: number }>() }),
  reminded: query({ output: typed<number>() }),
});
const job = activity('job', { output: typed<string>(), timeout: '20 seconds', retry: { attempts: 3 } });
type State = { readonly remindedAt: number };
const model = Task.fold(
  (): State => ({ remindedAt: 0 }),
  { Reminded: (_state, { at }: { at: number }) => ({ remindedAt: at }) },
  { timers: ['bell'] },
);
const task = model.implement({
  signals: {
    run: durable((run) => run.call(job())),
    remind(turn, { at }) {
      turn.timers.bell.set(new Date(at));
    },
  },
  timers: {
    bell(turn) {
      turn.emit.Reminded({ at: turn.now() });
    },
  },
  queries: { reminded: ({ remindedAt }) => remindedAt },
});

/** What an activity was asked to do, and how it goes on. */
interface Begun {
  readonly info: ActivityInfo;
  readonly resolve: (value: string) => void;
}

let world: RunsWorld;
let begun: Begun[];
async function open(limits?: ActivityLimits, host: RunsWorldParts['limits'] = {}): Promise<RunsWorld> {
  begun = [];
  const work = (_input: unknown, info: ActivityInfo) => new Promise<string>((resolve) => void begun.push({ info, resolve }));
  world = await RunsWorld.open({ entities: [task], activities: [job.implement(work, limits)], limits: host });
  return world;
}
afterEach(() => world.close());

test('attempts that wait for their turn beyond their time-out do not have their entities woken again and again', async () => {
  await open({ concurrency: 1 }, { passivateAfterMs: 0 });
  for (let n = 0; n < 50; n += 1) world.hand(Task(`t${n}`).run(), `r${n}`);
  await world.settled();
  // The one that is out is given up, and the next begins, every 20 seconds.
  await world.pass(60_000);
  const before = world.counter('agendaWakeUps');
  await world.pass(60_000);
  expect(begun.length).toBeGreaterThan(4);
  expect(world.counter('agendaWakeUps') - before, 'wake-ups of 50 entities in a minute').toBeLessThan(150);
});

test('an attempt is asked to stop although the append that said so was given up', async () => {
  await open(undefined, { unknownGiveUpMs: 5_000 });
  const sent = await world.update(Task('a').run(), 'r');
  world.store.mood = 'silent';
  const cancelled = world.host.admin({ type: 'task', id: 'a', verb: 'cancel', by: 'ops', why: 'test' });
  cancelled.catch(() => undefined);
  await world.pass(10_000);
  world.store.mood = 'fine';
  await world.pass(5_000);
  expect(world.counter('gaveUp')).toBe(1);
  expect(begun[0]?.info.signal.aborted).toBe(true);
  expect(sent.answers).toEqual([]);
});

test('after a crash a lost attempt is found and tried again, also if entities leave memory at once', async () => {
  await open(undefined, { passivateAfterMs: 0 });
  await world.update(Task('a').run(), 'r');
  await world.pass(2_000);
  await world.crash();
  await world.pass(5_000);
  expect(begun.map(({ info }) => info.attempt)).toEqual([1, 2]);
  begun[1]?.resolve('done');
  await world.settled();
  expect((await world.update(Task('a').run(), 'r')).answers).toMatchObject([{ kind: 'done', result: 'done' }]);
});

test('a timer that is set while an attempt waits beyond its time-out fires on time, though its entity is out of memory', async () => {
  await open({ concurrency: 1 }, { passivateAfterMs: 0 });
  for (const id of ['a', 'b']) world.hand(Task(id).run(), id);
  await world.pass(65_000);
  const dueAt = world.nowMs + 8_000;
  await world.update(Task('b').remind({ at: dueAt }));
  await world.pass(9_000);
  expect(await world.query(Task('b').reminded())).toBe(dueAt);
});
