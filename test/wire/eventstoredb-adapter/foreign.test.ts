import { randomBytes, randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { commitOf, data, readAll } from '../../contract/event-store.ts';
import { Follower } from './follower.ts';
import { freshStream, send, write, written } from './sending.ts';
import { useWorld } from './world.ts';

// A log that others write to, too: the server itself, projections that link, applications that know nothing of this one. What they write neither stops
// a subscription nor is taken for something of ours.

const { server, open, notices } = useWorld();

interface Foreign {
  readonly type?: string;
  readonly json?: unknown;
  readonly bytes?: Uint8Array;
  readonly metadata?: unknown;
}

/** Appends an event as another application does. */
function foreign(stream: string, { type = 'Foreign', json, bytes = new Uint8Array(), metadata }: Foreign): void {
  server().log.append(stream, 'any', [
    {
      ...{ id: randomUUID(), type, contentType: json === undefined ? 'application/octet-stream' : 'application/json' },
      data: json === undefined ? bytes : Buffer.from(JSON.stringify(json)),
      metadata: metadata === undefined ? new Uint8Array() : Buffer.from(typeof metadata === 'string' ? metadata : JSON.stringify(metadata)),
    },
  ]);
}

/** All that a log holds beside one's own. */
function noise(): void {
  foreign('$stats-127.0.0.1:2113', { type: '$statsCollected', json: { 'proc-cpu': 1 } });
  foreign('$$cart-1', { type: '$metadata', json: { $maxAge: 60 } });
  foreign('$ce-cart', { type: '$>', bytes: Buffer.from('0@cart-1') });
  foreign('$ce-cart', { type: '$>', bytes: Buffer.from('9@nowhere-1') });
  foreign('elsewhere-1', { bytes: randomBytes(300) });
  foreign('no dash at all', { json: null });
  foreign('-', { json: [] });
  foreign('perdure.unheard-of', { json: { a: 1 } });
  foreign('Cart-1', { json: {} });
}

test('noise of all kinds stops nobody and is delivered to nobody who did not ask for it', async () => {
  const store = await open();
  const stream = freshStream();
  const early = await new Follower(store, { prefixes: ['cart-'] }).caughtUp();
  noise();
  await write(store, stream, 2);
  noise();
  await write(store, stream, 2, 2);
  const late = new Follower(await open(), { prefixes: ['cart-'] });
  for (const follower of [early, late]) {
    expect(await follower.holds(8)).toEqual(written(4));
    expect(new Set(follower.records.map((record) => record.stream))).toEqual(new Set([stream]));
  }
  expect([store.stats().feedLosses, notices]).toEqual([0, []]);
});

/** What an event in a stream that looks like an entity's is delivered as: it is passed over by nobody unseen. */
const LOOKING_LIKE_OURS: readonly (Foreign & { readonly name: string; readonly delivered: unknown })[] = [
  { name: 'JSON', json: { a: [1] }, delivered: { a: [1] } },
  { name: 'bytes', bytes: Uint8Array.of(0xc1, 1, 2), delivered: Buffer.of(0xc1, 1, 2).toString('base64') },
  { name: 'nothing at all', delivered: '' },
  { name: 'metadata that is no object', json: 1, metadata: [1, 2], delivered: 1 },
  { name: 'metadata that is no JSON', json: 1, metadata: '\u0000not json', delivered: 1 },
  { name: 'metadata of a game of turns', json: { move: 'e4' }, metadata: { turn: 'white', time: 12 }, delivered: { move: 'e4' } },
  {
    name: 'bytes with metadata of a game of turns',
    bytes: Uint8Array.of(0xc1, 1, 2),
    metadata: { turn: 'white', time: 12 },
    delivered: Buffer.of(0xc1, 1, 2).toString('base64'),
  },
  {
    name: 'metadata that names a payload of ours',
    json: { a: 1 },
    metadata: { turn: 'AAAAAAAAAAAAAAAAAAAAAA', time: 12, blob: 7 },
    delivered: { a: 1 },
  },
  { name: 'a time that is none', json: { a: 1 }, metadata: { turn: 'AAAAAAAAAAAAAAAAAAAAAA', time: 'noon' }, delivered: { a: 1 } },
];

test.each(LOOKING_LIKE_OURS)('an event of another application in the stream of an entity is a record of its type: $name', async (event) => {
  const store = await open();
  const [stream, after] = [freshStream(), freshStream()];
  const early = await new Follower(store, { prefixes: [stream, after] }).caughtUp();
  await write(store, stream, 1);
  foreign(stream, event);
  await send(store, commitOf(after, -1, 'after'));
  const late = new Follower(await open(), { prefixes: [stream, after] });
  for (const follower of [early, late]) expect(await follower.holds(4)).toEqual(['0a', '0b', event.delivered, 'after']);
  const records = await readAll(store, stream);
  expect(records.at(-1)).toMatchObject({ type: 'Foreign', data: event.delivered, meta: {}, revision: 2 });
  expect(Number.isFinite(records.at(-1)?.time)).toBe(true);
  expect(await send(store, commitOf(stream, 1, 'lost'))).toEqual({ kind: 'conflict', head: 2 });
  expect(await send(store, commitOf(stream, 2, 'next'))).toMatchObject({ kind: 'committed' });
  expect(data(await readAll(store, stream)).at(-1)).toBe('next');
  expect([store.stats().feedLosses, notices]).toEqual([0, []]);
});

test('a link in the stream of an entity is the link, not what it leads to', async () => {
  const store = await open();
  const [stream, target] = [freshStream(), freshStream('target')];
  const follower = await new Follower(store, { prefixes: [stream] }).caughtUp();
  await write(store, target, 1);
  foreign(stream, { type: '$>', bytes: Buffer.from(`0@${target}`) });
  foreign(stream, { type: '$>', bytes: Buffer.from('7@nowhere') });
  await write(store, freshStream(), 1);
  await follower.holds(2);
  expect(follower.records.map(({ type, stream: where }) => [type, where])).toEqual([
    ['$>', stream],
    ['$>', stream],
  ]);
});

test('an event of another application in the list of the forgotten is passed over', async () => {
  const store = await open();
  const follower = await new Follower(store, { prefixes: ['cart-'] }).caughtUp();
  foreign('perdure.forgotten', { json: null });
  foreign('perdure.forgotten', { bytes: Uint8Array.of(1, 2, 3) });
  foreign('perdure.forgotten', { json: { stream: 7, before: 'all' } });
  const stream = freshStream();
  await write(store, stream, 1);
  expect(await follower.holds(2)).toEqual(written(1));
  expect(data(await readAll(await open(), stream))).toEqual(written(1));
});

test('a tombstone of an operator refuses appends and stops no subscription', async () => {
  const store = await open();
  const [stream, after] = [freshStream(), freshStream()];
  const follower = await new Follower(store, { prefixes: [stream, after] }).caughtUp();
  await write(store, stream, 1);
  server().log.tombstone(stream, 'any');
  await write(store, after, 1);
  await follower.until(() => follower.records.some((record) => record.stream === after), 'what comes after a tombstone');
  expect(await send(store, commitOf(stream, 1, 'x'))).toMatchObject({ kind: 'refused', code: 'store-failed' });
});
