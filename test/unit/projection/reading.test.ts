import { describe, expect, it } from 'vitest';
import { cartFold, counter, quiet, World } from './world.ts';

describe('read your writes', () => {
  it('G4: a read with a position sees the event at it', async () => {
    const world = new World();
    const { projections } = world.node([counter()], [cartFold]);
    await projections.start();
    for (let n = 1; n <= 20; n++) {
      const position = await world.append('cart-1', ['Added', { amount: n }]);
      expect(await projections.get('counts', '1', { position })).toMatchObject({ count: n });
      expect(await projections.get('entity.cart', '1', { position })).toMatchObject({ revision: n - 1 });
    }
    expect(projections.caughtUp()).toBe(true);
  });

  it('W1: it answers projection-behind after its time-out, many waiters with one timer', async () => {
    const world = new World();
    const { projections } = world.node([counter()]);
    await projections.start();
    await quiet();
    const before = world.clock.pending.length;
    const reads = Array.from({ length: 100 }, (_, n) => projections.get('counts', '1', { position: 50 + n, timeoutMs: 1_000 + n }));
    const settled = Promise.allSettled(reads);
    await quiet();
    expect(world.clock.pending.length).toBe(before + 1);
    await world.clock.advance(1_099);
    for (const answer of await settled) expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'projection-behind' } });
  });

  it('without a reader rows are written in company, within 50 ms', async () => {
    const world = new World();
    const { projections, rows } = world.node([counter()]);
    await projections.start();
    for (let n = 0; n < 5; n++) {
      await world.append(`cart-${n}`, ['Added']);
      await quiet();
    }
    expect(rows.writes).toHaveLength(0);
    await world.clock.advance(50);
    expect(rows.writes.map(({ changes }) => changes.length)).toEqual([5]);
  });

  it('W2: waiters for different positions are served as they are reached, whatever order they came in', async () => {
    const world = new World();
    const { projections } = world.node([counter()]);
    await projections.start();
    const served: number[] = [];
    const waits = [2, 0, 1].map((position) => projections.reached('counts', position, 60_000).then(() => served.push(position)));
    for (let n = 0; n < 3; n++) {
      await world.append('cart-1', ['Added']);
      await quiet();
      expect(served).toHaveLength(n + 1);
    }
    await Promise.all(waits);
    expect(served).toEqual([0, 1, 2]);
  });

  it('J2: a projection that does not read the type of the token does not wait for it', async () => {
    const world = new World();
    const { projections } = world.node([counter()]);
    await projections.start();
    expect(await projections.get('counts', '1', { position: 1_000, entityType: 'order' })).toBeUndefined();
  });

  it('G4: events of other streams are covered too', async () => {
    const world = new World();
    const { projections } = world.node([counter()]);
    await projections.start();
    const position = await world.append('order-1', ['Placed']);
    await projections.reached('counts', position);
  });

  it('stopping refuses those who wait', async () => {
    const world = new World();
    const { projections } = world.node([counter()]);
    await projections.start();
    const read = expect(projections.reached('counts', 10)).rejects.toMatchObject({ code: 'store-closed' });
    await projections.stop();
    await read;
  });

  it('lag counts positions to the head and events not written', async () => {
    const world = new World();
    const { projections } = world.node([], [cartFold]);
    await projections.start();
    await quiet();
    await world.append('cart-1', ['Added'], ['Added']);
    await quiet();
    expect(await projections.lag()).toEqual([{ name: 'entity.cart', positions: 2, events: 2 }]);
    await world.clock.advance(3_000);
    expect(await projections.lag()).toEqual([{ name: 'entity.cart', positions: 0, events: 0 }]);
  });
});

describe('the current state of entities', () => {
  it('writes once a second, whatever happens in it, and at once for a reader', async () => {
    const world = new World();
    const { projections, rows } = world.node([], [cartFold]);
    await projections.start();
    await quiet();
    let position = 0;
    for (let n = 0; n < 50; n++) {
      position = await world.append(`cart-${n % 2}`, ['Added', { amount: n }]);
      await quiet();
    }
    expect(rows.writes).toHaveLength(0);
    await world.clock.advance(3_000);
    expect(rows.writes.map(({ changes }) => changes.length)).toEqual([2]);
    position = await world.append('cart-1', ['Added', { amount: 50 }]);
    await projections.reached('entity.cart', position);
    expect(rows.writes).toHaveLength(2);
  });

  it('N1: journal records move revision and position, and make a row of the initial state', async () => {
    const world = new World();
    const { projections } = world.node([], [cartFold]);
    await projections.start();
    const first = await world.append('cart-1', ['perdure:RunStarted']);
    expect(await projections.get('entity.cart', '1', { position: first })).toEqual({
      state: { id: '1', added: [] },
      revision: 0,
      position: first,
    });
    const second = await world.append('cart-1', ['Added', { amount: 4 }, { version: 2 }], ['perdure:TimerSet']);
    expect(await projections.get('entity.cart', '1', { position: second })).toEqual({
      state: { id: '1', added: [{ version: 2 }] },
      revision: 2,
      position: second + 1,
    });
  });

  it('N2: a forgotten entity has no row', async () => {
    const world = new World();
    const { projections } = world.node([], [cartFold]);
    await projections.start();
    await world.append('cart-1', ['Added', { amount: 4 }]);
    const position = await world.append('cart-1', ['perdure:RunCompleted'], ['perdure:Forgotten'], ['perdure:SignalSent']);
    expect(await projections.get('entity.cart', '1', { position })).toBeUndefined();
  });
});
