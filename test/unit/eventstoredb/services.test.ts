import { ANY, EventStoreDBClient, jsonEvent, NO_STREAM } from '@eventstore/db-client';
import { Metadata } from '@grpc/grpc-js';
import { describe, expect, test } from 'vitest';
import { callerOf, mayDo } from '../../eventstoredb/access.ts';
import { harness, numbered } from './harness.ts';
import { proposed } from './log-builder.ts';

const large = (bytes: number) => [jsonEvent({ type: 'large', data: 'x'.repeat(bytes) })];

describe.each([
  ['BatchAppend', true],
  ['Append', false],
] as const)('4.1 to 4.3 by %s', (_name, batchAppend) => {
  test('a wrong expected version tells both versions', async () => {
    await using at = await harness({ switches: { batchAppend } });
    await at.client.appendToStream('s', numbered(2));
    const wrong = { type: 'wrong-expected-version', actualVersion: 1n };
    await expect(at.client.appendToStream('s', numbered(1), { expectedRevision: 0n })).rejects.toMatchObject({
      ...wrong,
      expectedVersion: 0n,
    });
    await expect(at.client.appendToStream('s', numbered(1), { expectedRevision: NO_STREAM })).rejects.toMatchObject({
      ...wrong,
      expectedVersion: 'no_stream',
    });
    await expect(at.client.appendToStream('new', numbered(1), { expectedRevision: 3n })).rejects.toMatchObject({
      actualVersion: 'no_stream',
    });
  });

  test('an append may be as large as the limit (data, metadata and twice the type) and not one byte larger', async () => {
    await using at = await harness({ switches: { batchAppend, maxAppendSize: 1_000 } });
    const overhead = 2 + 2 * 'large'.length;
    await expect(at.client.appendToStream('s', large(1_000 - overhead))).resolves.toMatchObject({ success: true });
    await expect(at.client.appendToStream('s', large(1_001 - overhead))).rejects.toMatchObject({
      type: 'maximum-append-size-exceeded',
      maxAppendSize: 1_000,
    });
  });

  test('an event above the limit of one event and an id of zeros are refused', async () => {
    await using at = await harness({ switches: { batchAppend, maxAppendEventSize: 100 } });
    await expect(at.client.appendToStream('s', large(100))).rejects.toThrow('exceeds Maximum Append Event Size of 100');
    const nobody = jsonEvent({ id: '00000000-0000-0000-0000-000000000000', type: 't', data: {} });
    await expect(at.client.appendToStream('s', nobody)).rejects.toThrow('invalid event id');
    expect(at.server.log.stream('s').events).toEqual([]);
  });

  test('a tombstoned stream and $all take nothing', async () => {
    await using at = await harness({ switches: { batchAppend } });
    await at.client.tombstoneStream('s');
    await expect(at.client.appendToStream('s', numbered(1))).rejects.toMatchObject({ type: 'stream-deleted', streamName: 's' });
    await expect(at.client.appendToStream('$all', numbered(1))).rejects.toMatchObject({ type: 'access-denied' });
  });

  test('faults of appends hold', async () => {
    await using at = await harness({ switches: { batchAppend } });
    at.server.faults.failAppend('stream-deleted');
    await expect(at.client.appendToStream('s', numbered(1))).rejects.toMatchObject({ type: 'stream-deleted' });
    at.server.faults.failStream({ code: 14, details: 'gone' });
    await expect(at.client.appendToStream('s', numbered(1))).rejects.toMatchObject({ type: 'unavailable' });
    await expect(at.client.appendToStream('s', numbered(1))).resolves.toMatchObject({ nextExpectedRevision: 0n });
  });
});

describe('services', () => {
  test('4.6: a deletion at a wrong version tells both as numbers; a deleted stream is not found and goes on', async () => {
    await using at = await harness();
    await expect(at.client.deleteStream('s', { expectedRevision: ANY })).rejects.toMatchObject({
      expectedVersion: -2n,
      actualVersion: -1n,
    });
    await at.client.appendToStream('s', numbered(2));
    await at.client.deleteStream('s', { expectedRevision: 1n });
    const reading = async () => {
      for await (const { event } of at.client.readStream('s')) expect(event).toBeUndefined();
    };
    await expect(reading()).rejects.toMatchObject({ type: 'stream-not-found' });
    await expect(at.client.appendToStream('s', numbered(1))).resolves.toMatchObject({ nextExpectedRevision: 2n });
  });

  test('metadata is written and read back', async () => {
    await using at = await harness();
    await at.client.setStreamMetadata('s', { maxCount: 3 });
    expect((await at.client.getStreamMetadata('s')).metadata).toEqual({ maxCount: 3 });
  });

  test('4.6: who has no password may nothing, and $all is for admins and those whom its metadata names', async () => {
    const users = { admin: 'changeit', reader: 'secret' };
    await using at = await harness({ users });
    // The client sends credentials over TLS only, so rights are asked for where they are kept.
    const reader = callerOf({ users }, credentials('reader', 'secret'));
    if (reader === undefined) throw new Error('the password is right');
    expect(callerOf({ users }, credentials('reader', 'wrong'))).toBeUndefined();
    expect(mayDo(at.server.log, reader, '$w', 'cart-1')).toBe(true);
    expect(mayDo(at.server.log, reader, '$r', '$all')).toBe(false);
    at.server.log.append('$$$all', 'any', [proposed('$metadata', '{"$acl":{"$r":["reader"]}}')]);
    expect(mayDo(at.server.log, reader, '$r', '$all')).toBe(true);
    await expect(at.client.appendToStream('s', numbered(1))).rejects.toMatchObject({ type: 'access-denied' });
  });

  test('gossip leads a client that discovers to the leader', async () => {
    await using leader = await harness();
    await using at = await harness();
    at.server.faults.notLeader({ host: '127.0.0.1', port: leader.server.port });
    const discovering = EventStoreDBClient.connectionString(at.server.url.replace('esdb:', 'esdb+discover:'));
    await discovering.appendToStream('s', numbered(1));
    await discovering.dispose();
    expect(leader.server.log.stream('s').events).toHaveLength(1);
  });
});

function credentials(name: string, password: string): Metadata {
  const headers = new Metadata();
  headers.set('authorization', `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`);
  return headers;
}
