import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';

// The page beside the public surface lists the 43 patterns of the report BPM-06-22, each with the test that proves it.

const page = readFileSync(fileURLToPath(new URL('../../../runtime/PATTERNS.md', import.meta.url)), 'utf8');
const folder = fileURLToPath(new URL('.', import.meta.url));

interface Listed {
  readonly title: string;
  readonly file: string;
}

function rows(): readonly Listed[] {
  const found = [...page.matchAll(/^\| (\d+) \| ([^|]+) \| [^|]+ \| \[(\w+)\]\(\.\.\/test\/unit\/patterns\/(\w+)\.test\.ts\) \|$/gm)];
  return found.map(([, number = '', name = '', label = '', file = '']) => {
    expect(label).toBe(file);
    return { title: `WCP-${number} ${name}`, file };
  });
}

function tests(): readonly Listed[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.test.ts') && name !== 'catalogue.test.ts');
  return files.flatMap((name) => {
    const tree = ts.createSourceFile(name, readFileSync(folder + name, 'utf8'), ts.ScriptTarget.ES2022, true);
    return tree.statements.flatMap(titleOf).map((title) => ({ title, file: name.replace('.test.ts', '') }));
  });
}

function titleOf(statement: ts.Statement): readonly string[] {
  if (!ts.isExpressionStatement(statement) || !ts.isCallExpression(statement.expression)) return [];
  const [title] = statement.expression.arguments;
  return title !== undefined && ts.isStringLiteral(title) ? [title.text] : [];
}

const byTitle = (a: Listed, b: Listed) => a.title.localeCompare(b.title);

test('PATTERNS.md lists the patterns 1 to 43, each once and in order', () => {
  const numbers = rows().map(({ title }) => Number(/^WCP-(\d+) /.exec(title)?.[1]));
  expect(numbers).toEqual(Array.from({ length: 43 }, (_, index) => index + 1));
});

test('each pattern of PATTERNS.md is a test of that name in that file, and each test is a pattern', () => {
  expect([...tests()].sort(byTitle)).toEqual([...rows()].sort(byTitle));
});

test('the code that PATTERNS.md shows stands in the tests', () => {
  const code = readdirSync(folder)
    .filter((name) => name.endsWith('.ts'))
    .map((name) => withoutIndent(readFileSync(folder + name, 'utf8')));
  const blocks = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block = '']) => withoutIndent(block));
  expect(blocks.length).toBe(3);
  expect(blocks.filter((block) => !code.some((text) => text.includes(block)))).toEqual([]);
});

/** Lines without what stands before them: a block is shown at another depth than it has in its test. */
function withoutIndent(text: string): string {
  return text.replace(/^ +/gm, '');
}
