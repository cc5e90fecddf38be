import { expect, test } from 'vitest';
import { DURABLE_VARIANTS } from './broken/durable-variants.ts';
import { VARIANTS } from './broken/variants.ts';
import { judged } from './judges/all.ts';
import { scenarioOf } from './scenarios.ts';
import { simulate } from './simulate.ts';

/** Seeds within which a broken runtime must be caught. */
const SEEDS = 80;

test.each([...VARIANTS, ...DURABLE_VARIANTS])(
  'a runtime that $name is caught by $judge',
  async ({ wrapping, breaking, scenario, judge }) => {
    const options = { ...(wrapping === undefined ? {} : { wrapping }), ...(breaking === undefined ? {} : { breaking }) };
    const judges = new Set<string>();
    for (let seed = 1; seed <= SEEDS && !judges.has(judge); seed += 1) {
      for (const violation of judged(await simulate(scenarioOf(scenario), seed, options))) judges.add(violation.judge);
    }
    expect([...judges]).toContain(judge);
  },
);
