import { activity, durable, entity, query, signal, typed } from 'perdure';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { RunsWorld } from './runs-world.ts';

const Desk = entity('desk', {
  ask: signal({ output: typed<string>() }),
  spin: signal(),
  stopNow: signal(),
  print: signal({ output: typed<string>() }),
  tokens: query({ output: typed<readonly string[]>() }),
});
type State = { readonly tokens: readonly string[]; readonly spins: number };
const print = activity('print', { output: typed<string>() });
let printed: (text: string) => void = () => undefined;
const printer = print.implement(
  () =>
    new Promise<string>((resolve) => {
      printed = resolve;
    }),
);
let whenStopping: () => void = () => undefined;
const desk = Desk.fold((): State => ({ tokens: [], spins: 0 }), {
  Asked: (state, { token }: { token: string }) => ({ ...state, tokens: [...state.tokens, token] }),
  Spun: (state) => ({ ...state, spins: state.spins + 1 }),
}).implement({
  signals: {
    ask: durable(async (run) => {
      const answer = run.callback({ output: z.string() });
      run.emit.Asked({ token: answer.token });
      return await answer;
    }),
    spin: durable(async (run) => {
      for (;;) {
        await run.until(() => true);
        run.emit.Spun();
      }
    }),
    print: durable(async (run) => run.call(print())),
    stopNow: durable(async (run) => {
      whenStopping();
      await run.until((state) => state.spins < 0);
    }),
  },
  queries: { tokens: ({ tokens }) => tokens },
});

let world: RunsWorld;
afterEach(() => world.close());
async function open(): Promise<RunsWorld> {
  world = await RunsWorld.open({ entities: [desk], activities: [printer] });
  return world;
}

test('a message whose turn waits for user code when the host stops is answered once', async () => {
  await open();
  let stopped: Promise<void> = Promise.resolve();
  whenStopping = () => {
    stopped = world.host.stop(0);
  };
  const sent = await world.update(Desk('a').stopNow());
  await world.during(stopped);
  await world.pass(1_000);
  expect(sent.answers).toMatchObject([{ kind: 'failed', code: 'outcome-unknown' }]);
  expect([world.gauge('queued_messages'), world.gauge('runs_waited_for')]).toEqual([0, 0]);
});

test('a run that goes on by itself for ever goes on no more once its host has stopped', async () => {
  await open();
  world.hand(Desk('a').spin(), undefined, 'durability');
  while (world.counter('turns') < 3) await world.step();
  let isStopped = false;
  world.host.stop(0).then(() => {
    isStopped = true;
  }, expect.unreachable);
  while (!isStopped) await world.step();
  const turns = world.counter('turns');
  for (let n = 0; n < 200; n += 1) await world.step();
  expect(world.counter('turns')).toBe(turns);
});

test('a host that has stopped refuses what it can no longer record: callbacks, verbs and strong queries', async () => {
  await open();
  await world.update(Desk('a').ask(), 'q');
  const [token] = (await world.query(Desk('a').tokens())) as readonly string[];
  await world.during(world.host.stop(0));
  const draining = { code: 'draining' };
  await expect(world.during(world.host.callback({ token: token ?? '', outcome: { result: 'yes' } }))).rejects.toMatchObject(draining);
  await expect(world.admin('desk', 'a', 'cancel')).rejects.toMatchObject(draining);
  await expect(world.during(world.host.view('desk', 'a', { strong: true }))).rejects.toMatchObject(draining);
  await world.crash();
  await expect(world.during(world.host.callback({ token: token ?? '', outcome: { result: 'yes' } }))).resolves.toMatchObject({ run: 'q' });
});

test('an attempt that is out when the host is to stop is waited for, as long as the drain lasts; its caller has its answer', async () => {
  await open();
  const sent = await world.update(Desk('a').print());
  const stopped = world.host.stop(10_000);
  await world.pass(9_000);
  expect(world.host.status().state).toBe('draining');
  printed('paper');
  await world.during(stopped);
  expect(sent.answers).toMatchObject([{ kind: 'done', result: 'paper' }]);
  expect(world.counter('attemptsLost')).toBe(0);
});

test('an attempt that does not end within the drain does not keep the host from stopping; the next one finds it lost', async () => {
  await open();
  const sent = await world.update(Desk('a').print());
  const stopped = world.host.stop(10_000);
  await world.pass(10_100);
  expect(world.host.status().state).toBe('stopped');
  await stopped;
  expect(sent.answers).toMatchObject([{ kind: 'failed', code: 'draining' }]);
  await world.crash();
  await world.pass(1_000);
  expect(world.counter('attemptsLost')).toBe(1);
});
