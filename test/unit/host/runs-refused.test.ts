import { durable, entity, query, signal, typed } from 'perdure';
import { afterEach, expect, test } from 'vitest';
import { LIMITS } from '../../../runtime/core/limits.ts';
import { RunsWorld } from './runs-world.ts';

const Hall = entity('hall', { wait: signal(), open: signal(), isOpen: query({ output: typed<boolean>() }) });
const hall = Hall.fold(() => ({ isOpen: false }), { Opened: () => ({ isOpen: true }) }).implement({
  signals: {
    wait: durable(async (run) => {
      await run.sleep('1 day');
    }),
    open(turn) {
      turn.emit.Opened();
    },
  },
  queries: { isOpen: ({ isOpen }) => isOpen },
});
const Guest = entity('guest', { come: signal({ output: typed<string>() }) });
const guest = Guest.fold(() => ({}), {}).implement({
  signals: {
    come: durable(async (run) => {
      const waited = run.call(Hall('h').wait());
      run.send(Hall('h').open());
      try {
        await waited;
        return 'let in';
      } catch (error) {
        return String(error);
      }
    }),
  },
});

let world: RunsWorld;
afterEach(() => world.close());

test('a call that finds no room is answered once, though its caller crashes before the answer and a later message of it was handled', async () => {
  world = await RunsWorld.open({ entities: [hall, guest] });
  for (let n = 0; n < LIMITS.maxRunsPerEntity; n += 1) world.hand(Hall('h').wait(), undefined, 'durability');
  await world.settled();
  world.hand(Guest('g').come(), 'c');
  while (!world.glance(Hall('h').isOpen())) await world.step();
  world.store.mood = 'kept';
  await world.settled();
  await world.crash();
  await world.pass(5_000);
  const { answers } = await world.update(Guest('g').come(), 'c');
  expect(answers).toMatchObject([{ kind: 'done', result: expect.stringContaining('hall/h has 10000 open runs') }]);
});
