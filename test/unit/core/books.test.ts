import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bookkeeping } from '../../../runtime/core/bookkeeping.ts';
import { journal } from '../../../runtime/core/journal.ts';
import { LIMITS } from '../../../runtime/core/limits.ts';
import { ArmedTimers } from '../../../runtime/core/timers.ts';
import { IdWindow } from '../../../runtime/core/window.ts';

describe('marks', () => {
  const mark = (position: number, index: number, source = 's') => ({ source, position, index });

  it('B2: a mark covers itself and all before it of its source, by position and then index', () => {
    const books = new Bookkeeping();
    books.note(mark(5, 2));
    expect([mark(4, 9), mark(5, 1), mark(5, 2)].map((m) => books.handled(m))).toEqual([true, true, true]);
    expect([mark(5, 3), mark(6, 0), mark(0, 0, 't')].map((m) => books.handled(m))).toEqual([false, false, false]);
  });

  it('B2: a mark never moves back', () => {
    const place = fc.tuple(fc.nat(5), fc.nat(3));
    fc.assert(
      fc.property(fc.array(place, { minLength: 1 }), (places) => {
        const books = new Bookkeeping();
        for (const [position, index] of places) books.note(mark(position, index));
        const [highest] = [...places].sort((a, b) => b[0] - a[0] || b[1] - a[1]);
        expect(books.marks.get('s')).toEqual({ position: highest?.[0], index: highest?.[1] });
      }),
    );
  });
});

describe('journal records', () => {
  it('B1: a firing of an older arming does not disarm the newer one', () => {
    const books = new Bookkeeping();
    books.fold(journal('TimerSet', { timer: 't', key: 'k', dueAt: 5, arming: 1 }), 0);
    books.fold(journal('TimerSet', { timer: 't', key: 'k', dueAt: 9, arming: 2 }), 0);
    books.fold(journal('TimerFired', { timer: 't', key: 'k', arming: 1 }), 0);
    expect(books.timers.get('t', 'k')).toMatchObject({ arming: 2 });
    books.fold(journal('TimerFired', { timer: 't', key: 'k', arming: 2 }), 0);
    expect(books.timers.size).toBe(0);
    expect(books.armings).toBe(2);
  });

  it('B1: a journal record of a later version counts as a record and means nothing', () => {
    const books = new Bookkeeping();
    books.fold({ type: 'perdure:Unheard', data: { held: 0 }, meta: { signal: 'x' } }, 7);
    expect([books.revision, books.window.find('x'), books.holding]).toEqual([0, 0, false]);
  });

  it('B4: the time of the last turn does not go back', () => {
    const books = new Bookkeeping();
    for (const time of [5, 9, 7]) books.fold(journal('SignalIgnored', {}), time);
    expect(books.lastTimeMs).toBe(9);
  });

  it('B3: each of parked, paused and held alone makes it hold', () => {
    const parked = new Bookkeeping();
    parked.fold(journal('Parked', { reason: 'defect', signal: null, name: 'n', message: 'm' }), 3);
    expect(parked).toMatchObject({ holding: true, parked: { sinceMs: 3, name: 'n' } });
    const paused = new Bookkeeping();
    paused.fold(journal('Paused', { by: 'b', why: 'w' }), 4);
    expect(paused).toMatchObject({ holding: true, paused: { by: 'b', why: 'w', sinceMs: 4 } });
    paused.fold(journal('Resumed', { of: 'pause', by: '', why: '' }), 4);
    expect(paused.holding).toBe(false);
    const held = new Bookkeeping();
    held.fold(journal('SignalHeld', { kind: 'signal', name: 'n', payload: null }), 0);
    expect(held).toMatchObject({ holding: true, heldFrom: 0, heldCount: 1 });
  });

  it('B3: the end of a failing fold ends no other park', () => {
    const books = new Bookkeeping();
    books.fold(journal('Parked', { reason: 'defect', signal: null, name: 'n', message: 'm' }), 3);
    books.fold(journal('Resumed', { of: 'fold', by: '', why: '' }), 4);
    expect(books.parked?.reason).toBe('defect');
  });
});

describe('IdWindow', () => {
  /** The rule of W1, read literally. */
  class Model {
    ids: { id: string; revision: number; time: number }[] = [];
    droppedEarly = 0;
    add(id: string, revision: number, time: number) {
      const known = this.ids.find((entry) => entry.id === id);
      if (known !== undefined) {
        known.revision = revision;
        return;
      }
      this.ids.push({ id, revision, time });
      const keep = this.ids.filter((entry, i) => {
        const rank = this.ids.length - i;
        const young = time - entry.time < LIMITS.windowMinAgeMs;
        const kept = rank <= LIMITS.windowMinIds || (young && rank <= LIMITS.windowMaxIds);
        if (!kept && young) this.droppedEarly += 1;
        return kept;
      });
      this.ids = keep;
    }
  }

  it('W1, W3: keeps exactly the last 1 024 and the younger ones, over any steps of time', () => {
    const step = fc.tuple(fc.integer({ min: 1, max: 900 }), fc.constantFrom(0, 1, 1_000, LIMITS.windowMinAgeMs - 1, LIMITS.windowMinAgeMs));
    fc.assert(
      fc.property(fc.array(step, { minLength: 3, maxLength: 7 }), (steps) => {
        const [window, model] = [new IdWindow(), new Model()];
        let [n, time] = [0, 0];
        for (const [count, ms] of steps) {
          time += ms;
          // The model is slow: only the last id of a step is compared, the others are of the same time.
          for (let i = 0; i < count; i += 1, n += 1) {
            window.add(`i${n}`, n, time);
            if (i === count - 1) model.add(`i${n}`, n, time);
            else model.ids.push({ id: `i${n}`, revision: n, time });
          }
        }
        expect(window.entries()).toEqual(model.ids.map(({ id, revision, time: at }) => [id, revision, at]));
        expect(window.size).toBe(model.ids.length);
      }),
      { numRuns: 25 },
    );
  });

  it('W1: keeps 1 024 however old, drops the next when it is 15 minutes old and not before', () => {
    const window = new IdWindow();
    for (let i = 0; i < LIMITS.windowMinIds; i += 1) window.add(`i${i}`, i, 0);
    window.add('a', 2_000, LIMITS.windowMinAgeMs - 1);
    expect([window.size, window.find('i0')]).toEqual([LIMITS.windowMinIds + 1, 0]);
    window.add('b', 2_001, LIMITS.windowMinAgeMs);
    expect([window.size, window.find('i1'), window.find('i2')]).toEqual([LIMITS.windowMinIds, undefined, 2]);
    expect(window.droppedEarly).toBe(0);
  });

  it('W1, W2: never keeps more than 16 384, counts what it drops early, and stays fast', () => {
    const window = new IdWindow();
    const started = performance.now();
    const count = LIMITS.windowMaxIds * 8;
    for (let i = 0; i < count; i += 1) window.add(`i${i}`, i, 1);
    expect(performance.now() - started).toBeLessThan(1_500);
    expect([window.size, window.droppedEarly]).toEqual([LIMITS.windowMaxIds, count - LIMITS.windowMaxIds]);
    expect([window.find(`i${count - LIMITS.windowMaxIds - 1}`), window.find(`i${count - LIMITS.windowMaxIds}`)]).toEqual([
      undefined,
      count - LIMITS.windowMaxIds,
    ]);
    expect(window.entries()[0]).toEqual([`i${count - LIMITS.windowMaxIds}`, count - LIMITS.windowMaxIds, 1]);
  });

  it('W1: a later record of an id replaces the place, not the age', () => {
    const window = new IdWindow();
    window.add('x', 1, 0);
    window.add('y', 2, 5);
    window.add('x', 3, LIMITS.windowMinAgeMs);
    expect(window.entries()).toEqual([
      ['x', 3, 0],
      ['y', 2, 5],
    ]);
  });
});

describe('ArmedTimers', () => {
  const name = fc.constantFrom('t', 'u');
  const key = fc.constantFrom('', 'a', 'b', 'c', 'd', 'e');
  const change = fc.oneof(
    { weight: 3, arbitrary: fc.record({ timer: name, key, dueAt: fc.nat(20) }) },
    { weight: 1, arbitrary: fc.record({ timer: name, key, dueAt: fc.constant(null) }) },
  );

  it('M1, M2: agrees with a sorted list after every change', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(change, fc.boolean()), { maxLength: 120 }), (changes) => {
        const timers = new ArmedTimers();
        const model = new Map<string, { timer: string; key: string; dueAt: number; arming: number }>();
        for (const [arming, [{ timer, key: k, dueAt }, look]] of changes.entries()) {
          timers.apply(dueAt === null ? { timer, key: k, dueAt } : { timer, key: k, dueAt, arming });
          if (dueAt === null) model.delete(`${timer} ${k}`);
          else model.set(`${timer} ${k}`, { timer, key: k, dueAt, arming });
          if (!look) continue;
          const sorted = [...model.values()].sort((a, b) => a.dueAt - b.dueAt || a.arming - b.arming);
          expect(timers.earliest()).toEqual(sorted[0]);
          expect(timers.all()).toEqual(sorted);
          expect(timers.due(10, 3)).toEqual(sorted.filter(({ dueAt: at }) => at <= 10).slice(0, 3));
          expect(timers.size).toBe(model.size);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('M2: comes out of the heap in order, ten thousand of them, set again and cleared on the way', () => {
    const timers = new ArmedTimers();
    for (let i = 0; i < 10_000; i += 1) timers.apply({ timer: 't', key: `${i % 6_000}`, dueAt: (i * 7_919) % 10_007, arming: i });
    const all = timers.all();
    const out = [];
    for (let top = timers.earliest(); top !== undefined; top = timers.earliest()) {
      out.push(top);
      timers.apply({ timer: top.timer, key: top.key, dueAt: null });
    }
    expect(out).toEqual(all);
    expect(out.length).toBe(6_000);
  });

  it('M1: one set again and again does not pile up', () => {
    const timers = new ArmedTimers();
    const started = performance.now();
    for (let i = 0; i < 100_000; i += 1) timers.apply({ timer: 't', key: '', dueAt: 100_000 - i, arming: i });
    expect(performance.now() - started).toBeLessThan(1_000);
    expect([timers.size, timers.earliest()?.arming]).toEqual([1, 99_999]);
    timers.clear();
    expect([timers.size, timers.earliest()]).toEqual([0, undefined]);
  });

  it('M2: void entries that are cleared away take none of the armed ones with them', () => {
    const timers = new ArmedTimers();
    for (const key of ['a', 'b', 'c']) timers.apply({ timer: 't', key, dueAt: key.charCodeAt(0), arming: key.charCodeAt(0) });
    for (let i = 0; i < 100; i += 1) {
      timers.apply({ timer: 't', key: 'z', dueAt: 1_000 + i, arming: 1_000 + i });
      if (i % 7 === 0) expect(timers.earliest()?.key).toBe('a');
    }
    for (const key of ['a', 'b', 'c', 'z']) {
      expect(timers.earliest()?.key).toBe(key);
      timers.apply({ timer: 't', key, dueAt: null });
    }
  });

  it('M1: an unkeyed timer is none of the keyed ones', () => {
    const timers = new ArmedTimers();
    timers.apply({ timer: 't', key: '', dueAt: 1, arming: 1 });
    timers.apply({ timer: 't', key: 't', dueAt: 2, arming: 2 });
    timers.apply({ timer: 't', key: '', dueAt: null });
    expect(timers.all()).toEqual([{ timer: 't', key: 't', dueAt: 2, arming: 2 }]);
  });
});
