import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { definitionOf } from '../../../runtime/core/definition/entity.ts';
import { given } from '../../../runtime/testing/given.ts';
import program, { Seat } from '../../docs/readme-entity.ts';
import { README, readmeDoc } from '../../tools/readme.ts';

const page = readFileSync(README, 'utf8');
const packageJson = JSON.parse(readFileSync(join(dirname(README), 'package.json'), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
};

test('README.md shows the tested entity and the settings as they are (else run this test with -u)', async () => {
  await expect(readmeDoc()).toMatchFileSnapshot(README);
});

test('the entity of the README does what the README says', () => {
  const [seat] = program.entities;
  if (seat === undefined) throw new Error('the program has no entity');
  expect(definitionOf(seat).type).toBe('seat');
  const reserved = given(seat).when(Seat('1A').reserve({ by: 'Ada' }));
  expect(reserved).toMatchObject({ events: [{ type: 'Reserved', data: { by: 'Ada' } }], timers: { lapse: 15 * 60_000 } });
  expect(given(seat, ...reserved.events).when(Seat('1A').reserve({ by: 'Bo' })).rejection?.code).toBe('taken');
  expect(given(seat, ...reserved.events).when(Seat('1A').release())).toMatchObject({ state: { by: null }, timers: {} });
});

test('every link and every npm script that the README names exists', () => {
  const links = [...page.matchAll(/\]\(([^)#]+)\)/g)].map((match) => match[1] ?? '');
  expect(links.length).toBeGreaterThan(2);
  expect(links.filter((link) => !existsSync(join(dirname(README), link)))).toEqual([]);
  const scripts = [...page.matchAll(/npm (?:run )?(start|test|demo|simulate|bench|format)\b/g)].map((match) => match[1] ?? '');
  expect(scripts.filter((name) => packageJson.scripts[name] === undefined)).toEqual([]);
});
