import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Commit, NewRecord, StoredTurn, StreamName } from '../../runtime/core/record.ts';
import type { AppendOutcome, EventStore, Subscription, SubscriptionBatch } from '../../runtime/ports/event-store.ts';

/**
 * The promises of the `EventStore` port, run against every adapter. A factory says what its adapter can do; the suite knows
 * no adapter. It uses fresh streams and prefixes only, so that a store may hold the records of earlier runs.
 */
export interface EventStoreFactory {
  /** An open store. */
  open(): Promise<EventStore>;
  /** The same contents in a new adapter; the old one was closed. Absent: the suite does not close and reopen. */
  reopen?(store: EventStore): Promise<EventStore>;
  /** Releases what `open` made. */
  dispose(store: EventStore): Promise<void>;
}

/** One record with its place, whatever turns the store cut it into (R2). */
interface Placed extends NewRecord {
  readonly stream: StreamName;
  readonly revision: number;
  readonly position: number;
  readonly turnId: string;
  readonly time: number;
}

/** A commit of records `[type, data, meta?]`. */
export function commitOf(stream: StreamName, expectedRevision: number, ...records: readonly (Partial<NewRecord> | string)[]): Commit {
  const full = records.map((record) => ({
    data: null,
    meta: {},
    type: 'Happened',
    ...(typeof record === 'string' ? { data: record } : record),
  }));
  return { stream, expectedRevision, turnId: randomBytes(16).toString('base64url'), time: 1_700_000_000_000, records: full };
}

/** Appends and waits for all outcomes, in the order of the commits. */
export function append(store: EventStore, ...commits: readonly Commit[]): Promise<readonly AppendOutcome[]> {
  const outcomes = new Map<Commit, AppendOutcome>();
  return new Promise((resolve, reject) => {
    store.append(commits, (commit, outcome) => {
      if (outcomes.has(commit)) reject(new Error('settled twice'));
      outcomes.set(commit, outcome);
      if (outcomes.size === commits.length) resolve(commits.map((each) => outcomes.get(each) as AppendOutcome));
    });
  });
}

export function placed(turns: readonly StoredTurn[]): Placed[] {
  return turns.flatMap(({ records, firstRevision, position, stream, turnId, time }) =>
    records.map((record, index) => ({ ...record, stream, turnId, time, revision: firstRevision + index, position: position + index })),
  );
}

export async function readAll(store: EventStore, stream: StreamName, from = 0): Promise<Placed[]> {
  const turns: StoredTurn[] = [];
  for await (const page of store.readStream(stream, from)) turns.push(...page);
  return placed(turns);
}

/** Reads a subscription until `enough` says so of all its batches' turns; closes it. */
export async function take(
  subscription: Subscription,
  enough: (turns: readonly Placed[], batch: SubscriptionBatch) => boolean,
): Promise<{ readonly turns: readonly Placed[]; readonly checkpoint: number }> {
  const turns: Placed[] = [];
  for await (const batch of subscription) {
    turns.push(...placed(batch.turns));
    if (enough(turns, batch)) {
      subscription.close();
      return { turns, checkpoint: batch.checkpoint };
    }
  }
  throw new Error(`the subscription ended after ${turns.length} records`);
}

export const data = (turns: readonly Placed[]): unknown[] => turns.map((record) => record.data);

/** Runs the suite. */
export function eventStoreContract(name: string, factory: EventStoreFactory): void {
  describe(`EventStore: ${name}`, () => {
    let store: EventStore;
    const fresh = (): StreamName => `cart-${randomBytes(8).toString('hex')}`;

    beforeEach(async () => {
      store = await factory.open();
    });
    afterEach(async () => {
      await factory.dispose(store);
    });

    const context: Context = { store: () => store, fresh, use: (next) => (store = next) };
    describe('append', () => appending(context));
    describe('readStream', () => reading(context));
    describe('subscribe', () => subscribing(context));
    describe('snapshots and values', () => keeping(context));
    describe('forget', () => forgetting(context));
    describe('close', () => closing(context, factory));
  });
}

interface Context {
  store(): EventStore;
  fresh(): StreamName;
  use(store: EventStore): void;
}

function appending({ store, fresh }: Context): void {
  test('E1: a committed turn can be read', async () => {
    const stream = fresh();
    const [outcome] = await append(store(), commitOf(stream, -1, 'a', 'b'));
    expect(outcome?.kind).toBe('committed');
    expect(data(await readAll(store(), stream))).toEqual(['a', 'b']);
    expect(await store().headRevision(stream)).toBe(1);
  });

  test('an outcome is never told from inside append', async () => {
    let inside = true;
    const settled = new Promise<boolean>((resolve) => store().append([commitOf(fresh(), -1, 'a')], () => resolve(inside)));
    inside = false;
    expect(await settled).toBe(false);
  });

  test('E2: of two commits at the same revision one wins, the other is told the head', async () => {
    const stream = fresh();
    const outcomes = await append(store(), commitOf(stream, -1, 'a'), commitOf(stream, -1, 'b', 'c'));
    const kinds = outcomes.map((outcome) => outcome.kind).sort();
    expect(kinds).toEqual(['committed', 'conflict']);
    const records = await readAll(store(), stream);
    const conflict = outcomes.find((outcome) => outcome.kind === 'conflict');
    expect(conflict).toEqual({ kind: 'conflict', head: records.length - 1 });
  });

  test('E2: a commit below or above the head is a conflict', async () => {
    const stream = fresh();
    await append(store(), commitOf(stream, -1, 'a', 'b'));
    expect(await append(store(), commitOf(stream, -1, 'x'))).toEqual([{ kind: 'conflict', head: 1 }]);
    expect(await append(store(), commitOf(stream, 5, 'x'))).toEqual([{ kind: 'conflict', head: 1 }]);
    expect(await append(store(), commitOf(fresh(), 0, 'x'))).toEqual([{ kind: 'conflict', head: -1 }]);
    expect(data(await readAll(store(), stream))).toEqual(['a', 'b']);
  });

  test('E3: a re-sent commit is committed again at its old position, also after later turns', async () => {
    const stream = fresh();
    const first = commitOf(stream, -1, 'a');
    const [outcome] = await append(store(), first);
    expect(await append(store(), first)).toEqual([outcome]);
    const second = commitOf(stream, 0, 'b', 'c');
    const [later] = await append(store(), second);
    await append(store(), commitOf(stream, 2, 'd'));
    expect(await append(store(), first, second)).toEqual([outcome, later]);
    expect(data(await readAll(store(), stream))).toEqual(['a', 'b', 'c', 'd']);
  });

  test('E3: a commit re-sent while the first is under way takes effect once', async () => {
    const stream = fresh();
    const commit = commitOf(stream, -1, 'a');
    const [one, two] = await Promise.all([append(store(), commit), append(store(), commit)]);
    expect(one?.[0]?.kind).toBe('committed');
    expect(two).toEqual(one);
    expect(data(await readAll(store(), stream))).toEqual(['a']);
  });

  test('E4: positions grow with the order of appends; R2: record i has position + i', async () => {
    const [a, b] = [fresh(), fresh()];
    await append(store(), commitOf(a, -1, '1', '2', '3'));
    await append(store(), commitOf(b, -1, '4'));
    await append(store(), commitOf(a, 2, '5'));
    const all = [...(await readAll(store(), a)), ...(await readAll(store(), b))].sort((x, y) => x.position - y.position);
    expect(data(all)).toEqual(['1', '2', '3', '4', '5']);
    expect(new Set(all.map((record) => record.position)).size).toBe(5);
    expect(await store().headPosition()).toBeGreaterThan(all.at(-1)?.position ?? Number.POSITIVE_INFINITY);
  });

  test('E5: commits of one call settle independently', async () => {
    const [a, b, c] = [fresh(), fresh(), fresh()];
    await append(store(), commitOf(b, -1, 'x'));
    const outcomes = await append(store(), commitOf(a, -1, 'a'), commitOf(b, -1, 'b'), commitOf(c, -1, 'c'));
    expect(outcomes.map((outcome) => outcome.kind)).toEqual(['committed', 'conflict', 'committed']);
  });

  test('many streams at once, several turns each', async () => {
    const streams = Array.from({ length: 50 }, fresh);
    for (let turn = 0; turn < 10; turn++) {
      const outcomes = await append(store(), ...streams.map((stream) => commitOf(stream, turn - 1, `${stream}/${turn}`)));
      expect(outcomes.every((outcome) => outcome.kind === 'committed')).toBe(true);
    }
    for (const stream of streams) {
      expect(data(await readAll(store(), stream))).toEqual(Array.from({ length: 10 }, (_, turn) => `${stream}/${turn}`));
    }
  });

  test('turns chained in one call follow each other', async () => {
    const stream = fresh();
    const outcomes = await append(store(), commitOf(stream, -1, 'a'), commitOf(stream, 0, 'b'), commitOf(stream, 1, 'c'));
    expect(outcomes.map((outcome) => outcome.kind)).toEqual(['committed', 'committed', 'committed']);
    expect(data(await readAll(store(), stream))).toEqual(['a', 'b', 'c']);
  });
}

function reading({ store, fresh }: Context): void {
  test('R1: records come back as they were written, with all metadata', async () => {
    const stream = fresh();
    const record: NewRecord = {
      type: 'ItemAdded',
      data: { sku: 'ä€😀', quantity: 3, price: -1.5, big: 2 ** 52, nested: [{ a: null }, [true, false, '']], empty: {} },
      meta: {
        signal: 's-1',
        name: 'addItem',
        mark: { source: 'x/topic/3', position: 2 ** 40, index: 2 },
        correlation: 'c',
        causation: 'u',
        traceparent: '00-1-2-01',
        baggage: { k: 'v' },
        run: 'r-1',
        version: 2,
        res: { ok: [1] },
        timers: [
          { timer: 't', key: 'k', dueAt: 5, arming: 1 },
          { timer: 't', key: 'l', dueAt: null },
        ],
      },
    };
    const commit = commitOf(stream, -1, record, { type: 'perdure:RunStarted', data: [1], meta: { res: null, version: 0 } });
    await append(store(), commit);
    const records = await readAll(store(), stream);
    expect(records.map(({ type, data: value, meta }) => ({ type, data: value, meta }))).toEqual(commit.records);
    expect(records.map(({ turnId, time }) => ({ turnId, time }))).toEqual([commit, commit].map(({ turnId, time }) => ({ turnId, time })));
  });

  test('what is read shares nothing with what was written', async () => {
    const stream = fresh();
    const value = { list: [1] };
    await append(store(), commitOf(stream, -1, { data: value }));
    value.list.push(2);
    const [first] = await readAll(store(), stream);
    expect(first?.data).toEqual({ list: [1] });
    const list = (first?.data as { list: number[] } | undefined)?.list;
    list?.push(3);
    expect((await readAll(store(), stream))[0]?.data).toEqual({ list: [1] });
  });

  test('from a revision on: the turns that hold it and later ones', async () => {
    const stream = fresh();
    for (let turn = 0; turn < 300; turn++) await append(store(), commitOf(stream, turn * 2 - 1, `${turn}a`, `${turn}b`));
    for (const from of [0, 1, 2, 255, 256, 257, 258, 400, 598, 599]) {
      const records = await readAll(store(), stream, from);
      expect([from - 1, from]).toContain(records[0]?.revision);
      expect(records.filter((record) => record.revision >= from).map((record) => record.revision)).toEqual(
        Array.from({ length: 600 - from }, (_, index) => from + index),
      );
    }
    expect(await readAll(store(), stream, 600)).toEqual([]);
  });

  test('a stream without records is empty', async () => {
    expect(await readAll(store(), fresh())).toEqual([]);
    expect(await store().headRevision(fresh())).toBe(-1);
  });

  test('names of streams: any characters, up to the longest entity id', async () => {
    const own = randomBytes(8).toString('hex');
    const names = [`cart-${own}${'€'.repeat(239)}`, `cart-a b/c-d%e${own}`, `cart-${own}-😀`, `${'t'.repeat(64)}-${own}${'x'.repeat(239)}`];
    for (const stream of names) {
      expect((await append(store(), commitOf(stream, -1, stream)))[0]?.kind).toBe('committed');
      expect(data(await readAll(store(), stream))).toEqual([stream]);
    }
  });
}

function subscribing({ store, fresh }: Context): void {
  test('E4: delivers what is there, then what comes, in order, once', async () => {
    const type = `t${randomBytes(6).toString('hex')}`;
    const streams = Array.from({ length: 5 }, (_, index) => `${type}-${index}`);
    const write = async (turn: number): Promise<void> => {
      await append(store(), ...streams.map((stream) => commitOf(stream, turn - 1, `${stream}/${turn}`)));
    };
    for (let turn = 0; turn < 5; turn++) await write(turn);
    const reading = take(store().subscribe({ from: 0, prefixes: [`${type}-`] }), (turns) => turns.length >= 100);
    for (let turn = 5; turn < 20; turn++) await write(turn);
    const { turns } = await reading;
    expect(turns.length).toBe(100);
    const positions = turns.map((record) => record.position);
    expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
    for (const stream of streams) {
      const own = turns.filter((record) => record.stream === stream);
      expect(own.map((record) => record.revision)).toEqual(Array.from({ length: 20 }, (_, turn) => turn));
    }
  });

  test('E4: from any position on, exactly the turns from there', async () => {
    const stream = fresh();
    for (let turn = 0; turn < 20; turn++) await append(store(), commitOf(stream, turn - 1, `${turn}`));
    const all = await readAll(store(), stream);
    for (const [index, { position }] of all.entries()) {
      const { turns } = await take(store().subscribe({ from: position, prefixes: [stream] }), (got) => got.length >= 20 - index);
      expect(data(turns)).toEqual(data(all.slice(index)));
    }
  });

  test('a checkpoint is where to go on from, whenever it is taken', async () => {
    const stream = fresh();
    for (let turn = 0; turn < 10; turn++) await append(store(), commitOf(stream, turn - 1, `${turn}`));
    const seen: unknown[] = [];
    let from = 0;
    const writing = (async () => {
      for (let turn = 10; turn < 40; turn++) await append(store(), commitOf(stream, turn - 1, `${turn}`));
    })();
    while (seen.length < 40) {
      const { turns, checkpoint } = await take(store().subscribe({ from, prefixes: [stream] }), (got) => got.length > 0);
      seen.push(...data(turns));
      from = checkpoint;
    }
    await writing;
    expect(seen).toEqual(Array.from({ length: 40 }, (_, turn) => `${turn}`));
  });

  test('only streams of the prefixes; the checkpoint moves over the others', async () => {
    const [a, b] = [fresh(), fresh()];
    await append(store(), commitOf(a, -1, 'a'));
    const [outcome] = await append(store(), commitOf(b, -1, 'b'));
    const behind = outcome?.kind === 'committed' ? outcome.position : Number.NaN;
    const { turns } = await take(store().subscribe({ from: 0, prefixes: [a] }), (_, batch) => batch.checkpoint > behind);
    expect(data(turns)).toEqual(['a']);
    const both = await take(store().subscribe({ from: 0, prefixes: [b, a] }), (got) => got.length >= 2);
    expect(data(both.turns)).toEqual(['a', 'b']);
  });

  test('only turns with a record of the types, from the log and as they come; the checkpoint moves over the others', async () => {
    const stream = fresh();
    const typed = (revision: number, type: string): Commit => {
      const commit = commitOf(stream, revision, type);
      return { ...commit, records: commit.records.map((record) => ({ ...record, type })) };
    };
    await append(store(), typed(-1, 'Wanted'));
    await append(store(), typed(0, 'Other'));
    const options = { from: 0, prefixes: [stream], types: ['Wanted'] };
    const reading = take(store().subscribe(options), (got) => got.length >= 2);
    await append(store(), typed(1, 'Other'));
    await append(store(), typed(2, 'Wanted'));
    const [outcome] = await append(store(), typed(3, 'Other'));
    const last = outcome?.kind === 'committed' ? outcome.position : Number.NaN;
    expect((await reading).turns.map(({ type }) => type)).toEqual(['Wanted', 'Wanted']);
    const { checkpoint } = await take(store().subscribe(options), (_, batch) => batch.checkpoint > last);
    const live = take(store().subscribe({ ...options, from: checkpoint }), (_, batch) => batch.checkpoint > checkpoint);
    await append(store(), typed(4, 'Other'));
    expect((await live).turns).toEqual([]);
  });

  test('says that it has caught up, also when there is nothing to deliver', async () => {
    const stream = fresh();
    const from = await store().headPosition();
    const empty = await take(store().subscribe({ from, prefixes: [stream] }), (_, batch) => batch.caughtUp);
    expect(empty.turns).toEqual([]);
    await append(store(), commitOf(stream, -1, 'a'));
    const { turns } = await take(store().subscribe({ from: empty.checkpoint, prefixes: [stream] }), (_, batch) => batch.caughtUp);
    expect(data(turns)).toEqual(['a']);
  });

  test('a slow one holds back nobody and misses nothing', async () => {
    const stream = fresh();
    const slow = store()
      .subscribe({ from: 0, prefixes: [stream] })
      [Symbol.asyncIterator]();
    await slow.next();
    const fast = take(store().subscribe({ from: 0, prefixes: [stream] }), (turns) => turns.length >= 50);
    for (let turn = 0; turn < 50; turn++) await append(store(), commitOf(stream, turn - 1, `${turn}`));
    expect((await fast).turns.length).toBe(50);
    const got: unknown[] = [];
    while (got.length < 50) {
      const { value, done } = await slow.next();
      if (done === true) throw new Error('ended');
      got.push(...data(placed(value.turns)));
    }
    expect(got).toEqual(Array.from({ length: 50 }, (_, turn) => `${turn}`));
    await slow.return?.();
  });

  test('close ends the iteration, also one that waits', async () => {
    const subscription = store().subscribe({ from: await store().headPosition(), prefixes: [fresh()] });
    const ended = (async () => {
      for await (const batch of subscription) if (batch.caughtUp) queueMicrotask(() => subscription.close());
      return true;
    })();
    expect(await ended).toBe(true);
  });
}

function keeping({ store, fresh }: Context): void {
  test('the newest snapshot comes back, as bytes of its own', async () => {
    const stream = fresh();
    expect(await store().loadSnapshot(stream)).toBeUndefined();
    const bytes = randomBytes(100_000);
    await store().saveSnapshot(stream, new Uint8Array([1, 2, 3]));
    await store().saveSnapshot(stream, bytes);
    const [first = 0] = bytes;
    bytes[0] = first ^ 0xff;
    const loaded = await store().loadSnapshot(stream);
    expect(loaded?.length).toBe(100_000);
    expect(loaded?.[0]).toBe(first);
  });

  test('a value is overwritten in place', async () => {
    const key = fresh();
    expect(await store().getValue(key)).toBeUndefined();
    await store().putValue(key, new Uint8Array([1]));
    await store().putValue(key, new Uint8Array([2, 3]));
    expect([...((await store().getValue(key)) ?? [])]).toEqual([2, 3]);
  });
}

function forgetting({ store, fresh }: Context): void {
  test('records before the revision are gone for readers and subscribers, the rest stays', async () => {
    const [stream, other] = [fresh(), fresh()];
    await append(store(), commitOf(stream, -1, 'a', 'b'), commitOf(other, -1, 'o'));
    await append(store(), commitOf(stream, 1, 'c', 'd', 'e'));
    await append(store(), commitOf(stream, 4, 'f'));
    const before = await readAll(store(), stream);
    await store().saveSnapshot(stream, new Uint8Array([1]));
    await store().forget(stream, 3);
    expect(await store().loadSnapshot(stream)).toBeUndefined();
    expect(await readAll(store(), stream)).toEqual(before.slice(3));
    const { turns } = await take(store().subscribe({ from: 0, prefixes: [stream] }), (got) => got.length >= 3);
    expect(turns).toEqual(before.slice(3));
    expect(data(await readAll(store(), other))).toEqual(['o']);
    expect(await store().headRevision(stream)).toBe(5);
  });

  test('may be repeated and go further; the stream goes on at its revision', async () => {
    const stream = fresh();
    const first = commitOf(stream, -1, 'a');
    const [outcome] = await append(store(), first);
    await append(store(), commitOf(stream, 0, 'b'));
    await store().forget(stream, 1);
    await store().forget(stream, 1);
    await store().forget(stream, 0);
    expect(data(await readAll(store(), stream))).toEqual(['b']);
    await store().forget(stream, 2);
    expect(await readAll(store(), stream)).toEqual([]);
    // Where it was, a store need not know any more.
    const [again] = await append(store(), first);
    expect(again?.kind === 'committed' && outcome?.kind === 'committed' && again.position >= outcome.position).toBe(true);
    expect((await append(store(), commitOf(stream, 1, 'c')))[0]?.kind).toBe('committed');
    expect(data(await readAll(store(), stream))).toEqual(['c']);
  });

  test('a subscriber at the tail goes on undisturbed', async () => {
    const stream = fresh();
    await append(store(), commitOf(stream, -1, 'a'), commitOf(stream, 0, 'b'));
    let atTail: () => void = () => undefined;
    const hasBoth = new Promise<void>((resolve) => (atTail = resolve));
    const reading = take(store().subscribe({ from: 0, prefixes: [stream] }), (turns) => {
      if (turns.length === 2) atTail();
      return turns.length >= 4;
    });
    await hasBoth;
    await store().forget(stream, 1);
    await append(store(), commitOf(stream, 1, 'c'));
    await append(store(), commitOf(stream, 2, 'd'));
    expect(data((await reading).turns)).toEqual(['a', 'b', 'c', 'd']);
  });
}

function closing({ store, fresh, use }: Context, factory: EventStoreFactory): void {
  test('waits for appends under way, then refuses', async () => {
    const stream = fresh();
    const underWay = append(store(), commitOf(stream, -1, 'a'));
    const subscription = store().subscribe({ from: 0, prefixes: [stream] });
    const ended = (async () => {
      for await (const _ of subscription);
      return 'ended';
    })();
    await store().close();
    expect((await underWay)[0]?.kind).toBe('committed');
    expect(await ended).toBe('ended');
    expect((await append(store(), commitOf(stream, 0, 'b')))[0]).toMatchObject({ kind: 'refused', code: 'store-closed' });
    await expect(store().headRevision(stream)).rejects.toMatchObject({ code: 'store-closed' });
    await expect(store().getValue('x')).rejects.toMatchObject({ code: 'store-closed' });
    expect(() => store().subscribe({ from: 0 })).toThrow(expect.objectContaining({ code: 'store-closed' }));
  });

  test('everything is there after opening again, if the store outlives its adapter', async () => {
    if (factory.reopen === undefined) return expect(factory.reopen).toBeUndefined();
    const [stream, other] = [fresh(), fresh()];
    const first = commitOf(stream, -1, 'a', 'b');
    const [outcome] = await append(store(), first);
    await append(store(), commitOf(other, -1, 'x'), commitOf(stream, 1, 'c'));
    await store().putValue('v', new Uint8Array([7]));
    await store().saveSnapshot(stream, new Uint8Array([8]));
    await store().forget(stream, 1);
    const before = { id: store().storeId, records: await readAll(store(), stream), end: await store().headPosition() };
    await store().close();
    use(await factory.reopen(store()));
    expect({ id: store().storeId, records: await readAll(store(), stream), end: await store().headPosition() }).toEqual(before);
    expect([...((await store().getValue('v')) ?? [])]).toEqual([7]);
    expect(await append(store(), first)).toEqual([outcome]);
    const [next] = await append(store(), commitOf(stream, 2, 'd'));
    expect(next?.kind === 'committed' && next.position >= before.end).toBe(true);
    const { turns } = await take(store().subscribe({ from: 0, prefixes: [stream] }), (got) => got.length >= 3);
    expect(data(turns)).toEqual(['b', 'c', 'd']);
  });
}
