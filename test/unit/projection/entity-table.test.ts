import { describe, expect, it } from 'vitest';
import type { EntityFold } from '../../../runtime/projection/definition.ts';
import { type EntityEntry, EntityStates } from '../../../runtime/projection/entity-states.ts';
import { cartFold, quiet, World } from './world.ts';

const MIB = 1024 * 1024;
const entry = (id: string, state: unknown = null): EntityEntry => {
  return { id, present: true, state, revision: 0, position: 0, error: undefined, since: 0, events: 0, turn: 0, recordType: '', bytes: 0 };
};

describe('states in memory', () => {
  it('S1: unchanged ones are bounded in bytes, the longest untouched go first', () => {
    const states = new EntityStates();
    for (let n = 0; n < 40; n++) states.add(`cart-${n}`, entry(`${n}`, 'x'.repeat(MIB)));
    const first = states.get('cart-0');
    if (first !== undefined) states.touch('cart-0', first, 7, 1);
    states.take(1, MIB);
    states.trim();
    const kept = Array.from({ length: 40 }, (_, n) => n).filter((n) => states.get(`cart-${n}`) !== undefined);
    expect(kept).toEqual([0, ...Array.from({ length: 30 }, (_, n) => n + 10)]);
  });

  it('S1: and in number', () => {
    const states = new EntityStates();
    for (let n = 0; n < 16_385; n++) states.add(`cart-${n}`, entry(`${n}`));
    states.trim();
    expect([states.get('cart-0'), states.get('cart-1')?.id]).toEqual([undefined, '1']);
  });

  it('S1: changed ones are full by number or by bytes, also by growing; taking makes room', () => {
    const states = new EntityStates();
    const large = entry('large', 'x'.repeat(20 * MIB));
    states.touch('cart-large', large, 1, 1);
    expect(states.full).toBe(false);
    large.state = [large.state, large.state];
    states.touch('cart-large', large, 2, 1);
    expect(states.full).toBe(true);
    states.take(1, 1);
    for (let n = 0; n < 65_536; n++) {
      expect(states.full).toBe(false);
      states.touch(`cart-${n}`, entry(`${n}`), n, 1);
    }
    expect(states.full).toBe(true);
    expect(states.events).toBe(65_536);
  });

  it('S2: what is put back comes before what changed since, and comes out whole', () => {
    const states = new EntityStates();
    for (let n = 0; n < 4; n++) states.touch(`cart-${n}`, entry(`${n}`), 10 * n, 1);
    const taken = states.take(2, MIB);
    expect(states.since).toBe(20);
    states.putBack(
      taken.map((each) => [`cart-${each.id}`, each]),
      20,
    );
    expect([states.since, states.events]).toEqual([20, 4]);
    expect(states.take(1, MIB).map(({ id }) => id)).toEqual(['0', '1', '2']);
    expect(states.since).toBe(30);
  });
});

describe('writing in parts', () => {
  /** 1 500 entities, changed once each. */
  async function many() {
    const world = new World();
    const node = world.node([], [cartFold]);
    await node.projections.start();
    await quiet();
    await Promise.all(Array.from({ length: 1_500 }, (_, n) => world.append(`cart-${n}`, ['Added', { amount: n }])));
    await quiet();
    return { world, ...node };
  }

  it('N4: rows wait for their second, however many; each write moves the checkpoint to the oldest change left', async () => {
    const { world, rows } = await many();
    expect(rows.writes).toHaveLength(0);
    await world.clock.advance(3_000);
    expect(rows.writes.map(({ changes, next }) => [changes.length, next.position])).toEqual([
      [512, 512],
      [512, 1_024],
      [476, 1_500],
    ]);
  });

  it('N4: a row that was written ahead of the checkpoint is not folded twice after a crash', async () => {
    const { world, projections, rows } = await many();
    await world.append('cart-3', ['Added', { amount: 99 }]);
    await quiet();
    rows.faults.push('none', ...Array.from({ length: 30 }, () => 'before' as const));
    await world.clock.advance(3_000);
    expect(rows.writes).toHaveLength(1);
    expect(await projections.get('entity.cart', '3')).toMatchObject({ state: { added: [3, 99] }, revision: 1 });
    const second = world.node([], [cartFold]);
    await second.projections.start();
    const position = await world.append('cart-3', ['Added', { amount: 100 }]);
    await second.projections.reached('entity.cart', position);
    expect(await second.projections.get('entity.cart', '3')).toMatchObject({ state: { added: [3, 99, 100] }, revision: 2 });
    expect(await second.projections.get('entity.cart', '1499')).toMatchObject({ revision: 0 });
  });

  it('N4: after a write of unknown outcome, found as far by another writer, nothing stays behind the checkpoint', async () => {
    const { world, projections, rows } = await many();
    // The other knows the log up to 1 500; this one's first write takes a row that is newer.
    const other = world.node([], [cartFold]);
    await world.append('cart-3', ['Added', { amount: 99 }]);
    await quiet();
    rows.faults.push('before');
    const table = 'entity.cart@1';
    await world.clock.advance(3_000);
    await other.rows.declare({ table, indexes: {} });
    const row = (n: number) => ({ state: { id: String(n), added: [n] }, revision: 0, position: n });
    const changes = Array.from({ length: 512 }, (_, n) => ({ key: String(n), row: row(n) }));
    const next = { storeId: 'store-1', position: 512 };
    expect(await other.rows.write({ table, expected: undefined, next, changes })).toBe('written');
    await world.clock.advance(5_000);
    expect(projections.status()[0]).toMatchObject({ state: 'running', position: 1_501 });
    expect(await projections.get('entity.cart', '3')).toMatchObject({ state: { added: [3, 99] }, revision: 1 });
  });

  it('G4: rows whose write is under way, or was given up, are not seen', async () => {
    const world = new World();
    const { projections, rows } = world.node([], [cartFold]);
    await projections.start();
    await quiet();
    const position = await world.append('cart-1', ['Added', { amount: 1 }]);
    rows.faults.push(...Array.from({ length: 5 }, () => 'before' as const));
    const read = projections.get('entity.cart', '1', { position, timeoutMs: 60_000 });
    await quiet();
    expect(projections.status()[0]).toMatchObject({ state: 'retrying', position: 0 });
    await world.clock.advance(10_000);
    expect(await read).toMatchObject({ revision: 0 });
    rows.faults.push('before');
    await world.append('cart-1', ['Added', { amount: 2 }]);
    await quiet();
    await projections.stop();
    expect(projections.status()[0]).toMatchObject({ state: 'stopped', position: position + 1 });
  });

  it('batches are folded between the parts', async () => {
    const { world, projections } = await many();
    const flushed = projections.reached('entity.cart', 1_499);
    await world.append('cart-5', ['Added', { amount: 5 }]);
    await flushed;
    await world.clock.advance(3_000);
    expect(await projections.get('entity.cart', '5')).toMatchObject({ state: { added: [5, 5] } });
  });

  it('states of more bytes than may wait are written before their second', async () => {
    const world = new World();
    const apply: EntityFold['apply'] = () => 'x'.repeat(MIB);
    const { projections, rows } = world.node([], [{ ...cartFold, apply }]);
    await projections.start();
    await quiet();
    await Promise.all(Array.from({ length: 40 }, (_, n) => world.append(`cart-${n}`, ['Added'])));
    await quiet();
    expect(rows.writes.length).toBeGreaterThan(0);
    expect(rows.writes.length).toBeLessThan(40);
  });
});
