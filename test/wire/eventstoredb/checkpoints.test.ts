import type { Position } from '@eventstore/db-client';
import { describe, expect, test } from 'vitest';
import { useClient } from './client.ts';
import { collect, freshPrefix, freshStream, manyNumbered, placeOfNow, positionOf } from './events.ts';
import { messagesUntil, subscribeOnWire, type WireMessage } from './read-call.ts';

// Section 4.5 in the order of the wire: confirmation, events, checkpoints, caught-up. A resumed subscription must lose nothing.

const client = useClient();
const WINDOW = 10;

type Checkpoint = Extract<WireMessage, { readonly kind: 'checkpoint' }>;
type Delivered = Extract<WireMessage, { readonly kind: 'event' }>;

const isCheckpoint = (message: WireMessage): message is Checkpoint => message.kind === 'checkpoint';
const isEvent = (message: WireMessage): message is Delivered => message.kind === 'event';
const isCaughtUp = (message: WireMessage): boolean => message.kind === 'caught-up';

function follow(prefix: string, after: Position, multiplier = 1): AsyncGenerator<WireMessage, void, void> {
  return subscribeOnWire(client(), { after, filter: { prefixes: [prefix], window: WINDOW, multiplier } });
}

async function append(stream: string, count: number): Promise<Position> {
  return positionOf(await client().appendToStream(stream, manyNumbered(count), { expectedRevision: 'any' }));
}

/** Appends of the prefix between many of others: `wanted` events in all, each behind 7 that are not wanted. */
async function appendSparsely(prefix: string, wanted: number): Promise<void> {
  const stream = freshStream(prefix);
  for (let n = 0; n < wanted; n += 1) {
    await append(freshStream(), 7);
    await append(stream, 1);
  }
}

/** No event behind a checkpoint is at or before it, and none before it is after it: it is a safe place in the order of the wire. */
function expectSafe(messages: readonly WireMessage[]): void {
  for (const [index, checkpoint] of messages.entries()) {
    if (!isCheckpoint(checkpoint)) continue;
    for (const event of messages.slice(0, index).filter(isEvent)) expect(isAfter(event, checkpoint)).toBe(false);
    for (const event of messages.slice(index).filter(isEvent)) expect(isAfter(event, checkpoint)).toBe(true);
  }
}

/** Positions compare by commit, then by prepare: a checkpoint with prepare 0 lies before the record at its commit. */
function isAfter(one: Position, other: Position): boolean {
  return one.commit > other.commit || (one.commit === other.commit && one.prepare > other.prepare);
}

describe('catching up', () => {
  test('4.5: confirmation first, then the events, a checkpoint, caught-up', async () => {
    const prefix = freshPrefix();
    const after = await placeOfNow(client());
    await appendSparsely(prefix, 5);
    const messages = await messagesUntil(follow(prefix, after), isCaughtUp);
    expect(messages[0]?.kind).toBe('confirmation');
    expect(messages.filter(isEvent).map(({ revision }) => revision)).toEqual([0n, 1n, 2n, 3n, 4n]);
    expect(messages.at(-2)?.kind).toBe('checkpoint');
    expectSafe(messages);
  });

  test('4.5: a start at the head is caught up at once, without events', async () => {
    const prefix = freshPrefix();
    await append(freshStream(prefix), 3);
    const messages = await messagesUntil(follow(prefix, await placeOfNow(client())), isCaughtUp);
    expect(messages[0]?.kind).toBe('confirmation');
    expect(messages.filter(isEvent)).toEqual([]);
  });

  test('4.5: without a filter there are no checkpoints, and caught-up comes behind the events', async () => {
    const after = await placeOfNow(client());
    const stream = freshStream();
    await append(stream, 70);
    const messages = await messagesUntil(subscribeOnWire(client(), { after }), isCaughtUp);
    expect(messages[0]?.kind).toBe('confirmation');
    expect(messages.filter(isEvent).filter((event) => event.stream === stream)).toHaveLength(70);
    expect(messages.filter(isCheckpoint)).toEqual([]);
  });

  test('4.5: of a long way without a wanted event tells by checkpoints, rising, one a window', async () => {
    const prefix = freshPrefix();
    const after = await placeOfNow(client());
    for (let n = 0; n < 10; n += 1) await append(freshStream(), 10);
    const end = await append(freshStream(prefix), 1);
    const messages = await messagesUntil(follow(prefix, after), isCaughtUp);
    const commits = messages.filter(isCheckpoint).map(({ commit }) => commit);
    expect(commits.length).toBeGreaterThanOrEqual(10);
    expect(commits).toEqual([...commits].sort((one, other) => (one < other ? -1 : 1)));
    expect(commits.at(-1)).toBeGreaterThanOrEqual(end.commit);
    expectSafe(messages);
  });

  test('4.5: checkpoints are as many times rarer as the multiplier says', async () => {
    const prefix = freshPrefix();
    const after = await placeOfNow(client());
    for (let n = 0; n < 20; n += 1) await append(freshStream(), 10);
    const often = (await messagesUntil(follow(prefix, after), isCaughtUp)).filter(isCheckpoint);
    const seldom = (await messagesUntil(follow(prefix, after, 5), isCaughtUp)).filter(isCheckpoint);
    expect(often.length).toBeGreaterThanOrEqual(20);
    expect(seldom.length).toBeGreaterThan(0);
    expect(seldom.length).toBeLessThanOrEqual(often.length / 2);
  });
});

describe('live', () => {
  test('4.5: checkpoints go on while nothing wanted comes, at positions of records', async () => {
    const prefix = freshPrefix();
    const after = await placeOfNow(client());
    const messages = follow(prefix, after);
    await expectNext(messages, isCaughtUp);
    const reading = messagesUntil(messages, (message, before) => isCheckpoint(message) && before.filter(isCheckpoint).length === 3);
    for (let n = 0; n < 60; n += 1) await append(freshStream(), 1);
    const checkpoints = (await reading).filter(isCheckpoint);
    const positions = (await collect(client().readAll({ fromPosition: after }))).map(({ event }) => event?.position.commit);
    for (const { commit } of checkpoints) expect(positions).toContain(commit);
  });

  test('4.5: events come as they are appended, behind caught-up', async () => {
    const prefix = freshPrefix();
    const messages = follow(prefix, await placeOfNow(client()));
    await expectNext(messages, isCaughtUp);
    const stream = freshStream(prefix);
    const reading = messagesUntil(messages, (message, before) => isEvent(message) && before.filter(isEvent).length === 29);
    for (let n = 0; n < 30; n += 1) await append(stream, 1);
    const delivered = (await reading).filter(isEvent);
    expect(delivered.map(({ revision }) => revision)).toEqual(Array.from({ length: 30 }, (_, n) => BigInt(n)));
    expect(delivered.map(({ commit, prepare }) => commit - prepare)).toEqual(delivered.map(() => 0n));
  });

  /** Reads on until a message, without ending the subscription. */
  async function expectNext(messages: AsyncGenerator<WireMessage, void, void>, isWanted: (message: WireMessage) => boolean): Promise<void> {
    for (;;) {
      const next = await messages.next();
      if (next.done) throw new Error('the subscription ended');
      if (isWanted(next.value)) return;
    }
  }
});

describe('resuming', () => {
  test('4.5: from every checkpoint of catching up loses nothing and repeats nothing', async () => {
    const prefix = freshPrefix();
    const after = await placeOfNow(client());
    await appendSparsely(prefix, 30);
    await expectResumable(prefix, await messagesUntil(follow(prefix, after), isCaughtUp));
  });

  test('4.5: from every checkpoint of a time partly live loses nothing and repeats nothing', async () => {
    const prefix = freshPrefix();
    const after = await placeOfNow(client());
    await appendSparsely(prefix, 5);
    const reading = messagesUntil(follow(prefix, after), (message, before) => isEvent(message) && before.filter(isEvent).length === 29);
    await appendSparsely(prefix, 25);
    await expectResumable(prefix, await reading);
  });

  test('4.5: from every event loses nothing and repeats nothing', async () => {
    const prefix = freshPrefix();
    const after = await placeOfNow(client());
    await appendSparsely(prefix, 10);
    const events = (await messagesUntil(follow(prefix, after), isCaughtUp)).filter(isEvent);
    for (const [index, event] of events.entries()) {
      const rest = (await messagesUntil(follow(prefix, event), isCaughtUp)).filter(isEvent);
      expect(rest).toEqual(events.slice(index + 1));
    }
  });

  test('4.5: from a checkpoint with prepare 0 begins with the record at its commit', async () => {
    const prefix = freshPrefix();
    const after = await placeOfNow(client());
    await appendSparsely(prefix, 3);
    const events = (await messagesUntil(follow(prefix, after), isCaughtUp)).filter(isEvent);
    const pageStart = { commit: events[1]?.commit ?? 0n, prepare: 0n };
    expect((await messagesUntil(follow(prefix, pageStart), isCaughtUp)).filter(isEvent)).toEqual(events.slice(1));
  });

  async function expectResumable(prefix: string, messages: readonly WireMessage[]): Promise<void> {
    const all = messages.filter(isEvent);
    expect(messages.filter(isCheckpoint).length).toBeGreaterThan(5);
    expectSafe(messages);
    for (const [index, checkpoint] of messages.entries()) {
      if (!isCheckpoint(checkpoint)) continue;
      const before = messages.slice(0, index).filter(isEvent);
      const rest = (await messagesUntil(follow(prefix, checkpoint), isCaughtUp)).filter(isEvent);
      expect([...before, ...rest]).toEqual(all);
    }
  }
});
