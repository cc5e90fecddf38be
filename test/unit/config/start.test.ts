import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Account } from '../../../entities/account.ts';
import reference from '../../../perdure.config.ts';
import { accounts } from '../../../projections/accounts.ts';
import { reportError } from '../../../runtime/cli/report.ts';
import { resolveConfig } from '../../../runtime/config.ts';
import { type Runtime, start } from '../../../runtime/start.ts';

let dataDir: string;
let running: Runtime | undefined;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'perdure-start-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await running?.stop();
  running = undefined;
  await rm(dataDir, { recursive: true });
});

const quiet = { port: 0, logLevel: 'silent' } as const;
const program = reference({ paymentsUrl: undefined, logLevel: 'silent' });

test('a whole configuration is taken as it is: the environment is not read again', async () => {
  const config = { ...resolveConfig({ env: {} }), ...quiet, dataDir, host: '127.0.0.1' };
  vi.stubEnv('PERDURE_PORT', 'not a port');
  running = await start(program, config);
  expect((await fetch(`${running.url}/readyz`)).status).toBe(200);
});

test('what is left out of a configuration comes from the environment', async () => {
  vi.stubEnv('PERDURE_PORT', 'not a port');
  await expect(start(program, { dataDir, logLevel: 'silent' })).rejects.toMatchObject({ code: 'invalid-config' });
});

test('port 0 and an IPv6 address for any give a url that answers', async () => {
  running = await start(program, { ...quiet, dataDir, host: '::' });
  expect(running.url).toMatch(/^http:\/\/\[::1\]:[1-9]\d*$/);
  expect((await fetch(`${running.url}/readyz`)).status).toBe(200);
});

test('rows of another store stop the start with one readable line, and nothing stays open', async () => {
  const first = await start(program, { ...quiet, dataDir, host: '127.0.0.1' });
  await first.client.update(Account('a').open({ owner: 'ann' }));
  await first.client.session(first.client.position).rows(accounts).get('a');
  await first.stop();
  for (const entry of (await readdir(dataDir)).filter((name) => name !== 'rows')) await rm(join(dataDir, entry), { recursive: true });
  for (let round = 0; round < 2; round += 1) {
    const lines: string[] = [];
    const error = await start(program, { ...quiet, dataDir, host: '127.0.0.1' }).catch((thrown: unknown) => thrown);
    expect(reportError(error, (line) => lines.push(line))).toBe(1);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^perdure: .*store.* \[store-mismatch\]\n {2}\S[^\n]*$/);
  }
});
