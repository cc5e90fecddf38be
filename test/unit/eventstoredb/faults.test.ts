import { jsonEvent, NO_STREAM, START } from '@eventstore/db-client';
import { describe, expect, test } from 'vitest';
import { type Harness, Heard, harness, numbered } from './harness.ts';

const once = [jsonEvent({ type: 'once', data: {} })];

/** A harness whose client has its append call open, so that appends reach the server in the order in which they are made. */
async function warm(): Promise<Harness> {
  const at = await harness();
  await at.client.appendToStream('warm', numbered(1));
  return at;
}

describe('faults', () => {
  test('failAppend answers with the error and makes nothing, as often as it was told', async () => {
    await using at = await harness();
    at.server.faults.failAppend('stream-deleted', 2);
    for (let time = 0; time < 2; time += 1) {
      await expect(at.client.appendToStream('s', once)).rejects.toMatchObject({ type: 'stream-deleted', streamName: 's' });
    }
    expect(at.server.log.stream('s').events).toEqual([]);
    await expect(at.client.appendToStream('s', once)).resolves.toMatchObject({ success: true });
  });

  test.each([
    ['wrong-expected-version', 'wrong-expected-version'],
    ['access-denied', 'access-denied'],
    ['timeout', 'deadline-exceeded'],
    ['maximum-append-size-exceeded', 'maximum-append-size-exceeded'],
    ['not-ready', 'unknown'],
    ['too-busy', 'unknown'],
    ['no-leader', 'unknown'],
    ['bad-request', 'unknown'],
  ] as const)('failAppend(%s) reaches the client as %s', async (error, type) => {
    await using at = await harness();
    at.server.faults.failAppend(error);
    await expect(at.client.appendToStream('s', once)).rejects.toMatchObject({ type });
  });

  test('failStream ends the call, and the next append makes a new one', async () => {
    await using at = await harness();
    at.server.faults.failStream({ code: 14, details: 'gone', metadata: { why: 'test' } });
    await expect(at.client.appendToStream('s', once)).rejects.toMatchObject({ type: 'unavailable' });
    await expect(at.client.appendToStream('s', once)).resolves.toMatchObject({ success: true });
  });

  test('dropAfterCommit makes the append and loses its answer; the repeat is idempotent', async () => {
    await using at = await warm();
    at.server.faults.dropAfterCommit();
    const unanswered = at.client.appendToStream('s', once, { expectedRevision: NO_STREAM });
    unanswered.catch(() => {});
    const repeated = await at.client.appendToStream('s', once, { expectedRevision: NO_STREAM });
    expect(repeated).toMatchObject({ success: true, nextExpectedRevision: 0n });
    expect(at.server.log.stream('s').events).toHaveLength(1);
  });

  test('dropBeforeCommit makes nothing', async () => {
    await using at = await warm();
    at.server.faults.dropBeforeCommit();
    at.client.appendToStream('lost', once).catch(() => {});
    await at.client.appendToStream('s', once);
    expect(at.server.log.stream('lost').events).toEqual([]);
  });

  test('noAnswerWhenIdempotent is used up by an idempotent append only', async () => {
    await using at = await warm();
    at.server.faults.noAnswerWhenIdempotent();
    await at.client.appendToStream('s', once, { expectedRevision: NO_STREAM });
    at.client.appendToStream('s', once, { expectedRevision: NO_STREAM }).catch(() => {});
    await expect(at.client.appendToStream('s', once, { expectedRevision: NO_STREAM })).resolves.toMatchObject({ success: true });
  });

  test('delayReplies makes the append at once and answers later than the next', async () => {
    await using at = await warm();
    const answered: string[] = [];
    at.server.faults.delayReplies(30);
    const late = at.client.appendToStream('late', once).then(() => answered.push('late'));
    await at.client.appendToStream('s', once).then(() => answered.push('s'));
    expect(at.server.log.stream('late').events).toHaveLength(1);
    await late;
    expect(answered).toEqual(['s', 'late']);
  });

  test('freeze answers nothing and reads nothing, and thaw goes on with all of it', async () => {
    await using at = await harness();
    await at.client.appendToStream('s', once);
    const heard = new Heard(at.client.subscribeToAll({ fromPosition: START }));
    await heard.until('caughtUp');
    at.server.faults.freeze();
    const before = at.server.log.records.length;
    const answered: string[] = [];
    const append = at.client.appendToStream('s', numbered(1)).then(() => answered.push('append'));
    // Another server on the same event loop answers meanwhile: the frozen one had its turns.
    await using other = await harness();
    for (let time = 0; time < 20; time += 1) await other.client.appendToStream('s', once);
    expect(at.server.log.records.length).toBe(before);
    expect(answered).toEqual([]);
    at.server.faults.thaw();
    await append;
    await heard.until('event 0');
  });

  test('endSubscriptions ends them without an error', async () => {
    await using at = await harness();
    const heard = new Heard(at.client.subscribeToAll({ fromPosition: START }));
    await heard.until('caughtUp');
    at.server.faults.endSubscriptions();
    await heard.until('end');
    expect(heard.words.some((word) => word.startsWith('error'))).toBe(false);
  });

  test('killConnections resets them, and the server goes on listening', async () => {
    await using at = await harness();
    await at.client.appendToStream('s', once);
    const heard = new Heard(at.client.subscribeToAll({ fromPosition: START }));
    await heard.until('caughtUp');
    at.server.faults.killConnections();
    await heard.until('error');
    expect(heard.words.at(-1)).toContain('UNAVAILABLE');
    await expect(at.client.appendToStream('s', numbered(1))).resolves.toMatchObject({ success: true });
  });

  test('notLeader refuses what requires the leader and names it', async () => {
    await using leader = await harness();
    await using at = await harness();
    at.server.faults.notLeader({ host: '127.0.0.1', port: leader.server.port });
    await expect(at.client.appendToStream('s', once, { requiresLeader: true })).rejects.toMatchObject({ type: 'not-leader' });
    await at.client.appendToStream('s', once, { requiresLeader: true });
    expect(leader.server.log.stream('s').events).toHaveLength(1);
  });

  test('notReady answers as a server that starts', async () => {
    await using at = await harness();
    at.server.faults.notReady(true);
    await expect(at.client.appendToStream('s', once)).rejects.toThrow('Could not recognize Server Is Not Ready');
    const reading = async () => {
      for await (const { event } of at.client.readStream('s')) expect(event).toBeUndefined();
    };
    await expect(reading()).rejects.toMatchObject({ type: 'unavailable' });
    at.server.faults.notReady(false);
    await expect(at.client.appendToStream('s', once)).resolves.toMatchObject({ success: true });
  });

  test('a restart keeps port and log', async () => {
    await using at = await harness();
    await at.client.appendToStream('s', once);
    const heard = new Heard(at.client.subscribeToAll({ fromPosition: START }));
    await heard.until('caughtUp');
    await at.server.restart();
    await heard.until('error');
    const appended = await at.client.appendToStream('s', numbered(1), { expectedRevision: 0n });
    expect(appended).toMatchObject({ success: true, nextExpectedRevision: 1n });
  });

  test('reset takes everything back', async () => {
    await using at = await harness();
    const { faults } = at.server;
    faults.failAppend('timeout', 5);
    faults.notReady(true);
    faults.notLeader({ host: 'nowhere', port: 1 });
    faults.freeze();
    faults.reset();
    await expect(at.client.appendToStream('s', once, { requiresLeader: true })).resolves.toMatchObject({ success: true });
  });
});
