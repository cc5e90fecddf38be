import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { account } from '../../../entities/account.ts';
import { resolveConfig } from '../../../runtime/config.ts';
import { type Program, type Runtime, start } from '../../../runtime/start.ts';
import { type EventStoreServer, startEventStore } from '../../eventstoredb/server.ts';
import { perdure } from './shell.ts';

let server: EventStoreServer;
let scratch: string;
beforeEach(async () => {
  server = await startEventStore();
  scratch = await mkdtemp(join(tmpdir(), 'perdure-store-'));
});
afterEach(async () => {
  await server.stop();
  await rm(scratch, { recursive: true, force: true });
});

const program: Program = { entities: [account] };
function node(disk: string): Promise<Runtime> {
  const own = {
    dataDir: join(scratch, disk),
    eventstoreUrl: server.url,
    leaseMs: 1_000,
    port: 0,
    host: '127.0.0.1',
    logLevel: 'silent',
  } as const;
  return start(program, { ...resolveConfig({ env: {} }), ...own });
}
const renew = () => perdure(['store', 'renew'], { PERDURE_EVENTSTORE_URL: server.url, PERDURE_LEASE: '1s' });

test('store renew gives the store another id: the rows of before are refused, a fresh directory is taken', async () => {
  await (await node('one')).stop();
  const renewed = await renew();
  expect(renewed).toMatchObject({ code: 0, err: '' });
  expect(renewed.out.join()).toMatch(/^the store is [0-9a-f-]{36} from now on/);
  await expect(node('one')).rejects.toMatchObject({ code: 'store-mismatch' });
  await (await node('two')).stop();
});

test('store renew is refused while a node works on the store, where there is no store, and for the embedded one', async () => {
  const running = await node('one');
  expect(await renew()).toMatchObject({ code: 2, err: expect.stringContaining('[store-in-use]') });
  await running.stop();
  const empty = await startEventStore();
  expect(await perdure(['store', 'renew'], { PERDURE_EVENTSTORE_URL: empty.url })).toMatchObject({
    code: 2,
    err: expect.stringContaining('there is no store'),
  });
  await empty.stop();
  expect(await perdure(['store', 'renew'], {})).toMatchObject({
    code: 2,
    err: expect.stringContaining('PERDURE_EVENTSTORE_URL is not set'),
  });
});
