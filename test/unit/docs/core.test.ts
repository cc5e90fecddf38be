import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { CORE, pathOf } from '../../docs/pages.ts';

const page = readFileSync(CORE, 'utf8');

/** Names of the fields of an interface, in a file of the core. */
function membersOf(file: string, name: string): readonly string[] {
  const text = readFileSync(pathOf(`runtime/core/${file}`), 'utf8');
  const tree = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const found = tree.statements.find((one) => ts.isInterfaceDeclaration(one) && one.name.text === name);
  return found !== undefined && ts.isInterfaceDeclaration(found) ? found.members.map((member) => member.name?.getText(tree) ?? '') : [];
}

test('every journal record has a row, and every row is a journal record', () => {
  const rows = [...page.matchAll(/^\| `([A-Z][A-Za-z]+)` \|/gm)].map(([, name = '']) => name);
  const records = membersOf('journal.ts', 'JournalData');
  expect(records.length).toBeGreaterThan(20);
  expect([...rows].sort()).toEqual([...records].sort());
});

test('every invariant that the page names stands in its module', () => {
  const rows = [...page.matchAll(/^\| \[([\w/-]+\.ts)\].* \| ([A-Z])(\d)(?: to \2(\d))? \|$/gm)];
  expect(rows.length).toBeGreaterThan(15);
  for (const [, file = '', letter = '', first = '', last = first] of rows) {
    const text = readFileSync(pathOf(`runtime/core/${file}`), 'utf8');
    const numbers = [...text.matchAll(new RegExp(`^ \\* ${letter}(\\d+)\\. `, 'gm'))].map(([, number]) => Number(number));
    const named = Array.from({ length: Number(last) - Number(first) + 1 }, (_one, index) => Number(first) + index);
    expect([file, ...named.filter((number) => !numbers.includes(number))]).toEqual([file]);
  }
});

test('every limit that the page names exists', () => {
  const limits = readFileSync(pathOf('runtime/core/limits.ts'), 'utf8');
  const named = [...page.matchAll(/`(max[A-Z][A-Za-z]+)`/g)].map(([, name = '']) => name);
  expect(named.length).toBeGreaterThan(1);
  expect(named.filter((name) => !limits.includes(`  ${name}:`))).toEqual([]);
});

test('the changelog tells of the formats as they are', () => {
  const changelog = readFileSync(pathOf('CHANGELOG.md'), 'utf8');
  const [, format] = /^const FORMAT = (\d+);$/m.exec(readFileSync(pathOf('runtime/core/snapshot.ts'), 'utf8')) ?? [];
  const [, told] = /Snapshots have format (\d+)/.exec(changelog) ?? [];
  expect(told).toBe(format);
  const [, table] = /^const TABLE = '(perdure\.agenda@\d+)';$/m.exec(readFileSync(pathOf('runtime/host/agenda.ts'), 'utf8')) ?? [];
  const [agenda] = /perdure\.agenda@\d+/.exec(changelog) ?? [];
  expect(agenda).toBe(table);
});
