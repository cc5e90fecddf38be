import { type AllStreamSubscription, END, type EventStoreDBClient, type Position, START, streamNameFilter } from '@eventstore/db-client';
import { describe, expect, test } from 'vitest';
import type { Log } from '../../eventstoredb/log.ts';
import { Heard, harness, numbered } from './harness.ts';

interface Filtered {
  readonly heard: Heard;
  readonly checkpoints: Position[];
  readonly subscription: AllStreamSubscription;
}

function filtered(client: EventStoreDBClient, fromPosition: Position | typeof START, window: number, multiplier = 1): Filtered {
  const checkpoints: Position[] = [];
  const filter = streamNameFilter({
    prefixes: ['mine-'],
    maxSearchWindow: window,
    checkpointInterval: multiplier,
    checkpointReached: async (_subscription, position) => {
      checkpoints.push(position);
      heard.hear('checkpoint');
    },
  });
  const subscription = client.subscribeToAll({ fromPosition, filter });
  const heard = new Heard(subscription);
  return { heard, checkpoints, subscription };
}

function positionOf(log: Log, n: number): bigint {
  const text = JSON.stringify({ n });
  const record = log.records.find(({ stream, data }) => stream === 'mine-1' && Buffer.from(data).toString() === text);
  if (record === undefined) throw new Error(`no event ${n}`);
  return BigInt(record.position);
}

describe('4.5 subscriptions', () => {
  test('catch up, say so, and go on live', async () => {
    await using at = await harness();
    await at.client.appendToStream('mine-1', numbered(2));
    const heard = new Heard(at.client.subscribeToAll({ fromPosition: START }));
    await heard.until('caughtUp');
    await at.client.appendToStream('mine-1', numbered(1, 2));
    await heard.until('event 2');
    expect(heard.words.filter((word) => word !== 'event undefined')).toEqual(['event 0', 'event 1', 'caughtUp', 'event 2']);
  });

  test('from the end: caught up at once, and only what comes later', async () => {
    await using at = await harness();
    await at.client.appendToStream('mine-1', numbered(2));
    const heard = new Heard(at.client.subscribeToAll({ fromPosition: END }));
    await heard.until('caughtUp');
    await at.client.appendToStream('mine-1', numbered(1, 2));
    await heard.until('event 2');
    expect(heard.words).toEqual(['caughtUp', 'event 2']);
  });

  test('from a position: exclusive, and with a prepare position of 0 inclusive', async () => {
    await using at = await harness();
    await at.client.appendToStream('mine-1', numbered(3));
    const commit = positionOf(at.server.log, 1);
    const after = new Heard(at.client.subscribeToAll({ fromPosition: { commit, prepare: commit } }));
    await after.until('caughtUp');
    expect(after.words).toEqual(['event 2', 'caughtUp']);
    const from = new Heard(at.client.subscribeToAll({ fromPosition: { commit, prepare: 0n } }));
    await from.until('caughtUp');
    expect(from.words).toEqual(['event 1', 'event 2', 'caughtUp']);
  });

  test('from beyond the end: events up to there are skipped in silence', async () => {
    await using at = await harness();
    const commit = BigInt(at.server.log.end + 50);
    const heard = new Heard(at.client.subscribeToAll({ fromPosition: { commit, prepare: commit } }));
    await heard.until('caughtUp');
    await at.client.appendToStream('mine-1', numbered(3));
    await heard.until('event 2');
    expect(heard.words).toEqual(['caughtUp', 'event 1', 'event 2']);
  });

  test('from between two records: refused', async () => {
    await using at = await harness();
    const heard = new Heard(at.client.subscribeToAll({ fromPosition: { commit: 1_001n, prepare: 1_001n } }));
    await heard.until('error');
    expect(heard.words[0]).toContain('INVALID_ARGUMENT');
  });

  test('filtered: a checkpoint every multiplier x window considered records, and one when the catch-up ends', async () => {
    await using at = await harness();
    const noise = at.server.log.records.length;
    await at.client.appendToStream('mine-1', numbered(1));
    await at.client.appendToStream('other-1', numbered(39 - noise));
    const { heard, checkpoints } = filtered(at.client, START, 10, 2);
    await heard.until('caughtUp');
    expect(heard.words).toEqual(['event 0', 'checkpoint', 'checkpoint', 'caughtUp']);
    await at.client.appendToStream('other-1', numbered(25));
    await heard.until('checkpoint', 3);
    await heard.until('caughtUp', 1);
    expect(checkpoints.at(-1)?.commit).toBeGreaterThan(checkpoints[1]?.commit ?? 0n);
  });

  test('filtered: a checkpoint of a catch-up is the later of the last event and the start of the page, with a prepare position of 0', async () => {
    await using at = await harness();
    const { log } = at.server;
    await at.client.appendToStream('mine-1', numbered(1));
    await at.client.appendToStream('other-1', numbered(40 - log.records.length));
    const { heard, checkpoints } = filtered(at.client, START, 20);
    await heard.until('caughtUp');
    const event = positionOf(log, 0);
    expect(checkpoints).toEqual([
      { commit: event, prepare: event },
      { commit: BigInt(log.records[20]?.position ?? 0), prepare: 0n },
    ]);
  });

  test('filtered: the bug of 25.0 names a record that was not looked at', async () => {
    await using at = await harness({ switches: { checkpointBug25: true } });
    const { log } = at.server;
    await at.client.appendToStream('other-1', numbered(40 - log.records.length));
    const { heard, checkpoints } = filtered(at.client, START, 20);
    await heard.until('caughtUp');
    const unseen = BigInt(log.records[20]?.position ?? 0);
    expect(checkpoints[0]).toEqual({ commit: unseen, prepare: unseen });
  });

  test('filtered and live: the checkpoint is the last record that was considered', async () => {
    await using at = await harness();
    const { heard, checkpoints } = filtered(at.client, START, 50);
    await heard.until('caughtUp');
    for (let part = 0; part < 6; part += 1) await at.client.appendToStream('other-1', numbered(10));
    await heard.until('checkpoint', 2);
    const last = BigInt(at.server.log.records[49]?.position ?? 0);
    expect(checkpoints[1]).toEqual({ commit: last, prepare: last });
  });

  test('more than 32 events behind: served from the log again and told once more that it caught up', async () => {
    await using at = await harness();
    const heard = new Heard(at.client.subscribeToAll({ fromPosition: END }));
    await heard.until('caughtUp');
    at.server.faults.holdSubscriptions(true);
    await at.client.appendToStream('mine-1', numbered(33));
    at.server.faults.holdSubscriptions(false);
    await heard.until('caughtUp', 2);
    expect(heard.words).toEqual(['caughtUp', ...numbered(33).map(({ data }) => `event ${data.n}`), 'caughtUp']);
  });

  test('more than 32 events behind on a server up to 23.10: dropped', async () => {
    await using at = await harness({ switches: { consumerTooSlowDrop: true } });
    const heard = new Heard(at.client.subscribeToAll({ fromPosition: END }));
    await heard.until('caughtUp');
    at.server.faults.holdSubscriptions(true);
    await at.client.appendToStream('mine-1', numbered(33));
    at.server.faults.holdSubscriptions(false);
    await heard.until('error');
    expect(heard.words.at(-1)).toContain('Consumer too slow');
  });

  test('of a stream: its tombstone is delivered, and then ends it', async () => {
    await using at = await harness();
    await at.client.appendToStream('mine-1', numbered(1));
    const subscription = at.client.subscribeToStream('mine-1', { fromRevision: START });
    const types: (string | undefined)[] = [];
    subscription.on('data', ({ event }) => types.push(event?.type));
    subscription.once('caughtUp', () => at.client.tombstoneStream('mine-1'));
    const error = await new Promise((resolve) => subscription.on('error', resolve));
    expect(error).toMatchObject({ type: 'stream-deleted', streamName: 'mine-1' });
    expect(types).toEqual(['numbered', '$streamDeleted']);
  });
});
