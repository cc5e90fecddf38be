import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../runtime/core/limits.ts';
import { acting } from './acting.ts';
import { firing, sig, update, World, whole } from './world.ts';

describe('timers', () => {
  const armed = (world: World) => world.image.books.timers.all().map(({ timer, key, dueAt, arming }) => [timer, key, dueAt, arming]);

  it('N2: ride in the last event, or are records of their own', () => {
    const world = new World();
    world.one(sig('arm', { key: 'a', ms: 5, say: true }));
    world.one(sig('arm', { key: 'b', ms: 9, say: false }));
    world.one(sig('disarm', { key: 'a' }));
    expect(world.types).toEqual(['Armed', 'perdure:Wake', 'perdure:TimerSet', 'perdure:TimerCleared']);
    expect(world.records[0]?.meta).toEqual({ timers: [{ timer: 'lapse', key: 'a', dueAt: 1_005, arming: 1 }] });
    expect(armed(world)).toEqual([['lapse', 'b', 1_009, 2]]);
  });

  it('N2: of one set and cleared in one message only the last word is recorded', () => {
    const world = new World();
    world.one(sig('spin', { key: 'k' }));
    expect(armed(world)).toEqual([
      ['lapse', 'k', 1_060, 3],
      ['tick', '', 1_070, 2],
    ]);
    expect(world.types).toEqual(['perdure:TimerSet', 'perdure:TimerSet', 'perdure:Wake']);
  });

  it('N2: cleared before it was ever recorded is nothing', () => {
    const world = acting((turn) => {
      turn.timers.late.set(5);
      turn.timers.late.clear();
      turn.timers.late.clear('never');
      turn.emit.Happened(1);
    });
    world.one(sig('act'));
    expect(world.records).toEqual([{ type: 'Happened', data: 1, meta: {} }]);
  });

  it('M1: a firing of an older arming is void', () => {
    const world = new World();
    world.one(sig('arm', { key: 'a', ms: 5, say: false }));
    world.one(sig('arm', { key: 'a', ms: 9, say: false }));
    const before = world.turns.length;
    world.one(firing('lapse', 'a', 1));
    world.one(firing('lapse', 'b', 1));
    expect(world.turns.length).toBe(before);
    world.one(firing('lapse', 'a', 2));
    expect(world.types.slice(-2)).toEqual(['perdure:TimerFired', 'Lapsed']);
  });

  it('M1: set again by an earlier message of the same turn, the firing is void', () => {
    const world = new World();
    world.one(sig('arm', { key: 'a', ms: 5, say: false }));
    world.turn([sig('arm', { key: 'a', ms: 50, say: false }), firing('lapse', 'a', 1)]);
    expect(armed(world)).toEqual([['lapse', 'a', 1_050, 2]]);
    expect(world.types).not.toContain('perdure:TimerFired');
  });

  it('re-armed by its own handler it is armed anew, with another number', () => {
    const world = new World();
    world.one(sig('arm', { key: 'again', ms: 5, say: false }));
    world.clockMs = 1_005;
    world.one(firing('lapse', 'again', 1));
    expect(armed(world)).toEqual([['lapse', 'again', 1_035, 2]]);
    expect(whole(world.folded())).toEqual(whole(world.image));
    world.one(firing('lapse', 'again', 1));
    expect(armed(world)).toEqual([['lapse', 'again', 1_035, 2]]);
  });

  it('numbers go on after a snapshot, a clear and a rejection: none names two armings', () => {
    const world = new World();
    world.one(sig('arm', { key: 'a', ms: 5, say: false }));
    world.one(sig('disarm', { key: 'a' }));
    world.one(update('add', { by: -1 }));
    world.one(sig('arm', { key: 'a', ms: 5, say: false }));
    expect(armed(world)).toEqual([['lapse', 'a', 1_005, 2]]);
  });

  it('a key that is no key and a time that is none are defects', () => {
    for (const key of ['x'.repeat(LIMITS.maxTimerKeyLength + 1), '\ud800', 7 as never]) {
      expect(acting((turn) => turn.timers.late.set(5, key)).one(update('act'))).toMatchObject({
        kind: 'failed',
        message: expect.stringContaining('key of timer late'),
      });
    }
    expect(acting((turn) => turn.timers.late.set(new Date(Number.NaN))).one(update('act'))).toMatchObject({
      kind: 'failed',
      code: 'defect',
    });
  });

  it('at the limit one more is a defect, but one for another is not; and ten thousand are no quadratic work', () => {
    const world = acting((turn, payload) => {
      const { from: first, to, clear } = payload as { from: number; to: number; clear?: string };
      if (clear !== undefined) turn.timers.late.clear(clear);
      for (let i = first; i < to; i += 1) turn.timers.late.set(i, `${i}`);
    });
    const started = performance.now();
    world.turn([sig('act', { from: 0, to: LIMITS.maxTimersPerEntity })], 8 * LIMITS.maxTurnBytes);
    expect(performance.now() - started).toBeLessThan(1_000);
    expect(world.image.books.timers.size).toBe(LIMITS.maxTimersPerEntity);
    expect(world.one(update('act', { from: LIMITS.maxTimersPerEntity, to: LIMITS.maxTimersPerEntity + 1 }))).toMatchObject({
      code: 'too-many-timers',
    });
    expect(world.one(update('act', { from: 5, to: 6 }))).toMatchObject({ kind: 'done' });
    expect(world.one(update('act', { clear: '7', from: LIMITS.maxTimersPerEntity, to: LIMITS.maxTimersPerEntity + 1 }))).toMatchObject({
      kind: 'done',
    });
    expect(world.image.books.timers.size).toBe(LIMITS.maxTimersPerEntity);
  });
});
