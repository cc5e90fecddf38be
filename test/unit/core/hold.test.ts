import { describe, expect, it } from 'vitest';
import { emptyImage } from '../../../runtime/core/image.ts';
import { LIMITS } from '../../../runtime/core/limits.ts';
import { deepFreeze } from '../../../runtime/core/plain.ts';
import { decodeSnapshot, encodeSnapshot } from '../../../runtime/core/snapshot.ts';
import { definition } from './probe.ts';
import { chosen, firing, fold, from, op, sig, update, World, whole } from './world.ts';

function parkedAt(by = 13): World {
  const world = new World();
  world.one(chosen('p', 'add', { by }));
  return world;
}

describe('while an entity holds', () => {
  it('K1, B3: signals and firings are recorded in order and no user code runs', () => {
    const world = new World();
    world.one(sig('arm', { key: 'a', ms: 5, say: false }));
    world.one(op('pause'));
    world.turn([sig('add', { by: 1 }), firing('lapse', 'a', 1), chosen('x', 'bad'), from(3, 'unheard')]);
    expect(world.types.slice(3)).toEqual([
      'perdure:SignalHeld',
      'perdure:TimerFired',
      'perdure:SignalHeld',
      'perdure:SignalHeld',
      'perdure:SignalHeld',
    ]);
    expect(world.image.books).toMatchObject({ heldCount: 4, heldFrom: 3 });
    expect(world.image.books.timers.size).toBe(0);
    expect([world.defects, world.image.state]).toEqual([[], definition.initial('1')]);
    expect(world.one(chosen('x', 'bad'))).toMatchObject({ kind: 'known' });
    expect(world.one(from(2, 'add', { by: 1 }))).toMatchObject({ kind: 'done', repeated: true });
  });

  it('K1: what arrives while the held ones are handled waits behind them', () => {
    const world = new World();
    world.one(op('pause'));
    world.turn([sig('add', { by: 1 }), sig('add', { by: 3 })]);
    world.one(op('resume'));
    world.release('drain');
    world.one(sig('add', { by: 5 }));
    expect(world.image.books.heldCount).toBe(2);
    expect(world.one(update('add', { by: 7 }))).toMatchObject({ code: 'parked' });
    world.release('drain');
    world.release('drain');
    expect(world.one(update('add', { by: 7 }))).toMatchObject({ kind: 'done', result: { n: 16 } });
  });

  it('K2: updates are told why, and nothing is recorded; queries go on', () => {
    const parked = parkedAt();
    expect(parked.one(update('add', { by: 1 }))).toMatchObject({
      kind: 'failed',
      code: 'parked',
      message: expect.stringContaining('thirteen'),
    });
    const paused = new World();
    paused.one(op('pause'));
    expect(paused.one(update('add', { by: 1 }))).toMatchObject({
      kind: 'failed',
      code: 'paused',
      message: expect.stringContaining('by op: test'),
    });
    for (const world of [parked, paused])
      expect(world.one({ kind: 'query', name: 'total', input: undefined })).toMatchObject({ kind: 'done', result: 0 });
    expect(paused.types).toEqual(['perdure:Paused']);
  });

  it('K4: one signal more than maxHeld is refused', () => {
    const world = parkedAt();
    const rest = Array.from({ length: LIMITS.maxHeld - 1 }, () => sig('add', { by: 1 }));
    for (let at = 0; at < rest.length; at += 1_000) world.all(rest.slice(at, at + 1_000));
    expect(world.image.books.heldCount).toBe(LIMITS.maxHeld);
    expect(world.one(sig('add', { by: 1 }))).toMatchObject({ kind: 'failed', code: 'held-overflow' });
    expect(world.image.books.heldCount).toBe(LIMITS.maxHeld);
  });

  it('K1: nothing at all is held as nothing; what is not plain is refused', () => {
    const world = parkedAt();
    expect(world.one(sig('noop', {}, { payload: undefined }))).toMatchObject({ kind: 'done' });
    expect(world.one(sig('noop', new Uint8Array(3)))).toMatchObject({ kind: 'failed', code: 'payload-not-plain' });
    expect(world.image.books.heldCount).toBe(2);
    expect(world.records.at(-1)?.data).toEqual({ kind: 'signal', name: 'noop', payload: null });
  });
});

describe('release', () => {
  it('K3: a retry that fails parks again at the same message, nothing behind it is released', () => {
    const world = parkedAt();
    world.one(sig('add', { by: 1 }));
    for (const verb of ['retry', 'retry'] as const) {
      expect(world.release(verb)).toMatchObject({ kind: 'failed', code: 'parked', message: 'defect: TypeError: thirteen' });
      expect(world.image.books).toMatchObject({ heldCount: 2, heldFrom: 1, parked: { signal: 'p', name: 'add' } });
    }
    const { length } = world.records;
    expect(world.release('drain')).toMatchObject({ kind: 'failed', code: 'parked' });
    expect([world.records.length, world.defects.length]).toEqual([length, 3]);
    expect(world.image.state).toMatchObject({ n: 0 });
  });

  it('skip: goes on behind the message, whose id stays known', () => {
    const world = parkedAt();
    world.one(sig('add', { by: 1 }));
    expect(world.release('skip')).toMatchObject({ kind: 'done' });
    expect(world.image.books).toMatchObject({ heldCount: 1, heldFrom: 2, parked: undefined });
    world.release('drain');
    expect(world.image.state).toMatchObject({ n: 1 });
    expect(world.one(chosen('p', 'add', { by: 1 }))).toMatchObject({ kind: 'known', revision: 3 });
  });

  it('edit: handles the message with the payload given, and its outcome is that of the id', () => {
    const world = parkedAt();
    expect(world.release('edit', { by: 4 })).toMatchObject({ kind: 'done' });
    expect(world.types.slice(2)).toEqual(['perdure:HeldEdited', 'perdure:Released', 'Added']);
    expect(world.image.state).toMatchObject({ n: 8 });
    expect(world.records[4]?.meta).toMatchObject({ signal: 'p', res: { n: 8 } });
    expect(world.one(chosen('p', 'add'))).toEqual({ kind: 'known', revision: 4 });
  });

  it('K3: an edit that fails stays the payload of the next retry, on every node, until the message is gone', () => {
    const world = parkedAt();
    world.one(sig('add', { by: 1 }));
    expect(world.release('edit', { by: 'x' })).toMatchObject({ kind: 'failed', code: 'parked', details: [{ path: 'by' }] });
    expect(world.release('retry')).toMatchObject({ code: 'parked', details: [{ path: 'by' }] });
    for (const node of [world, world.restarted()]) expect(node.image.books.heldEdit).toEqual({ payload: { by: 'x' } });
    const restored = decodeSnapshot(definition, '1', encodeSnapshot(world.image), deepFreeze);
    expect(restored?.books.heldEdit).toEqual({ payload: { by: 'x' } });
    world.release('edit', { by: 3 });
    expect(world.image.books.heldEdit).toBeUndefined();
    world.release('drain');
    expect(world.image.state).toMatchObject({ n: 4 });
  });

  it('edit: a payload that is not plain is refused, one that is missing too', () => {
    const world = parkedAt();
    const before = whole(world.image);
    for (const payload of [undefined, { at: new Date(0) }])
      expect(world.release('edit', payload)).toMatchObject({ kind: 'failed', code: 'payload-not-plain' });
    expect(whole(world.image)).toEqual(before);
  });

  it('edit: counts the size of its payload', () => {
    const world = parkedAt();
    world.release('edit', { by: 'x'.repeat(50_000) });
    expect(world.last.bytes).toBeGreaterThan(50_000);
  });

  it('H1: a held message that is rejected is released, and nothing else', () => {
    const world = parkedAt();
    world.release('edit', { by: -1 });
    expect(world.types.slice(2)).toEqual(['perdure:HeldEdited', 'perdure:Released']);
    expect(world.image.books.holding).toBe(false);
    expect(world.one(chosen('p', 'add'))).toEqual({ kind: 'known', revision: 3 });
  });

  it('timers: a held firing is handled with its key', () => {
    const world = new World();
    world.one(sig('arm', { key: 'a', ms: 5, say: false }));
    world.one(op('pause'));
    world.one(firing('lapse', 'a', 1));
    world.one(op('resume'));
    world.release('drain');
    expect(world.records.at(-1)).toMatchObject({ type: 'Lapsed', data: 'a' });
    expect(world.image.books.holding).toBe(false);
  });

  it('waits for the end of a pause, but a skip does not', () => {
    const world = parkedAt();
    world.one(op('pause'));
    expect(world.release('retry')).toMatchObject({ code: 'parked' });
    expect(world.release('skip')).toMatchObject({ kind: 'done' });
    expect(world.image.books).toMatchObject({ heldCount: 0, parked: undefined, holding: true });
    world.one(op('resume'));
    expect(world.image.books.holding).toBe(false);
  });

  it('of what was released already is answered and does nothing', () => {
    const world = parkedAt();
    const held = world.held();
    if (held === undefined) throw new Error('nothing held');
    world.one(sig('add', { by: 1 }));
    const skip = { kind: 'release', verb: 'skip', held, by: 'op', why: 'twice' } as const;
    const { decisions } = world.turn([skip, skip]);
    expect(decisions).toMatchObject([{ kind: 'done' }, { kind: 'failed', code: 'not-parked' }]);
    expect(world.image.books.heldCount).toBe(1);
    expect(new World().one(skip)).toMatchObject({ kind: 'failed', code: 'not-parked' });
  });

  it('U6: held messages that may go on are owed at once', () => {
    const world = new World();
    world.one(sig('arm', { key: 'a', ms: 5_000, say: false }));
    world.one(op('pause'));
    world.one(sig('add', { by: 1 }));
    expect(world.row).toBe(6_000);
    world.clockMs = 2_000;
    world.one(op('resume'));
    expect(world.row).toBe(2_000);
  });
});

describe('pause and resume', () => {
  it('a second pause changes nothing, a resume without one is told', () => {
    const world = new World();
    expect(world.one(op('resume'))).toMatchObject({ code: 'not-paused' });
    world.one(op('pause'));
    expect(world.one(op('pause'))).toMatchObject({ kind: 'done' });
    expect(world.types).toEqual(['perdure:Paused']);
  });
});

describe('forget', () => {
  it('ends everything, keeps the marks, and answers forgotten ever after', () => {
    const world = parkedAt();
    world.turn([from(4, 'add', { by: 1 }), op('pause')]);
    expect(world.one(op('forget'))).toMatchObject({ kind: 'done' });
    expect(world.image.books).toMatchObject({ forgotten: true, parked: undefined, paused: undefined, heldCount: 0, holding: false });
    const turns = world.turns.length;
    for (const input of [
      sig('add', { by: 1 }),
      update('add', { by: 1 }),
      from(9, 'add', { by: 1 }),
      op('forget'),
      op('pause'),
      { kind: 'query', name: 'total', input: undefined } as const,
    ]) {
      expect(world.one(input)).toMatchObject({ kind: 'failed', code: 'forgotten' });
    }
    expect(world.turns.length).toBe(turns);
    expect(whole(world.folded())).toEqual(whole(world.image));
  });

  it('disarms the timers, and has nothing to forget without a stream', () => {
    const world = new World();
    expect(world.one(op('forget'))).toMatchObject({ kind: 'failed', code: 'not-found' });
    world.one(sig('arm', { key: 'a', ms: 5, say: true }));
    world.turn([op('forget'), sig('add', { by: 1 })]);
    expect(world.image.books.timers.size).toBe(0);
    expect(world.one(firing('lapse', 'a', 1))).toMatchObject({ code: 'forgotten' });
  });

  it('a stream that was cut off before its Forgotten folds to a forgotten entity with its marks', () => {
    const world = new World();
    world.turn([from(4, 'add', { by: 1 }), op('forget')]);
    const [turn] = world.turns;
    if (turn === undefined) throw new Error('no turn');
    const at = turn.records.findIndex(({ type }) => type === 'perdure:Forgotten');
    const rest = { ...turn, firstRevision: at, position: turn.position + at, records: turn.records.slice(at) };
    const image = fold(emptyImage(definition, '1'), [rest]);
    expect(image.books).toMatchObject({ forgotten: true, revision: world.image.books.revision });
    expect([...image.books.marks]).toEqual([['s', { position: 4, index: 0 }]]);
    expect([image.position, image.turnId]).toEqual([world.image.position, world.image.turnId]);
  });

  it('forgets an operator s payload too', () => {
    const world = parkedAt();
    world.release('edit', { by: 'secret' });
    world.one(op('forget'));
    expect(world.image.books.heldEdit).toBeUndefined();
  });
});
