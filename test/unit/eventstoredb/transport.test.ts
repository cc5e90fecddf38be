import { once } from 'node:events';
import { connect } from 'node:http2';
import { expect, test } from 'vitest';
import { Log } from '../../eventstoredb/log.ts';
import { harness, numbered } from './harness.ts';
import { several } from './log-builder.ts';

test('O1: a read whose client does not read is not read ahead of it', async () => {
  let looked = 0;
  const log = new Log(() => {
    looked += 1;
    return 0;
  });
  for (let part = 0; part < 200; part += 1) log.append('s', 'any', several(100));
  await using at = await harness({ log });
  looked = 0;
  const stalled = at.client.readStream('s');
  await once(stalled, 'readable');
  // Each round trip gives the server a turn in which it could go on.
  for (let time = 0; time < 50; time += 1) await at.client.appendToStream('other', numbered(1));
  expect(looked).toBeGreaterThan(0);
  expect(looked).toBeLessThan(5_000);
  await stalled.cancel();
});

test('S1: a frozen server answers no ping, and all of them when it goes on', async () => {
  await using at = await harness();
  const session = connect(`http://127.0.0.1:${at.server.port}`);
  const ping = () => new Promise<void>((resolve, reject) => session.ping((error) => (error === null ? resolve() : reject(error))));
  await once(session, 'connect');
  await ping();
  at.server.faults.freeze();
  let isAnswered = false;
  const answered = ping().then(() => {
    isAnswered = true;
  });
  await using other = await harness();
  for (let time = 0; time < 20; time += 1) await other.client.appendToStream('s', numbered(1));
  expect(isAnswered).toBe(false);
  at.server.faults.thaw();
  await answered;
  session.close();
});

test('S1: a connection made while the server is frozen is served when it goes on', async () => {
  await using at = await harness();
  at.server.faults.freeze();
  const appended = at.client.appendToStream('s', numbered(1));
  await using other = await harness();
  for (let time = 0; time < 20; time += 1) await other.client.appendToStream('s', numbered(1));
  expect(at.server.log.stream('s').events).toEqual([]);
  at.server.faults.thaw();
  await expect(appended).resolves.toMatchObject({ success: true });
});
