import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { emptyImage, foldTurn } from '../../../runtime/core/image.ts';
import { journal } from '../../../runtime/core/journal.ts';
import { deepFreeze } from '../../../runtime/core/plain.ts';
import { decodeSnapshot, encodeSnapshot, snapshotDue } from '../../../runtime/core/snapshot.ts';
import { definition, olderDefinition } from './probe.ts';
import { chosen, fold, from, op, sig, update, World, whole } from './world.ts';

function parkedAt(by = 13): World {
  const world = new World();
  world.one(chosen('p', 'add', { by }));
  return world;
}

describe('a state that cannot be folded', () => {
  it('F2: parks with the first message it has to hold, and goes on under code that can', () => {
    const newer = new World();
    newer.one(sig('add', { by: 2 }));
    newer.one(sig('add', { by: 1 }));
    const older = newer.restarted(olderDefinition);
    expect(older.image.foldError).toMatch(/version 3, this code knows 1/);
    expect(older.one(update('add', { by: 1 }))).toMatchObject({ kind: 'failed', code: 'parked' });
    expect(older.one({ kind: 'query', name: 'total', input: undefined })).toMatchObject({ kind: 'failed', code: 'parked' });
    expect(older.turns.length).toBe(2);
    older.turn([chosen('a', 'add', { by: 3 }), chosen('b', 'add', { by: 5 })]);
    expect(older.types.slice(2)).toEqual(['perdure:Parked', 'perdure:SignalHeld', 'perdure:SignalHeld']);
    expect(older.image.books.parked).toMatchObject({ reason: 'fold' });
    expect(older.release('retry')).toMatchObject({ kind: 'failed', code: 'fold-failed' });
    expect(older.release('skip')).toMatchObject({ kind: 'failed', code: 'fold-failed' });
    expect(snapshotDue(older.image, 1)).toBe(false);
    expect(() => encodeSnapshot(older.image)).toThrow(expect.objectContaining({ code: 'invariant-violated' }));

    const again = older.restarted(definition);
    expect(again.image.foldError).toBeUndefined();
    again.one(chosen('c', 'add', { by: 7 }));
    expect(again.types.slice(5)).toEqual(['perdure:Resumed', 'perdure:SignalHeld', 'perdure:Wake']);
    while (again.image.books.heldCount > 0) again.release('drain');
    expect(again.image.state).toMatchObject({ n: 4 + 1 + 3 + 5 + 7 });
    expect(whole(again.folded())).toEqual(whole(again.image));
  });

  it('F2, G1: an unknown event stops the state there, bookkeeping goes on', () => {
    const world = new World();
    world.turn([sig('add', { by: 1 }), chosen('x', 'bad', {}, { wants: 'outcome' })]);
    world.turns.push({
      stream: 'probe-1',
      firstRevision: 1,
      position: 20,
      turnId: 't',
      time: 1,
      records: [
        { type: 'Unheard', data: 1, meta: {} },
        { type: 'Added', data: 1, meta: { signal: 'y' } },
      ],
    });
    const image = world.folded();
    expect(image.foldError).toMatch(/no reducer for event Unheard/);
    expect([image.state, image.books.revision, image.books.window.find('y')]).toMatchObject([{ n: 1 }, 2, 2]);
  });

  it('F2: an initial state, an upcaster or a reducer that throws fails the fold', () => {
    const odd = () => {
      throw Object.create(null);
    };
    expect(emptyImage({ ...definition, initial: odd }, '1').foldError).toMatch(/the initial state threw/);
    const world = new World();
    world.one(sig('add', { by: 1 }));
    expect(world.folded({ ...definition, reducers: new Map([['Added', odd]]) }).foldError).toMatch(/the reducer of Added threw/);
    world.turns.push({
      stream: 'probe-1',
      firstRevision: 1,
      position: 20,
      turnId: 't',
      time: 1,
      records: [{ type: 'Added', data: 1, meta: {} }],
    });
    expect(world.folded({ ...definition, upcasts: new Map([['Added', [odd, odd]]]) }).foldError).toMatch(/Added threw/);
  });
});

describe('images and snapshots', () => {
  it('G1: a gap is an error, a turn that is folded already changes nothing', () => {
    const world = new World();
    for (const by of [1, 3, 5]) world.one(sig('add', { by }));
    const [first, , third] = world.turns;
    if (first === undefined || third === undefined) throw new Error('no turns');
    const image = fold(emptyImage(definition, '1'), [first]);
    expect(() => foldTurn(image, third, deepFreeze)).toThrow(expect.objectContaining({ code: 'invariant-violated' }));
    expect(() => foldTurn(emptyImage(definition, '1'), third, deepFreeze)).toThrow(/gap/);
    const before = whole(world.image);
    foldTurn(world.image, first, deepFreeze);
    expect(whole(world.image)).toEqual(before);
  });

  it('S1: every field of bookkeeping comes back', () => {
    const world = parkedAt();
    world.one(op('pause'));
    world.one(from(7, 'add', { by: 1 }, 2));
    const { image } = world;
    image.books.window.droppedEarly = 3;
    const restored = decodeSnapshot(definition, '1', encodeSnapshot(image), deepFreeze);
    expect(restored?.books).toEqual(image.books);
    expect(restored).toMatchObject({ state: image.state, turnId: image.turnId, position: image.position, sinceSnapshot: 0 });
    expect(Object.isFrozen(restored?.state)).toBe(true);
  });

  it('S2: another stateVersion, another format, damage: not used', () => {
    const { image } = parkedAt();
    const bytes = encodeSnapshot(image);
    expect(decodeSnapshot({ ...definition, options: { stateVersion: 2 } }, '1', bytes, deepFreeze)).toBeUndefined();
    expect(decodeSnapshot({ ...definition, options: { stateVersion: 1 } }, '1', bytes, deepFreeze)).toBeDefined();
    const { pack, unpack } = new Packr({ useRecords: false });
    const shape = unpack(bytes);
    const damaged = [
      pack({ ...shape, format: 2 }),
      pack({ format: 1, stateVersion: 1 }),
      pack({ ...shape, marks: 7 }),
      pack(null),
      pack('x'),
      new Uint8Array(0),
      bytes.subarray(0, bytes.length - 3),
    ];
    for (const bad of damaged) expect(decodeSnapshot(definition, '1', bad, deepFreeze)).toBeUndefined();
  });

  it('S2: bytes that rot are used or not, but never throw', () => {
    const bytes = encodeSnapshot(parkedAt().image);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, byte) => {
        const rotten = Uint8Array.from(bytes);
        rotten[at] = byte;
        expect(() => decodeSnapshot(definition, '1', rotten, deepFreeze)).not.toThrow();
      }),
      { numRuns: 500 },
    );
  });

  it('S1: is due when as many records as asked for were folded or appended since the last', () => {
    const world = new World();
    for (const by of [1, 3, 5]) world.one(sig('add', { by }));
    expect([3, 4].map((every) => snapshotDue(world.image, every))).toEqual([true, false]);
    expect([3, 4].map((every) => snapshotDue(world.folded(), every))).toEqual([true, false]);
  });

  it('R3: a journal record of a later version in a stream is folded over', () => {
    const world = new World();
    world.turns.push({
      stream: 'probe-1',
      firstRevision: 0,
      position: 0,
      turnId: 't',
      time: 1,
      records: [{ ...journal('SignalIgnored', {}), type: 'perdure:Later' }],
    });
    expect(world.folded()).toMatchObject({ foldError: undefined, books: { revision: 0 } });
  });
});
