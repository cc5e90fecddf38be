import { describe, expect, it } from 'vitest';
import { MemoryEventStore } from '../../../runtime/adapters/memory/event-store.ts';
import { createMemoryLog } from '../../../runtime/adapters/memory/event-store-log.ts';
import type { ProjectionDefinition, RowReducer } from '../../../runtime/projection/definition.ts';
import { amountOf, cartFold, counter, World } from './world.ts';

/** Fails at the amounts in `broken`, which a test may change: a corrected reducer. */
function fragile(broken: Set<number>, name = 'fragile'): ProjectionDefinition {
  const added = (row: unknown, data: unknown) => {
    const seen = (row as { seen: number[] } | undefined)?.seen ?? [];
    seen.push(amountOf(data));
    if (broken.has(amountOf(data))) throw new Error(`cannot take ${amountOf(data)}`);
    return { seen };
  };
  const upcast = (_type: string, _version: number, data: unknown) => data;
  return { name, version: 1, indexes: {}, sources: [{ entityType: 'cart', reducers: new Map([['Added', added]]), upcast }] };
}

async function stopped() {
  const world = new World();
  const broken = new Set([3]);
  const node = world.node([fragile(broken), counter()]);
  await world.append('cart-1', ['Added', { amount: 1 }]);
  const turn = await world.append('cart-1', ['Added', { amount: 2 }], ['Added', { amount: 3 }], ['Added', { amount: 4 }]);
  await world.append('cart-1', ['Added', { amount: 5 }]);
  await node.projections.start();
  await world.clock.advance(50);
  return { world, broken, turn, ...node };
}

describe('a failing event', () => {
  it('G3, B3: stops its projection alone, before the turn, named', async () => {
    const { projections, turn, logged } = await stopped();
    expect(projections.status()).toMatchObject([
      {
        name: 'fragile',
        state: 'failed',
        position: turn,
        error: { code: 'projection-failed' },
        event: { stream: 'cart-1', type: 'Added', revision: 2, position: turn + 1 },
      },
      { name: 'counts', state: 'running' },
    ]);
    expect(await projections.get('fragile', '1')).toEqual({ seen: [1] });
    expect(await projections.get('counts', '1')).toEqual({ count: 5, sum: 15 });
    expect(projections.caughtUp()).toBe(false);
    expect(logged).toContainEqual(expect.objectContaining({ level: 'warn', message: 'projection stopped at an event' }));
  });

  it('G3: readers that wait for it are refused at once, those of earlier events are served', async () => {
    const { projections, turn } = await stopped();
    await expect(projections.reached('fragile', turn)).rejects.toMatchObject({ code: 'projection-failed' });
    await projections.reached('fragile', turn - 1);
  });

  it('G3: retry goes on under corrected code', async () => {
    const { world, projections, broken } = await stopped();
    await projections.retry('fragile');
    await world.clock.advance(50);
    expect(projections.status()[0]?.state).toBe('failed');
    broken.clear();
    await projections.retry('fragile');
    await world.clock.advance(50);
    expect(projections.status()[0]).toMatchObject({ state: 'running', error: undefined, event: undefined });
    expect(await projections.get('fragile', '1')).toEqual({ seen: [1, 2, 3, 4, 5] });
  });

  it('T2: a reducer that changed its row in place before it threw leaves no trace', async () => {
    const world = new World();
    const broken = new Set([2]);
    const { projections } = world.node([fragile(broken)]);
    await projections.start();
    await world.append('cart-1', ['Added', { amount: 1 }]);
    await world.clock.advance(50);
    await projections.stop();
    await world.append('cart-1', ['Added', { amount: 5 }]);
    await world.append('cart-1', ['Added', { amount: 2 }]);
    await projections.start();
    await world.clock.advance(50);
    expect(projections.status()[0]?.state).toBe('failed');
    expect(await projections.get('fragile', '1')).toEqual({ seen: [1, 5] });
  });

  it('G3: skip goes on without that event only, and is logged', async () => {
    const { world, projections, turn, logged } = await stopped();
    await expect(projections.skip('fragile', turn)).rejects.toMatchObject({ code: 'not-failed' });
    await projections.skip('fragile', turn + 1);
    await world.clock.advance(50);
    expect(await projections.get('fragile', '1')).toEqual({ seen: [1, 2, 4, 5] });
    expect(logged).toContainEqual(
      expect.objectContaining({ level: 'info', message: 'event is skipped', fields: expect.objectContaining({ projection: 'fragile' }) }),
    );
    await expect(projections.skip('fragile', turn + 1)).rejects.toMatchObject({ code: 'not-failed' });
  });

  it('G3: a skip that is not written yet is asked for again after a crash', async () => {
    const { world, projections, rows, broken, turn } = await stopped();
    rows.faults.push(...Array.from({ length: 50 }, () => 'before' as const));
    await projections.skip('fragile', turn + 1);
    await world.clock.advance(50);
    const next = world.node([fragile(broken)]);
    await next.projections.start();
    await world.clock.advance(50);
    expect(next.projections.status()[0]).toMatchObject({ state: 'failed', position: turn });
  });

  it.each([
    ['a row that is no object', () => 7],
    ['a row with a value that cannot be indexed', () => ({ at: [1] })],
    ['a row with a text that is too long for its index', () => ({ at: 'x'.repeat(3_000) })],
  ])('U3: %s is the failure of its event', async (_what, reducer) => {
    const world = new World();
    const reducers = new Map<string, RowReducer>([
      ['Added', reducer],
      ['Fine', () => ({ at: 1 })],
    ]);
    const sources = [{ entityType: 'cart', reducers, upcast: () => ({}) }];
    const { projections } = world.node([{ name: 'p', version: 1, indexes: { byAt: ['at'] }, sources }]);
    await world.append('cart-1', ['Fine']);
    const position = await world.append('cart-2', ['Added']);
    await world.append('cart-3', ['Fine']);
    await projections.start();
    await world.clock.advance(50);
    expect(projections.status()[0]).toMatchObject({ state: 'failed', event: { stream: 'cart-2', position } });
    expect(await projections.get('p', '1')).toEqual({ at: 1 });
    await projections.skip('p', position);
    await world.clock.advance(50);
    expect(await projections.get('p', '3')).toEqual({ at: 1 });
  });

  it('G3: keys and upcasters that throw stop the projection too, and can be skipped', async () => {
    for (const part of [
      { keysOf: () => ['k'.repeat(600)] },
      {
        keysOf: () => ['k'],
        upcast: () => {
          throw new Error('unknown version');
        },
      },
    ]) {
      const world = new World();
      const reducers = new Map([['Added', () => ({})]]);
      const sources = [{ entityType: 'cart', reducers, upcast: () => ({}), ...part }];
      const { projections } = world.node([{ name: 'p', version: 1, indexes: {}, sources }]);
      const position = await world.append('cart-1', ['Added']);
      await projections.start();
      await world.clock.advance(50);
      expect(projections.status()[0]).toMatchObject({ state: 'failed', event: { position } });
      await projections.skip('p', position);
      await world.clock.advance(50);
      expect(projections.status()[0]?.state).toBe('running');
    }
  });

  it('N3: an entity that cannot be folded has a row without state that says why, for good; the others go on', async () => {
    const world = new World();
    const { projections, logged } = world.node([], [cartFold]);
    await projections.start();
    await world.append('cart-1', ['Added', { amount: 1 }]);
    const position = await world.append('cart-1', ['Unheard'], ['Added', { amount: 2 }]);
    await world.append('cart-2', ['Added', { amount: 3 }]);
    await world.clock.advance(3_000);
    expect(projections.status()[0]).toMatchObject({ state: 'running', error: undefined });
    const failed = { state: null, revision: 2, position: position + 1, error: 'Error: no reducer for Unheard' };
    expect(await projections.get('entity.cart', '1')).toEqual(failed);
    expect(await projections.get('entity.cart', '2')).toMatchObject({ state: { added: [3] } });
    const said = { level: 'warn', fields: { projection: 'entity.cart', stream: 'cart-1', type: 'Unheard', revision: 1, position } };
    expect(logged).toMatchObject([said]);

    const next = world.node([], [cartFold, { ...cartFold, type: 'order' }]);
    await projections.stop();
    await next.projections.start();
    await world.append('cart-1', ['Added', { amount: 4 }]);
    await world.clock.advance(3_000);
    expect(await next.projections.get('entity.cart', '1')).toMatchObject({ state: null, revision: 3, error: failed.error });
    await next.projections.stop();

    const apply: typeof cartFold.apply = (state, event) => (event.type === 'Unheard' ? state : cartFold.apply(state, event));
    const corrected = world.node([], [{ ...cartFold, stateVersion: 2, apply }]);
    await corrected.projections.start();
    await world.clock.advance(3_000);
    expect(await corrected.projections.get('entity.cart', '1')).toMatchObject({ state: { added: [1, 2, 4] }, revision: 3 });
  });

  it('N3: so does one whose initial state cannot be made', async () => {
    const world = new World();
    const initial = () => {
      throw new Error('no start');
    };
    const { projections } = world.node([], [{ ...cartFold, initial }]);
    await projections.start();
    const position = await world.append('cart-1', ['perdure:Paused']);
    expect(await projections.get('entity.cart', '1', { position })).toEqual({
      state: null,
      revision: 0,
      position,
      error: 'Error: no start',
    });
  });
});

describe('a batch that waits while rows are written', () => {
  it('B1: is ignored if the write sends the projection back, and read again', async () => {
    const world = new World();
    const { projections, rows } = world.node([], [cartFold]);
    await projections.start();
    const position = await world.append('cart-1', ['Added', { amount: 1 }]);
    await world.clock.advance(50);
    rows.faults.push({ refuse: '1' });
    const read = expect(projections.reached('entity.cart', position)).rejects.toMatchObject({ code: 'projection-failed' });
    await world.append('cart-2', ['Added', { amount: 2 }]);
    await world.clock.advance(50);
    await read;
    await world.clock.advance(50);
    expect(projections.status()[0]).toMatchObject({ state: 'failed', event: { stream: 'cart-1' }, position });
    await projections.retry('entity.cart');
    await world.clock.advance(3_000);
    for (const id of ['1', '2']) expect(await projections.get('entity.cart', id)).toMatchObject({ revision: 0 });
  });
});

describe('starting', () => {
  it('G2: a checkpoint of another store is refused, and nothing stays running', async () => {
    const world = new World();
    const { projections } = world.node([counter()]);
    await projections.start();
    await world.append('cart-1', ['Added']);
    await world.clock.advance(50);
    await projections.stop();
    const other = world.node([counter({ name: 'new' }), counter()], [], new MemoryEventStore(createMemoryLog('store-2')));
    await expect(other.projections.start()).rejects.toMatchObject({ code: 'store-mismatch' });
    expect(other.projections.status().map(({ state }) => state)).toEqual(['stopped', 'stopped']);
  });

  it('G2: a checkpoint beyond the head is refused', async () => {
    const world = new World();
    const { projections } = world.node([counter()]);
    await projections.start();
    await world.append('cart-1', ['Added']);
    await world.clock.advance(50);
    await projections.stop();
    const shorter = world.node([counter()], [], new MemoryEventStore(createMemoryLog('store-1')));
    await expect(shorter.projections.start()).rejects.toMatchObject({ code: 'store-mismatch' });
  });

  it('a stop while a start is under way leaves nothing running', async () => {
    const world = new World();
    const { projections, rows } = world.node([counter()]);
    const started = projections.start();
    await projections.stop();
    await started;
    await world.append('cart-1', ['Added']);
    await world.clock.advance(50);
    expect(projections.status()[0]?.state).toBe('stopped');
    expect(rows.writes).toEqual([]);
  });

  it('names are unique, and unknown ones are refused', async () => {
    const world = new World();
    expect(() => world.node([counter(), counter({ version: 2 })])).toThrow(expect.objectContaining({ code: 'invalid-definition' }));
    expect(() => world.node([counter({ sources: [] })])).toThrow(expect.objectContaining({ code: 'invalid-definition' }));
    await expect(world.node([]).projections.get('counts', '1')).rejects.toMatchObject({ code: 'unknown-projection' });
  });
});
