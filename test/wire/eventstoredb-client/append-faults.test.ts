import { randomUUID } from 'node:crypto';
import { binaryEvent, EventStoreDBClient, jsonEvent } from '@eventstore/db-client';
import { describe, expect, test } from 'vitest';
import { type EventStoreServer, startEventStore } from '../../eventstoredb/server.ts';
import { failureOf, freshStream, numbered } from '../eventstoredb/events.ts';
import { standingOf, useFixture } from './fixture.ts';
import { unhandledDuring } from './unhandled.ts';

// Section 3: what `appendToStream` of the client 6.2.1 does when a server or a line fails. These are its faults, not what anybody wants: a test
// that fails here says that the client has changed, and that the adapter's own appender may have become simpler.

const { server, connect } = useFixture();
/** Long enough for an answer of a server in this process, many times over. */
const WHILE_MS = 400;

function append(client: EventStoreDBClient, stream = freshStream()) {
  return client.appendToStream(stream, numbered(0), { expectedRevision: 'no_stream' });
}

/** A client whose BatchAppend call is open. */
async function warm(url?: string): Promise<EventStoreDBClient> {
  const client = connect(url);
  await append(client);
  return client;
}

function eventsIn({ log }: EventStoreServer, stream: string): number {
  return log.stream(stream).events.length;
}

/** Waits until the server has made an append to the stream. */
function made({ log }: EventStoreServer, stream: string): Promise<void> {
  return new Promise((resolve) => {
    const stop = log.onAppended(() => {
      stop();
      resolve();
    }, stream);
  });
}

describe('two clients of one process', () => {
  test('B1: an error of one rejects what the other has in flight on another server, though it was made', async () => {
    const other = await startEventStore();
    try {
      const [failing, innocent] = [await warm(), await warm(other.url)];
      other.faults.dropAfterCommit();
      const stream = freshStream();
      const isMade = made(other, stream);
      const rejected = failureOf(append(innocent, stream));
      await isMade;
      server().faults.failStream({ code: 13, details: 'broken elsewhere' });
      await failureOf(append(failing));
      expect((await rejected).message).toContain('broken elsewhere');
      expect(eventsIn(other, stream)).toBe(1);
      await innocent.dispose();
    } finally {
      await other.stop();
    }
  });

  test('B2: the late answer of an append that was rejected so ends the process', async () => {
    const other = await startEventStore();
    try {
      const [failing, innocent] = [await warm(), await warm(other.url)];
      const unhandled = await unhandledDuring(async () => {
        other.faults.delayReplies(WHILE_MS / 4);
        const stream = freshStream();
        const isMade = made(other, stream);
        const rejected = failureOf(append(innocent, stream));
        await isMade;
        server().faults.failStream({ code: 13, details: 'broken elsewhere' });
        await failureOf(append(failing));
        await rejected;
      }, WHILE_MS);
      expect(unhandled.map(({ error }) => `${error}`)).toEqual([expect.stringContaining('is not iterable')]);
      await innocent.dispose();
    } finally {
      await other.stop();
    }
  });
});

test('B3: when a connection dies, each append that was queued raises an unhandled rejection besides', async () => {
  const client = await warm();
  const data = Buffer.alloc(200 * 1024);
  let outcomes: readonly PromiseSettledResult<unknown>[] = [];
  const unhandled = await unhandledDuring(async () => {
    server().faults.freeze();
    const appends = Array.from({ length: 50 }, () =>
      client.appendToStream(freshStream(), binaryEvent({ type: 'Heavy', data }), { expectedRevision: 'no_stream' }),
    );
    const all = Promise.allSettled(appends);
    await standingOf(all, WHILE_MS / 2);
    server().faults.killConnections();
    server().faults.thaw();
    outcomes = await all;
  });
  expect(outcomes.map(({ status }) => status)).toEqual(outcomes.map(() => 'rejected'));
  expect(unhandled.length).toBeGreaterThan(25);
  expect(new Set(unhandled.map(({ kind }) => kind))).toEqual(new Set(['unhandledRejection']));
});

test('B4: an append that a silent server does not answer is pending past its deadline', async () => {
  const client = await warm();
  server().faults.dropAfterCommit();
  const stream = freshStream();
  const appending = client.appendToStream(stream, numbered(0), { expectedRevision: 'no_stream', deadline: WHILE_MS / 4 });
  const rejected = failureOf(appending);
  expect(await standingOf(rejected, WHILE_MS)).toBe('pending');
  expect(eventsIn(server(), stream)).toBe(1);
  server().faults.killConnections();
  expect(await rejected).toMatchObject({ type: 'unavailable' });
});

test('B5: a call that the server ends without an error leaves its appends pending, every later one, and the disposal of the client', async () => {
  const client = EventStoreDBClient.connectionString(server().url);
  await append(client);
  server().faults.dropAfterCommit();
  const stream = freshStream();
  const isMade = made(server(), stream);
  const inFlight = append(client, stream);
  await isMade;
  server().faults.endCleanly();
  expect(await standingOf(inFlight, WHILE_MS)).toBe('pending');
  const later = freshStream();
  expect(await standingOf(append(client, later), WHILE_MS)).toBe('pending');
  expect(eventsIn(server(), later)).toBe(0);
  expect(await standingOf(client.dispose(), WHILE_MS)).toBe('pending');
});

test('B6: an event that cannot be told in JSON leaves its append pending and raises an unhandled rejection', async () => {
  const client = await warm();
  const event = jsonEvent({ type: 'Told', data: { big: 1n } });
  const unhandled = await unhandledDuring(async () => {
    const appending = client.appendToStream(freshStream(), event, { expectedRevision: 'no_stream' });
    expect(await standingOf(appending, WHILE_MS)).toBe('pending');
  });
  expect(unhandled.map(({ kind }) => kind)).toEqual(['unhandledRejection']);
});

test('B7: without errors on refusal the revision it tells is always 1', async () => {
  const client = connect(`${server().url}&throwOnAppendFailure=false`);
  const stream = freshStream();
  const events = Array.from({ length: 5 }, (_, n) => numbered(n));
  await client.appendToStream(stream, events, { expectedRevision: 'no_stream' });
  const refused = await client.appendToStream(stream, numbered(9), { expectedRevision: 'no_stream' });
  expect(refused).toMatchObject({ success: false, nextExpectedRevision: 1n });
});

test('B13: the error of a wrong expected revision has an empty message', async () => {
  const client = await warm();
  const stream = freshStream();
  await append(client, stream);
  const error = await failureOf(append(client, stream));
  expect(error).toMatchObject({ type: 'wrong-expected-version', message: '', actualVersion: 0n });
});

test.each([
  ['bad-request', /^Could not recognize /],
  ['not-ready', /^Could not recognize .*Not Ready/],
  ['too-busy', /^Could not recognize .*Too Busy/],
  ['no-leader', /^Could not recognize .*[Nn]o leader/],
] as const)('B14: of the answer %s only the message tells what it was, and the call stays', async (answer, message) => {
  const client = await warm();
  server().faults.failAppend(answer);
  const error = await failureOf(append(client));
  expect(error).toMatchObject({ type: 'unknown', message: expect.stringMatching(message) });
  expect(await append(client)).toMatchObject({ success: true });
});

test('4.1.4: after an append whose answer was lost the same bytes are found, on a new connection', async () => {
  const client = await warm();
  server().faults.dropAfterCommit();
  const [stream, event] = [freshStream(), numbered(0, randomUUID())];
  const isMade = made(server(), stream);
  const lost = failureOf(client.appendToStream(stream, event, { expectedRevision: 'no_stream' }));
  await isMade;
  server().faults.killConnections();
  expect(await lost).toMatchObject({ type: 'unavailable' });
  const again = await client.appendToStream(stream, event, { expectedRevision: 'no_stream' });
  expect(again).toMatchObject({ success: true, nextExpectedRevision: 0n });
  expect(eventsIn(server(), stream)).toBe(1);
});
