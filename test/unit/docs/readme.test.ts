import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { definitionOf } from '../../../runtime/core/definition/entity.ts';
import { given } from '../../../runtime/testing/given.ts';
import { pathOf, README, readmeDoc } from '../../docs/pages.ts';
import program, { Seat } from '../../docs/readme-entity.ts';

const page = readFileSync(README, 'utf8');
const packageJson = JSON.parse(readFileSync(pathOf('package.json'), 'utf8')) as {
  readonly version: string;
  readonly scripts: Readonly<Record<string, string>>;
};

test('README.md shows the tested code, the settings and the limits as they are (else run this test with -u)', async () => {
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

const PAGES = [
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'deploy/README.md'],
  ...['runtime/DURABLE.md', 'runtime/PATTERNS.md', 'runtime/core/README.md', 'runtime/testing/README.md'],
];

test.each(PAGES)('every link of %s leads somewhere', (path) => {
  const file = pathOf(path);
  const links = [...readFileSync(file, 'utf8').matchAll(/\]\(([^)]+)\)/g)].map((match) => match[1] ?? '');
  expect(links.filter((link) => !link.startsWith('https://') && !leads(file, link))).toEqual([]);
});

/** To a file, and to a heading in it if it names one. */
function leads(from: string, link: string): boolean {
  const [file = '', heading] = link.split('#');
  const target = file === '' ? from : join(dirname(from), file);
  if (!existsSync(target)) return false;
  return heading === undefined || headingsOf(readFileSync(target, 'utf8')).includes(heading);
}

function headingsOf(text: string): readonly string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

test('every npm script that the README names exists', () => {
  const scripts = [...page.matchAll(/npm (?:run (?:-s )?)?(start|test|demo|simulate|bench|format|build|perdure|golden)\b/g)];
  expect(scripts.length).toBeGreaterThan(5);
  expect(scripts.map((match) => match[1] ?? '').filter((name) => packageJson.scripts[name] === undefined)).toEqual([]);
});

test('the newest version of the changelog is that of the package', () => {
  const [, newest] = /^## \[(\d[^\]]*)\]/m.exec(readFileSync(pathOf('CHANGELOG.md'), 'utf8')) ?? [];
  expect(newest).toBe(packageJson.version);
});
