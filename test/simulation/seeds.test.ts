import { describe, expect, test } from 'vitest';
import { judged } from './judges/all.ts';
import { SCENARIOS } from './scenarios.ts';
import { simulate } from './simulate.ts';

/** Seeds that every change is judged by: the first ones, and those that once showed a defect. */
const FIRST = { plain: 16, durable: 10 };
const ONCE_WRONG: Readonly<Record<string, readonly number[]>> = {
  parking: [39, 45, 58, 96, 191],
  everything: [68, 122, 137, 151],
  clocks: [38],
  rows: [29, 31, 35, 38],
  'runs-crashes': [53],
  'runs-unknowns': [33, 58],
  'runs-parking': [21],
  'runs-clocks': [49],
};

/** Seeds that nobody has tried before. */
const FRESH = { plain: 5, durable: 4 };
const freshFrom = Date.now();

describe.each(SCENARIOS)('simulation: $name', (scenario) => {
  const kind = scenario.durable === true ? 'durable' : 'plain';

  test(`the first ${FIRST[kind]} seeds`, async () => {
    for (const seed of [...Array.from({ length: FIRST[kind] }, (_, at) => at + 1), ...(ONCE_WRONG[scenario.name] ?? [])])
      await expectSound(seed);
  });

  test(`fresh seeds from ${freshFrom}`, async () => {
    for (let seed = freshFrom; seed < freshFrom + FRESH[kind]; seed += 1) await expectSound(seed);
  });

  async function expectSound(seed: number): Promise<void> {
    const violations = judged(await simulate(scenario, seed));
    expect(violations, `npm run simulate -- --seed ${seed} --seeds 1 --scenario ${scenario.name} --trace trace.txt`).toEqual([]);
  }
});
