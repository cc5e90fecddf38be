import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { LIMITS } from '../../../runtime/core/limits.ts';
import { DEFAULT_RETRY } from '../../../runtime/core/retry.ts';
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

test('the numbers of the guide are those of the code', () => {
  const { initialMs, factor, maxMs, attempts } = DEFAULT_RETRY;
  const said = [
    `| \`retry.initial\` | ${initialMs / 1_000} s |`,
    `| \`retry.factor\` | ${factor} |`,
    `| \`retry.max\` | ${maxMs / 1_000} s |`,
    `| \`retry.attempts\` | ${attempts === Number.POSITIVE_INFINITY ? 'no end' : attempts} |`,
    `| \`timeout\` | ${LIMITS.attemptTimeoutMs / 60_000} min |`,
    `starts at most ${LIMITS.maxMapStarts} in one turn`,
    `plain data of at most ${LIMITS.maxActivityBytes / 1_024} KiB`,
    `up to ${LIMITS.maxWarmInputs.toLocaleString('en-US').replace(',', ' ')} of them or ${LIMITS.maxWarmBytes / 1_024} KiB`,
  ];
  expect(said.filter((text) => !page.includes(text))).toEqual([]);
});
