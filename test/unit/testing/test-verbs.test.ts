import { entity, PerdureError, projection, query, signal, typed } from 'perdure';
import { type TestRuntime, testRuntime } from 'perdure/testing';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';

// An entity that does what the tests of the test runtime need: it counts, ticks, forwards and breaks.

const Counter = entity(
  'counter',
  {
    add: signal({ input: z.object({ by: z.int() }), output: z.int() }),
    tick: signal({ input: z.object({ everyMs: z.int() }) }),
    forward: signal({ input: z.object({ to: z.string() }) }),
    fail: signal({ input: z.object({ why: z.string() }) }),
    count: query({ output: z.int() }),
    broken: query({ output: typed<never>() }),
  },
  { rejects: ['negative'] },
);
type State = { readonly count: number; readonly ticks: number; readonly everyMs: number };
const model = Counter.fold(
  (): State => ({ count: 0, ticks: 0, everyMs: 0 }),
  {
    Added: (s, { by }: { by: number }) => ({ ...s, count: s.count + by }),
    Started: (s, { everyMs }: { everyMs: number }) => ({ ...s, everyMs }),
    Ticked: (s) => ({ ...s, ticks: s.ticks + 1 }),
  },
  { timers: ['next'] },
);
let isBroken = true;
const counter = model.implement({
  signals: {
    add(turn, { by }) {
      if (turn.state().count + by < 0) throw Counter.reject('negative', { count: turn.state().count });
      turn.emit.Added({ by });
      return turn.state().count;
    },
    tick(turn, { everyMs }) {
      turn.emit.Started({ everyMs });
      turn.timers.next.set(everyMs);
    },
    forward: (turn, { to }) => turn.send(Counter(to).add({ by: 1 })),
    fail(turn, { why }) {
      if (isBroken) throw new TypeError(why);
      turn.emit.Added({ by: 1 });
    },
  },
  timers: {
    next(turn) {
      turn.emit.Ticked();
      turn.timers.next.set(turn.state().everyMs);
    },
  },
  queries: {
    count: ({ count }) => count,
    broken() {
      throw new RangeError('no answer');
    },
  },
});

const Counts = projection('counts', { row: z.object({ count: z.int() }), version: 1, indexes: { byCount: ['count'] } });
const counts = Counts.from(counter, { Added: (row, { by }) => ({ count: (row?.count ?? 0) + by }) });

let world: TestRuntime;
afterEach(async () => {
  isBroken = true;
  await world.stop();
});
const start = async () => {
  world = await testRuntime({ entities: [counter], projections: [counts] });
};

test('signals and queries leave time where it is; what follows from a signal has happened when it resolves', async () => {
  await start();
  const before = world.now;
  await world.signal(Counter('a').forward({ to: 'b' }));
  expect(world.state(counter, 'b').count).toBe(1);
  expect(await world.query(Counter('b').count(), { consistency: 'strong' })).toBe(1);
  expect(world.now).toBe(before);
});

test('advance runs what falls due at its time and in order', async () => {
  await start();
  await world.signal([Counter('slow').tick({ everyMs: 7_000 }), Counter('quick').tick({ everyMs: 3_000 })]);
  await world.advance('21 seconds');
  expect([world.state(counter, 'slow').ticks, world.state(counter, 'quick').ticks]).toEqual([3, 7]);
  expect((await world.view(counter, 'quick')).owes[0]?.dueAt).toBe(world.now + 3_000);
});

test('a defect of a signal is thrown as it was thrown, and the entity is parked', async () => {
  await start();
  const thrown = await world.signal(Counter('a').fail({ why: 'oh' })).catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(TypeError);
  expect((await world.view(counter, 'a')).parked).toMatchObject({ reason: 'defect', held: 1 });
  await expect(world.update(Counter('a').add({ by: 1 }))).rejects.toMatchObject({ code: 'parked' });
  await expect(world.admin({ type: 'counter', id: 'a', verb: 'retry' })).rejects.toThrow('oh');
  isBroken = false;
  expect((await world.admin({ type: 'counter', id: 'a', verb: 'retry' })).parked).toBeNull();
  expect(world.state(counter, 'a').count).toBe(1);
});

test('a defect of an update or a query is thrown as it was thrown, and leaves nothing', async () => {
  await start();
  await expect(world.update(Counter('a').fail({ why: 'oh' }))).rejects.toThrow(TypeError);
  expect(world.events(counter, 'a')).toEqual([]);
  await expect(world.query(Counter('a').broken())).rejects.toMatchObject({ code: 'defect' });
});

test('a rejection is thrown with its details', async () => {
  await start();
  const refused = world.update(Counter('a').add({ by: -1 }));
  await expect(refused).rejects.toMatchObject({ code: 'negative', details: { count: 0 }, by: 'counter/a' });
});

test('I1 each mishap is told once, to the next verb that would have succeeded or to stop', async () => {
  await start();
  const own = await testRuntime({ entities: [counter] });
  const rejected = own.update(Counter('a').add({ by: -1 }));
  const first = own.signal(Counter('b').fail({ why: 'one' }), { timeout: 1 });
  await Promise.allSettled([rejected, first]);
  await expect(first).rejects.toThrow('one');
  await expect(own.query(Counter('a').count())).resolves.toBe(0);
  const both = await own.signal([Counter('c').fail({ why: 'two' }), Counter('d').fail({ why: 'three' })]).catch(String);
  expect(both).toContain('two; three');
  const stop = new AbortController();
  const given = own.signal(Counter('e').fail({ why: 'four' }), { signal: stop.signal });
  stop.abort(new Error('enough'));
  await expect(given).rejects.toThrow('enough');
  await expect(own.stop()).rejects.toThrow('four');
});

test('verbs under way at a crash are answered by the next node, and take effect once', async () => {
  await start();
  const adding = [1, 2, 3].map((by) => world.update(Counter('a').add({ by })));
  await world.crash();
  expect(await Promise.all(adding)).toEqual([1, 3, 6]);
  expect(world.events(counter, 'a')).toHaveLength(3);
});

test('a list fails with what failed and what was sent', async () => {
  await start();
  const list = [Counter('a').add({ by: 1 }), { ...Counter('a').add({ by: 1 }), name: 'nothing' }];
  const failed = await world.signal(list, { ids: ['one', 'two'] }).catch((error: unknown) => error);
  expect(failed).toMatchObject({
    code: 'unknown-signal',
    details: { failures: [{ index: 1, signalId: 'two' }], sent: [{ id: 'a', signalId: 'one' }, undefined] },
  });
});

test('what JSON cannot hold is not there for the entity either', async () => {
  await start();
  const message = Counter('a').add({ by: 1 });
  const odd = { ...message, payload: { by: 2, note: undefined, at: new Date(0) } };
  expect(await world.update<number>(odd as typeof message)).toBe(2);
  await expect(world.update({ ...message, payload: { by: 10n } })).rejects.toMatchObject({ code: 'malformed-request' });
  await expect(world.update({ ...message, id: '' })).rejects.toMatchObject({ code: 'malformed-request' });
});

test('sessions remember the newest token; rows show everything that was acknowledged to anybody', async () => {
  await start();
  const session = world.session();
  expect(session.position).toBeUndefined();
  await session.update(Counter('a').add({ by: 5 }));
  expect(session.position).toBeDefined();
  expect(world.session(session.position).position).toBe(session.position);
  expect(await world.rows(Counts).get('a')).toEqual({ count: 5 });
  expect(await world.rows(Counts).get('nobody')).toBeUndefined();
  expect((await world.rows(Counts).find({ index: 'byCount', from: 5 })).keys).toEqual(['a']);
  expect((await world.rows(Counts).find({ from: 'b' })).keys).toEqual([]);
});

test('a wait can be given up', async () => {
  await start();
  const stop = new AbortController();
  stop.abort(new Error('enough'));
  await expect(world.update(Counter('a').add({ by: 1 }), { signal: stop.signal })).rejects.toThrow('enough');
});

test('the same seed gives the same ids, another seed others', async () => {
  await start();
  const idsOf = async (seed: number) => {
    const own = await testRuntime({ entities: [counter], seed });
    const { signalId } = await own.signal(Counter('a').add({ by: 1 }));
    await own.stop();
    return signalId;
  };
  expect(await idsOf(1)).toBe(await idsOf(1));
  expect(await idsOf(1)).not.toBe(await idsOf(2));
});

test('a stopped runtime refuses at once', async () => {
  await start();
  await world.stop();
  await expect(world.update(Counter('a').add({ by: 1 }))).rejects.toMatchObject({ code: 'draining' });
});

test('two entities of one type are refused, and nothing stays behind', async () => {
  await start();
  const now = Date.now;
  await world.stop();
  expect(Date.now).not.toBe(now);
  await expect(testRuntime({ entities: [counter, counter] })).rejects.toThrow(PerdureError);
  await expect(testRuntime({ entities: [counter], projections: [counts, counts] })).rejects.toThrow(PerdureError);
});

test('a projection that stops is told by the verb that fed it', async () => {
  const bad = Counts.from(counter, {
    Added: () => {
      throw new Error('no row');
    },
  });
  world = await testRuntime({ entities: [counter], projections: [bad] });
  await expect(world.signal(Counter('a').add({ by: 1 }))).rejects.toMatchObject({ code: 'projection-failed' });
  await expect(world.rows(Counts).get('a')).rejects.toMatchObject({ code: 'projection-failed' });
});

test('R1 a reducer that depends on more than its event is found', async () => {
  let seen = 0;
  const leaky = Counter.fold((): State => ({ count: 0, ticks: 0, everyMs: 0 }), {
    Added: (s, { by }: { by: number }) => {
      seen += 1;
      return { ...s, count: s.count + by, ticks: seen };
    },
  }).implement({
    signals: {
      add: (turn, { by }) => {
        turn.emit.Added({ by });
        return by;
      },
      tick: () => undefined,
      forward: () => undefined,
      fail: () => undefined,
    },
    queries: { count: ({ count }) => count, broken: () => seen as never },
  });
  world = await testRuntime({ entities: [leaky] });
  await expect(world.update(Counter('a').add({ by: 1 }))).rejects.toMatchObject({ code: 'determinism' });
});
