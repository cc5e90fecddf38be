import { activity, durable, entity, query, serial, signal, typed } from 'perdure';
import { afterEach, expect, test } from 'vitest';
import { RunsWorld } from './runs-world.ts';

const Room = entity('room', {
  enter: signal({ output: typed<string>() }),
  queue: signal({ output: typed<number>() }),
  nap: signal(),
  work: signal({ output: typed<string>() }),
  knock: signal(),
  knocks: query({ output: typed<number>() }),
});
let leak: (value: string) => void = () => undefined;
let aborted = 0;
const job = activity('job', { output: typed<string>() });
const room = Room.fold(() => ({ knocks: 0 }), { Knocked: ({ knocks }) => ({ knocks: knocks + 1 }) }).implement({
  signals: {
    enter: durable(async (run) => {
      const foreign = new Promise<string>((resolve) => {
        leak = resolve;
      });
      const first = await Promise.race([run.until(({ knocks }) => knocks >= 2), foreign]);
      run.emit.Knocked();
      return typeof first === 'string' ? first : 'knocked';
    }),
    queue: serial(async (run) => {
      await run.sleep('1 second');
      run.emit.Knocked();
      return run.state().knocks;
    }),
    nap: durable((run) => run.sleep('10 seconds')),
    work: durable((run) => run.call(job())),
    knock(turn) {
      turn.emit.Knocked();
    },
  },
  queries: { knocks: ({ knocks }) => knocks },
});
const works = job.implement(
  (_input, { signal: asked }) =>
    new Promise<string>((_resolve, reject) => {
      asked.addEventListener('abort', () => {
        aborted += 1;
        reject(asked.reason);
      });
    }),
);

let world: RunsWorld;
afterEach(() => world.close());
async function open(): Promise<RunsWorld> {
  aborted = 0;
  world = await RunsWorld.open({ entities: [room], activities: [works] });
  return world;
}

test('an execution whose image was thrown away after a conflict acts no more, and the run goes on from the stream', async () => {
  await open();
  const sent = await world.update(Room('a').enter(), 'e');
  const leakOfTheDead = leak;
  world.intrude('room-a', 'Knocked', undefined);
  await world.update(Room('a').knock());
  leakOfTheDead('from outside');
  await world.settled();
  expect(world.counter('conflicts')).toBe(1);
  expect(await world.query(Room('a').knocks())).toBe(3);
  expect(sent.answers).toMatchObject([{ kind: 'done', result: 'knocked' }]);
});

test('what a run went on with although nothing of the runtime woke it stalls it when its turn comes, and is no event', async () => {
  await open();
  const sent = await world.update(Room('a').enter(), 'e');
  leak('from outside');
  await world.settled();
  await world.update(Room('a').knock());
  await world.update(Room('a').knock());
  expect(sent.answers).toMatchObject([{ kind: 'failed', code: 'run-stalled' }]);
  expect(sent.answers[0]).toMatchObject({ message: expect.stringContaining('something other than the run had woken it') });
  expect(await world.query(Room('a').knocks())).toBe(2);
});

test('queued serial runs go on one after another though the store refuses for a while', async () => {
  await open();
  const sent = ['1', '2', '3'].map((id) => world.hand(Room('a').queue(), id));
  await world.settled();
  world.store.mood = 'refused';
  await world.pass(5_000);
  world.store.mood = 'fine';
  await world.pass(15_000);
  expect(sent.map(({ answers }) => answers)).toMatchObject([[{ result: 1 }], [{ result: 2 }], [{ result: 3 }]]);
});

test('forgetting an entity ends its runs and attempts, and tells all who wait', async () => {
  await open();
  const sent = [world.hand(Room('a').enter(), 'e'), world.hand(Room('a').work(), 'w')];
  for (const id of ['1', '2']) sent.push(world.hand(Room('a').queue(), id));
  await world.settled();
  await world.admin('room', 'a', 'forget');
  await world.settled();
  for (const { answers } of sent) expect(answers).toMatchObject([{ kind: 'failed', code: 'forgotten' }]);
  expect([aborted, world.gauge('attempts_running'), world.gauge('runs_waited_for')]).toEqual([1, 0, 0]);
});

test('an entity whose state cannot be folded is woken for what it owes once a minute, not with every round of the agenda', async () => {
  await open();
  await world.update(Room('a').knock());
  world.hand(Room('a').nap(), 'n');
  await world.pass(3_000);
  const cannot = Room.fold(() => ({ knocks: 0 }), {
    Knocked: () => {
      throw new Error('not any more');
    },
  }).implement({
    signals: {
      enter: durable(async () => ''),
      queue: serial(async () => 0),
      nap: durable(async () => {}),
      work: durable(async () => ''),
      knock() {},
    },
    queries: { knocks: ({ knocks }) => knocks },
  });
  await world.crash({ entities: [cannot] });
  await world.pass(10_000);
  const before = world.counter('agendaWakeUps');
  await world.pass(300_000);
  expect(world.counter('agendaWakeUps') - before).toBeLessThanOrEqual(10);
  await world.crash({ entities: [room] });
  await world.pass(61_000);
  await expect(world.during(world.host.run('room', 'a', 'n', { waitMs: 0 }))).resolves.toMatchObject({ status: 'completed' });
});
