import { expect, test } from 'vitest';
import { commitOf, data, readAll } from '../../contract/event-store.ts';
import { Follower } from './follower.ts';
import { freshStream, send } from './sending.ts';
import { useWorld } from './world.ts';

// What was forgotten is handed out by nobody (F1 of forgotten.ts), its large payloads go and those that are needed stay, and whoever is behind gets over
// a turn whose payload is gone by now.

const { server, open, notices } = useWorld();
const large = (name: string) => ({ name, text: 'x'.repeat(100 * 1024) });

function visibleBlobs(stream: string): number {
  const { events, metadata } = server().log.stream(`perdure.blob-${stream}`);
  return events.filter(({ revision }) => revision >= (metadata.truncateBefore ?? 0n)).length;
}

test('large payloads of what is forgotten go, those of what stays stay', async () => {
  const [store, other] = [await open(), await open()];
  const stream = freshStream();
  for (const [index, name] of ['a', 'b', 'c'].entries())
    await send(store, commitOf(stream, index * 2 - 1, { data: large(name) }, `small ${name}`));
  expect(visibleBlobs(stream)).toBe(3);
  await store.forget(stream, 1);
  expect(visibleBlobs(stream)).toBe(2);
  expect(data(await readAll(other, stream))).toEqual(['small a', large('b'), 'small b', large('c'), 'small c']);
  await store.forget(stream, 3);
  await store.forget(stream, 3);
  expect(visibleBlobs(stream)).toBe(1);
  expect(data(await readAll(other, stream))).toEqual(['small b', large('c'), 'small c']);
  await store.forget(stream, 5);
  expect(visibleBlobs(stream)).toBe(0);
  expect(data(await readAll(other, stream))).toEqual(['small c']);
  expect(await send(other, commitOf(stream, 5, { data: large('d') }))).toMatchObject({ kind: 'committed' });
  expect(data(await readAll(store, stream))).toEqual(['small c', large('d')]);
});

test('F1: what one node forgets no other one hands out, in its stream and in the log', async () => {
  const [store, other] = [await open(), await open()];
  const [stream, after] = [freshStream(), freshStream()];
  await send(store, commitOf(stream, -1, 'a', { data: large('b') }, 'c'));
  const early = await new Follower(other, { prefixes: [stream] }).caughtUp();
  expect(await early.holds(3)).toEqual(['a', large('b'), 'c']);
  await store.forget(stream, 2);
  await send(store, commitOf(after, -1, 'after'));
  await new Follower(other, { prefixes: [after] }).holds(1);
  for (const each of [store, other, await open()]) {
    expect(data(await readAll(each, stream))).toEqual(['c']);
    expect((await new Follower(each, { prefixes: [stream, after] }).holds(2)).at(0)).toBe('c');
  }
});

test('F1: a subscription that was behind gets over a turn that was forgotten meanwhile, with its payload', async () => {
  const [store, behind] = [await open(), await open()];
  const [stream, after] = [freshStream(), freshStream()];
  const follower = await new Follower(behind, { prefixes: [stream, after] }).caughtUp();
  server().faults.holdSubscriptions(true);
  await send(store, commitOf(stream, -1, { data: large('a') }, 'b'));
  await store.forget(stream, 1);
  await send(store, commitOf(stream, 1, { data: large('c') }));
  await send(store, commitOf(after, -1, 'after'));
  server().faults.holdSubscriptions(false);
  expect(await follower.holds(3)).toEqual(['b', large('c'), 'after']);
  expect(data(await readAll(behind, stream))).toEqual(['b', large('c')]);
  expect(notices.filter((notice) => notice.includes('not at revision'))).toEqual([]);
});

test('F1: a node that does not know yet what was forgotten reads no other payload in its place', async () => {
  const [store, behind] = [await open(), await open({ silenceMs: 60_000 })];
  const stream = freshStream();
  server().faults.holdSubscriptions(true);
  await send(store, commitOf(stream, -1, { data: large('a') }, { data: large('b') }, 'c'));
  await store.forget(stream, 1);
  expect(await new Follower(behind, { prefixes: [stream] }).holds(2)).toEqual([large('b'), 'c']);
  expect(data(await readAll(behind, stream))).toEqual([large('b'), 'c']);
});
