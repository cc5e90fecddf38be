import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cartFold, counter, type Fault, World } from './world.ts';

const LONG = 10 * 60_000;

describe('exactly once', () => {
  it.each<Fault>(['before', 'after'])('T3: a write that fails %s taking effect is sent again, and counts once', async (fault) => {
    for (let nth = 0; nth < 4; nth++) {
      const world = new World();
      const { projections, rows } = world.node([counter()]);
      rows.faults.push(...Array.from({ length: nth }, (): Fault => 'none'), fault, fault, fault);
      await projections.start();
      for (let n = 1; n <= 5; n++) {
        await world.append('cart-1', ['Added', { amount: n }]);
        await world.clock.advance(50);
      }
      await world.clock.advance(60_000);
      expect(await projections.get('counts', '1')).toEqual({ count: 5, sum: 15 });
      expect(projections.status()[0]?.state).toBe('running');
      await projections.stop();
    }
  });

  it('T3: while a write fails the projection says so, and recovers', async () => {
    const world = new World();
    const { projections, rows, logged } = world.node([counter()]);
    rows.faults.push('before');
    await projections.start();
    await world.append('cart-1', ['Added']);
    await world.clock.advance(50);
    expect(projections.status()[0]).toMatchObject({ state: 'retrying', error: { message: 'disk says no' } });
    expect(logged[0]).toMatchObject({ level: 'warn', fields: { projection: 'counts' } });
    await world.clock.advance(100);
    expect(projections.status()[0]).toMatchObject({ state: 'running', error: undefined });
  });

  it('G1: a node that takes over from a crashed one applies each event once, and the first stands by', async () => {
    const world = new World();
    const first = world.node([counter()]);
    await first.projections.start();
    await world.append('cart-1', ['Added', { amount: 1 }]);
    await world.clock.advance(50);
    const second = world.node([counter()]);
    await second.projections.start();
    const position = await world.append('cart-1', ['Added', { amount: 2 }]);
    await world.clock.advance(50);
    const states = [first, second].map(({ projections }) => projections.status()[0]?.state).sort();
    expect(states).toEqual(['running', 'standby']);
    for (const { projections } of [first, second]) {
      const read = projections.get('counts', '1', { position, timeoutMs: 1_000 });
      await world.clock.advance(500);
      expect(await read).toEqual({ count: 2, sum: 3 });
    }
  });

  it('G1: a standby goes on when it is told to, after the other has gone', async () => {
    const world = new World();
    const nodes = [world.node([counter()]), world.node([counter()])];
    for (const { projections } of nodes) await projections.start();
    await world.append('cart-1', ['Added', { amount: 1 }]);
    await world.clock.advance(50);
    const standby = nodes.find(({ projections }) => projections.status()[0]?.state === 'standby');
    await nodes.find((node) => node !== standby)?.projections.stop();
    await standby?.projections.retry('counts');
    await world.append('cart-1', ['Added', { amount: 2 }]);
    await world.clock.advance(50);
    expect(standby?.projections.status()[0]?.state).toBe('running');
    expect(await standby?.projections.get('counts', '1')).toEqual({ count: 2, sum: 3 });
  });

  it('T1: whatever fails and whoever crashes, rows are the fold of the log', async () => {
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          do: fc.constant('append' as const),
          id: fc.constantFrom('1', '2', '3'),
          records: fc.integer({ min: 1, max: 4 }),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          do: fc.constant('faults' as const),
          faults: fc.array(fc.constantFrom<Fault>('none', 'before', 'after'), { maxLength: 4 }),
        }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('crash' as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 3_000 }) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        const world = new World();
        const model = new Map<string, number[]>();
        let node = world.node([counter()], [cartFold]);
        await node.projections.start();
        let amount = 0;
        for (const each of steps) {
          if (each.do === 'append') {
            const amounts = Array.from({ length: each.records }, () => ++amount);
            model.set(each.id, [...(model.get(each.id) ?? []), ...amounts]);
            await world.append(`cart-${each.id}`, ...amounts.map((n) => ['Added', { amount: n }] as const));
          } else if (each.do === 'faults') node.rows.faults.push(...each.faults);
          else if (each.do === 'advance') await world.clock.advance(each.ms);
          else {
            if (each.do === 'restart') await node.projections.stop();
            node = world.node([counter()], [cartFold]);
            await node.projections.start();
          }
        }
        const head = await world.events.headPosition();
        await world.clock.advance(LONG);
        await recover(node.projections);
        await world.clock.advance(LONG);
        for (const [id, amounts] of model) {
          const sum = amounts.reduce((total, n) => total + n, 0);
          expect(await node.projections.get('counts', id)).toEqual({ count: amounts.length, sum });
          expect(await node.projections.get('entity.cart', id)).toMatchObject({
            state: { id, added: amounts },
            revision: amounts.length - 1,
          });
        }
        if (model.size > 0) expect(node.projections.status().every(({ position }) => position >= head)).toBe(true);
      }),
      { numRuns: 40 },
    );
  }, 120_000);
});

/** A crashed node of this world still runs and may have won a write: the last node takes over. */
async function recover(projections: {
  status(): readonly { name: string; state: string }[];
  retry(name: string): Promise<void>;
}): Promise<void> {
  for (const { name, state } of projections.status()) if (state === 'standby') await projections.retry(name);
}
