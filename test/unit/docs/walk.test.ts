import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Program, start } from 'perdure/host';
import { afterAll, beforeAll, expect, test } from 'vitest';
import reference from '../../../perdure.config.ts';
import { README } from '../../docs/pages.ts';
import rides from '../../docs/ride.ts';
import { walk, walksOf } from '../../docs/walk.ts';

// The commands of the README, executed as they stand: a newcomer sees what the page says.

const PROGRAMS: Readonly<Record<string, Program>> = {
  reference: reference({ paymentsUrl: undefined, logLevel: 'silent' }),
  ride: rides,
  'ride without its activity': { ...rides, activities: [] },
};

const walks = walksOf(readFileSync(README, 'utf8'));
let dataDir = '';
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'perdure-walk-'));
});
afterAll(() => rm(dataDir, { recursive: true, force: true }));

test('the README has commands for every program', () => {
  expect([...new Set(walks.map(({ on }) => on))].sort()).toEqual(Object.keys(PROGRAMS).sort());
});

// One directory for all, in the order of the page: what one walk leaves is there for the next.
test.each(walks.map((one, index) => [index + 1, one.on, one] as const))(
  'walk %i, on %s',
  { timeout: 120_000 },
  async (_number, on, { script, expected }) => {
    const program = PROGRAMS[on];
    if (program === undefined) throw new Error(`there is no program ${on}`);
    const runtime = await start(program, { port: 0, host: '127.0.0.1', dataDir, logLevel: 'silent' });
    try {
      const answers = await walk(script, runtime.url);
      expect(expected.length).toBeGreaterThan(1);
      expect(answers.map(({ status }) => status)).toEqual(expected.map(({ status }) => status));
      for (const [index, { body }] of expected.entries()) expect(answers[index]?.body).toMatchObject(body as object);
    } finally {
      await runtime.stop();
    }
  },
);
