import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { GUIDE, pathOf } from '../../docs/pages.ts';

const page = readFileSync(GUIDE, 'utf8');
const FOLDER = 'test/unit/docs';
const examples = readdirSync(pathOf(FOLDER))
  .filter((name) => name.startsWith('guide-'))
  .map((name) => lines(readFileSync(pathOf(`${FOLDER}/${name}`), 'utf8')));

/** Without indentation: a block stands in a function. */
function lines(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trim())
    .join('\n');
}

test('every example of the guide is executed by a test, word for word', () => {
  const blocks = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => lines(match[1] ?? ''));
  expect(blocks.length).toBeGreaterThan(10);
  expect(blocks.filter((block) => !examples.some((text) => text.includes(block)))).toEqual([]);
});
