import { activity, durable, entity, query, serial, signal, typed } from 'perdure';
import { afterEach, expect, test } from 'vitest';
import { RunsWorld, type RunsWorldParts } from './runs-world.ts';

const Flow = entity('flow', {
  wait: signal({ output: typed<string>() }),
  slow: signal({ output: typed<string>() }),
  work: signal({ output: typed<string>() }),
  open: signal(),
  isOpen: query({ output: typed<boolean>() }),
});
const job = activity('job', { output: typed<string>() });
const flow = Flow.fold(() => ({ isOpen: false }), { Opened: () => ({ isOpen: true }) }).implement({
  signals: {
    wait: durable(async (run) => {
      await run.until((state) => state.isOpen);
      return 'opened';
    }),
    slow: serial(async (run) => {
      await run.sleep('1 minute');
      return 'slept';
    }),
    work: durable((run) => run.call(job())),
    open(turn) {
      turn.emit.Opened();
    },
  },
  queries: { isOpen: (state) => state.isOpen },
});

let world: RunsWorld;
async function open(parts: Partial<RunsWorldParts> = {}): Promise<RunsWorld> {
  world = await RunsWorld.open({ entities: [flow], activities: [job.implement(async () => 'done')], ...parts });
  return world;
}
afterEach(() => world.close());

test('an update that is withdrawn while its turn is on its way counts no longer among what waits once its run is open', async () => {
  await open();
  world.store.mood = 'kept';
  const sent = await world.update(Flow('a').wait());
  expect(world.host.withdraw(sent.delivery), 'it was taken').toBe(false);
  world.store.mood = 'fine';
  await world.settled();
  expect([world.gauge('queued_messages'), world.gauge('queued_bytes'), world.gauge('runs_waited_for')]).toEqual([0, 0, 0]);
  expect(sent.answers).toEqual([]);
});

test('a host that stops tells those whose run opens behind it, once', async () => {
  await open();
  world.store.mood = 'kept';
  const sent = await world.update(Flow('a').wait());
  await world.during(world.host.stop(0));
  world.store.mood = 'fine';
  await world.pass(1_000);
  expect(sent.answers).toHaveLength(1);
  expect(sent.answers[0]).toMatchObject({ kind: 'failed' });
});

test('who waits for a run is told of its end although the append that ended it was given up', async () => {
  await open();
  const sent = await world.update(Flow('a').wait(), 'w');
  world.store.mood = 'silent';
  world.hand(Flow('a').open(), undefined, 'durability');
  await world.pass(40_000);
  world.store.mood = 'fine';
  await world.pass(10_000);
  expect(world.counter('gaveUp')).toBe(1);
  expect(sent.answers).toMatchObject([{ kind: 'done', result: 'opened' }]);
});

test('an activity of a turn whose append was given up, but stands, is begun as soon as the store answers again', async () => {
  await open();
  world.store.mood = 'silent';
  const sent = await world.update(Flow('a').work(), 'w');
  await world.pass(40_000);
  expect(sent.answers).toMatchObject([{ kind: 'failed', code: 'outcome-unknown' }]);
  world.store.mood = 'fine';
  await world.pass(10_000);
  const joined = await world.update(Flow('a').work(), 'w');
  expect(joined.answers).toMatchObject([{ kind: 'done', result: 'done' }]);
});
