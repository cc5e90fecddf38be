import { describe, expect, it } from 'vitest';
import { acting } from './acting.ts';
import { chosen, firing, from, sig, update, World, whole } from './world.ts';

describe('rejections and defects', () => {
  it('H1: a rejected message leaves nothing, whatever it had asked for', () => {
    const world = new World();
    const before = whole(world.image);
    expect(world.one(update('add', { by: -1 }))).toMatchObject({
      kind: 'rejected',
      code: 'negative',
      details: { by: -1 },
      by: 'probe/1',
      position: -1,
    });
    expect([world.records, whole(world.image)]).toEqual([[], before]);
  });

  it('H1: a rejected timer leaves the fact that it fired', () => {
    const world = new World();
    world.one(sig('arm', { key: '', ms: 5, say: false }));
    expect(world.one(firing('tick', '', 1))).toMatchObject({ kind: 'done' });
    expect(world.types).toEqual(['perdure:TimerSet', 'perdure:Wake', 'perdure:TimerFired']);
    expect(world.image.books.timers.size).toBe(0);
  });

  it('H2: a defective update is answered and leaves nothing', () => {
    const world = new World();
    expect(world.one(update('add', { by: 13 }))).toEqual({
      kind: 'failed',
      code: 'defect',
      message: 'probe.add threw TypeError: thirteen',
    });
    expect([world.records.length, world.defects.length]).toEqual([0, 1]);
  });

  it('H2: a thrown value that may not even be looked at is a defect like any other', () => {
    const trap = () => {
      throw new Error('trap');
    };
    for (const traps of [{ has: trap }, { getPrototypeOf: trap }, { get: trap }]) {
      const world = acting(() => {
        throw new Proxy({}, traps);
      });
      expect(world.one(update('act', {}))).toMatchObject({ kind: 'failed', code: 'defect' });
    }
  });

  it('H2: a defective signal parks its entity and is held', () => {
    const world = new World();
    expect(world.one(chosen('x', 'add', { by: 13 }))).toMatchObject({ kind: 'done' });
    expect(world.types).toEqual(['perdure:Parked', 'perdure:SignalHeld']);
    expect(world.image.books).toMatchObject({
      heldCount: 1,
      heldFrom: 1,
      parked: { reason: 'defect', signal: 'x', name: 'add', message: 'defect: TypeError: thirteen' },
    });
  });

  it('H2: a defective timer parks its entity and its firing is held, once', () => {
    const world = new World();
    world.one(sig('arm', { key: 'boom', ms: 5, say: true }));
    world.one(firing('lapse', 'boom', 1));
    expect(world.types.slice(2)).toEqual(['perdure:TimerFired', 'perdure:Parked', 'perdure:SignalHeld']);
    expect(world.image.books.parked).toMatchObject({ signal: 'timer:lapse/boom', name: 'lapse' });
    world.one(firing('lapse', 'boom', 1));
    expect(world.image.books.heldCount).toBe(1);
  });

  it('H2: whatever user code throws, the turn stands', () => {
    const trap = {
      toString() {
        throw new Error('again');
      },
    };
    for (const thrown of [
      undefined,
      null,
      'text',
      Symbol('s'),
      Object.create(null),
      trap,
      'x'.repeat(10_000),
      `${'y'.repeat(1_999 - 'defect: '.length)}🗝`,
    ]) {
      const throwing = () => {
        throw thrown;
      };
      expect(acting(throwing).one(update('act'))).toMatchObject({ kind: 'failed', code: 'defect' });
      const world = acting(throwing);
      world.one(sig('act'));
      expect(world.image.books.parked?.message.length).toBeLessThanOrEqual(2_000);
      expect(whole(world.folded())).toEqual(whole(world.image));
    }
  });

  it('an invalid payload is answered with its issues and leaves nothing', () => {
    const world = new World();
    expect(world.one(from(1, 'add', { by: 'x' }))).toMatchObject({ kind: 'failed', code: 'invalid-payload', details: [{ path: 'by' }] });
    expect(world.records).toEqual([]);
  });

  it('an unknown name is answered, but from a source it parks', () => {
    const world = new World();
    expect(world.one(update('unheard'))).toMatchObject({ kind: 'failed', code: 'unknown-signal' });
    expect(world.one(sig('total'))).toMatchObject({ kind: 'failed', code: 'unknown-signal' });
    expect(world.records).toEqual([]);
    world.one(from(1, 'unheard'));
    expect(world.image.books).toMatchObject({ heldCount: 1, parked: { reason: 'unknown-signal', name: 'unheard' } });
    const asked = new World();
    asked.one({ ...from(1, 'unheard'), wants: 'outcome' });
    expect(asked.image.books).toMatchObject({ heldCount: 1, parked: { reason: 'unknown-signal' } });
  });
});

describe('queries in a turn', () => {
  it('U2: see what the messages before them left, and write nothing', () => {
    const world = new World();
    const { decisions } = world.turn([sig('add', { by: 1 }), { kind: 'query', name: 'total', input: undefined }, sig('add', { by: 3 })]);
    expect(decisions[1]).toMatchObject({ kind: 'done', result: 1, revision: 0 });
    expect(world.types).toEqual(['Added', 'Added']);
    expect(world.one({ kind: 'query', name: 'no', input: undefined })).toMatchObject({ kind: 'failed', code: 'unknown-query' });
  });
});
