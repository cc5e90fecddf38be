import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const page = readFileSync(new URL('../../../runtime/testing/README.md', import.meta.url), 'utf8');
const examples = lines(readFileSync(new URL('./examples.test.ts', import.meta.url), 'utf8'));

/** Without indentation: a block stands in a function. */
function lines(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trim())
    .join('\n');
}

test('every example of the page is executed by a test, word for word', () => {
  const blocks = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => lines(match[1] ?? ''));
  expect(blocks.length).toBeGreaterThan(5);
  expect(blocks.filter((block) => !examples.includes(block))).toEqual([]);
});
