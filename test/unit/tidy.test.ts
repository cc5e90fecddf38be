import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { type Finding, tooLarge, undocumented } from '../tools/tidy/shape.ts';
import { ROOT, type Source, sources, trackedFiles } from '../tools/tidy/sources.ts';
import { bannedCalls, leftOvers, looseTypes, twistedTests } from '../tools/tidy/words.ts';
import { BASELINE } from './tidy-baseline.ts';

// The repository's own rules, so that nobody has to remember them. What was over a bound when a rule came stands in the baseline, which only shrinks.

const files = trackedFiles();
const all = sources(files);
const shipped = all.filter(({ path }) => /^(runtime|entities|projections)\//.test(path));

function findings(rule: (source: Source) => readonly Finding[], of: readonly Source[]): readonly Finding[] {
  return of.flatMap(rule);
}

/** No finding beyond the baseline, and nothing in the baseline that is not found any more. */
function expectTidy(name: keyof typeof BASELINE, found: readonly Finding[]): void {
  const known: readonly string[] = BASELINE[name];
  expect(found.filter(({ key }) => !known.includes(key)).map(({ message }) => message)).toEqual([]);
  const keys = new Set(found.map(({ key }) => key));
  expect(
    known.filter((key) => !keys.has(key)),
    'these are tidy now: take them out of the baseline',
  ).toEqual([]);
}

test('top-level folders are runtime, entities, projections, deploy and test, beside single files', () => {
  const folders = new Set(files.filter((path) => path.includes('/') && !path.startsWith('.')).map((path) => path.split('/')[0]));
  expect([...folders].sort()).toEqual(['deploy', 'entities', 'projections', 'runtime', 'test']);
});

test('files, functions and classes are small', () => {
  expectTidy('tooLarge', findings(tooLarge, all));
});

test('every exported function and class of the runtime has a docstring', () => {
  const runtime = shipped.filter(({ path }) => path.startsWith('runtime/'));
  expectTidy('undocumented', findings(undocumented, runtime));
});

test('clocks, randomness, timers, consoles and exits stand only where they belong', () => {
  expectTidy('bannedCalls', findings(bannedCalls, all));
});

test('types are not silenced: any stands in one file', () => {
  const strict = all.filter(({ path }) => path !== 'runtime/core/definition/types.ts' && !path.startsWith('test/types/'));
  expectTidy('looseTypes', findings(looseTypes, strict));
});

test('nothing is put off in a comment', () => {
  expectTidy('leftOvers', findings(leftOvers, all));
});

test('no test is skipped, runs alone or is repeated until it passes', () => {
  expectTidy('twistedTests', findings(twistedTests, all));
});

test('an index.ts stands only at a public entry point', () => {
  const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    readonly exports: Readonly<Record<string, { readonly source?: string }>>;
  };
  const entries = Object.values(exports).map(({ source }) => source?.slice(2));
  expect(files.filter((path) => basename(path) === 'index.ts' && !entries.includes(path))).toEqual([]);
});

test('no file names a place of one machine', () => {
  const places = [dirname(ROOT), '/root', '/home/[a-z]+'].filter((place) => place !== '/' && place !== '/tmp');
  const text = new RegExp(`(^|[\\s"'\`(=])(${places.join('|')})/`, 'm');
  const found = files
    .filter((path) => /\.(ts|mjs|cjs|js|json|md|ya?ml|sh)$|(^|\/)[^.]+$/.test(path))
    .filter((path) => text.test(readFileSync(join(ROOT, path), 'utf8')));
  expect(found).toEqual([]);
});
