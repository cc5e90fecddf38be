import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../tools/node-process.ts';

test('npm run demo, in short: everything adds up, and it says what to try next', { timeout: 60_000 }, () => {
  const main = join(packageRoot(), 'dist/test/demo/main.js');
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, '--messages', '1500'], { encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(status, stdout).toBe(0);
  expect(stdout).toContain('kill -9');
  expect(stdout).toContain('Histories, states, projection rows and answers agree.');
  expect(stdout).toContain('curl');
  expect(stdout).toContain('the gateway was asked 2 times under one key, and took the money once');
  expect(stdout).toMatch(/the run that asked them goes on in process \d+: approved/);
  const [acknowledged, found] = ['acknowledged', 'found in the histories'].map(
    (what) => new RegExp(`  ${what} +([\\d,]+)`).exec(stdout)?.[1],
  );
  expect(acknowledged).toMatch(/\d/);
  expect(found).toBe(acknowledged);
  expect(stdout, 'no terminal, no control codes').not.toContain('\x1b');
});
