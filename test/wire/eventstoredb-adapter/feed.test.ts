import { setTimeout as passed } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { commitOf, data, readAll } from '../../contract/event-store.ts';
import { Follower } from './follower.ts';
import { freshStream, settle, write, written } from './sending.ts';
import { SILENCE_MS, useWorld } from './world.ts';

// The one subscription from which all others of a node are served: when it counts as lost, and what becomes of large payloads then (L1, L2 of live-feed.ts).

const { server, open, notices } = useWorld();

/** Appends an event to a stream, as another application or the server itself does. */
function foreign(stream: string): void {
  const id = crypto.randomUUID();
  server().log.append(stream, 'any', [
    { id, type: 'noise', contentType: 'application/json', data: Buffer.from('{}'), metadata: new Uint8Array() },
  ]);
}

test('L2: a log that grows by nothing that a subscription wants is no loss', async () => {
  const store = await open();
  const follower = await new Follower(store, { prefixes: ['cart-'] }).caughtUp();
  for (let times = 0; times < 16; times += 1) {
    foreign('$stats-127.0.0.1');
    await store.putValue('watermark', new Uint8Array([times]));
    await passed(SILENCE_MS / 4);
  }
  expect([store.stats().feedLosses, notices]).toEqual([0, []]);
  const stream = freshStream();
  await write(store, stream, 1);
  expect(await follower.holds(2)).toEqual(written(1));
});

test('L2: a silence is a loss if something was appended that is wanted, however much noise there is about it', async () => {
  const store = await open();
  const follower = await new Follower(store, { prefixes: ['cart-'] }).caughtUp();
  for (let times = 0; times < 8; times += 1) {
    foreign('$stats-127.0.0.1');
    await passed(SILENCE_MS / 4);
  }
  server().faults.holdSubscriptions(true);
  const stream = freshStream();
  await write(store, stream, 2);
  for (let times = 0; times < 8; times += 1) {
    foreign('$stats-127.0.0.1');
    await passed(SILENCE_MS / 4);
  }
  expect(notices).toContainEqual(expect.stringContaining('silent'));
  server().faults.holdSubscriptions(false);
  expect(await follower.holds(4)).toEqual(written(2));
});

test('L1: connections that are reset while large payloads are fetched cost nothing but time', async () => {
  const [writer, reader] = [await open(), await open()];
  const follower = await new Follower(reader, { prefixes: ['cart-'] }).caughtUp();
  const values: unknown[] = [];
  for (let times = 0; times < 4; times += 1) {
    const stream = freshStream();
    // The payload of the first turn is being fetched, and that of the second one too, when the connections are reset.
    const stop = server().log.onAppended(() => {
      if (server().log.stream(stream).events.length === 2) setImmediate(() => server().faults.killConnections());
    }, stream);
    for (let turn = 0; turn < 3; turn += 1) {
      const value = { n: values.length, text: 'y'.repeat(3_000 * 1024) };
      values.push(value);
      expect((await settle(writer, commitOf(stream, turn - 1, { data: value }))).at(-1)?.kind).toBe('committed');
    }
    stop();
  }
  expect(await follower.holds(values.length)).toEqual(values);
  const streams = [...new Set(follower.records.map(({ stream }) => stream))];
  for (const stream of streams) expect(data(await readAll(writer, stream))).toHaveLength(3);
});
