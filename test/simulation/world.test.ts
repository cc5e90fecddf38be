import { expect, test } from 'vitest';
import { Dice } from '../../runtime/testing/simulation/dice.ts';
import { World } from '../../runtime/testing/simulation/world.ts';
import { passivationUnobservable } from './judges/passivation.ts';
import { SCENARIOS, scenarioOf } from './scenarios.ts';
import { simulate } from './simulate.ts';

test.each(SCENARIOS)('W3: one seed gives one trace ($name)', async (scenario) => {
  const one = await simulate(scenario, 7);
  const other = await simulate(scenario, 7);
  expect(other.trace).toEqual(one.trace);
  expect(other.hash).toBe(one.hash);
  expect((await simulate(scenario, 8)).hash).not.toBe(one.hash);
});

test('W1: a step sees all microtasks of the step before, however long their chain', async () => {
  const world = new World(new Dice('W1'));
  let rounds = 0;
  const chain = async () => {
    for (let left = 10_000; left > 0; left -= 1) await null;
    rounds += 1;
  };
  world.plan('chain', 0, () => void chain());
  let seen = -1;
  world.plan('next', 1, () => {
    seen = rounds;
  });
  expect(await world.run({})).toBe('idle');
  expect(seen).toBe(1);
});

test('W2: time stands while something is due and then jumps to the next step', async () => {
  const world = new World(new Dice('W2'), 1_000);
  const seen: (readonly [string, number])[] = [];
  const note = (name: string) => () => void seen.push([name, world.nowMs]);
  world.plan('late', 86_400_000, note('late'));
  world.plan('soon', 0, note('soon'));
  const cancel = world.plan('never', 5, note('never'));
  cancel();
  await world.run({});
  expect(seen).toEqual([
    ['soon', 1_000],
    ['late', 86_401_000],
  ]);
});

test('W2: of steps that are due any may be next, by the seed', async () => {
  const orders = new Set<string>();
  for (let seed = 0; seed < 50; seed += 1) {
    const world = new World(new Dice(`order ${seed}`));
    let order = '';
    for (const name of ['a', 'b', 'c']) {
      world.plan(name, 0, () => {
        order += name;
      });
    }
    await world.run({});
    orders.add(order);
  }
  expect([...orders].sort()).toEqual(['abc', 'acb', 'bac', 'bca', 'cab', 'cba']);
});

test('passivation is not observable: with and without it the same events', async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const without = await simulate(scenarioOf('alone'), seed, { limits: {} });
    const always = await simulate(scenarioOf('alone'), seed, { limits: { passivateAfterMs: 0, maxEntitiesInMemory: 1, snapshotEvery: 3 } });
    expect(passivationUnobservable(without, always), `seed ${seed}`).toEqual([]);
  }
});
