import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../runtime/core/limits.ts';
import { acting, Free, type FreeTurn } from './acting.ts';
import { sig, update } from './world.ts';

describe('the context', () => {
  it('C2: throws turn-over for every use after the handler ended', () => {
    let leaked: FreeTurn | undefined;
    const world = acting((turn) => {
      leaked = turn;
      turn.emit.Happened(1);
    });
    world.one(sig('act'));
    const turn = leaked;
    if (turn === undefined) throw new Error('not handled');
    const uses = [
      () => turn.emit.Happened(2),
      () => turn.send(Free('2').act(1)),
      () => turn.timers.late.set(5),
      () => turn.timers.late.clear(),
      () => turn.random(),
      () => turn.uuid(),
      () => turn.state(),
      () => turn.now(),
    ];
    for (const use of uses) expect(use).toThrow(expect.objectContaining({ code: 'turn-over' }));
    expect(world.types).toEqual(['Happened']);
  });

  it('C3: an error of the context is a defect also if it is caught, and it is the one that is told', () => {
    const caught = (then: () => void) => (turn: FreeTurn) => {
      try {
        turn.emit.Happened({ at: new Date(0) });
      } catch {}
      then();
    };
    const no = () => {
      throw Free.reject('no');
    };
    for (const then of [() => {}, no]) {
      const world = acting(caught(then));
      expect(world.one(update('act'))).toMatchObject({
        kind: 'failed',
        code: 'payload-not-plain',
        message: expect.stringContaining('Happened.at'),
      });
      expect(world.defects).toEqual([expect.objectContaining({ code: 'payload-not-plain' })]);
    }
  });

  it('C3: a reducer that throws, even a rejection, is a defect', () => {
    expect(acting((turn) => turn.emit.Reducing(1)).one(update('act'))).toMatchObject({ kind: 'failed', code: 'defect' });
  });

  it('C3: state and payload are frozen, so that a handler cannot change them behind the stream', () => {
    const pushes = [
      (turn: FreeTurn) => Object.assign(turn.state(), { n: 9 }),
      (turn: FreeTurn) => Reflect.apply(Array.prototype.push, turn.state().list, [1]),
      (_turn: FreeTurn, payload: unknown) => Object.assign(payload as object, { a: 2 }),
      (turn: FreeTurn) => {
        const data = { inner: { a: 1 } };
        turn.emit.Happened(data);
        data.inner.a = 2;
      },
    ];
    for (const push of pushes) expect(acting(push).one(update('act', { a: 1 }))).toMatchObject({ kind: 'failed', code: 'defect' });
  });

  it('an event and a timer may have any name', () => {
    const world = acting((turn) => {
      turn.emit.context();
      turn.timers.context.set(5);
    });
    world.one(sig('act'));
    expect(world.types).toEqual(['context', 'perdure:Wake']);
    expect(world.image.books.timers.all()).toMatchObject([{ timer: 'context', dueAt: 1_005 }]);
  });

  it.each([
    ['no type', { id: '1', name: 'a', payload: {} }],
    ['a type that is none', { type: 'Not-One', id: '1', name: 'a', payload: {} }],
    ['no id', { type: 'probe', id: '', name: 'a', payload: {} }],
    ['a long id', { type: 'probe', id: 'x'.repeat(LIMITS.maxEntityIdLength + 1), name: 'a', payload: {} }],
    ['an id with a lone surrogate', { type: 'probe', id: '\ud800', name: 'a', payload: {} }],
    ['no name', { type: 'probe', id: '1', payload: {} }],
  ])('a send with %s is a defect', (_what, message) => {
    expect(acting((turn) => turn.send(message as never)).one(update('act'))).toMatchObject({
      kind: 'failed',
      code: 'defect',
      message: expect.stringContaining('send takes'),
    });
  });

  it('N1: a handler that returns a promise is a defect, and what it does later is nothing', async () => {
    const world = acting((turn) => {
      turn.emit.Happened(1);
      return Promise.resolve().then(() => turn.emit.Happened(2));
    });
    expect(world.one(update('act'))).toMatchObject({ kind: 'failed', code: 'defect', message: expect.stringContaining('promise') });
    // An unhandled rejection, which would fail the test run, is raised after the microtasks of this turn of the loop.
    await new Promise((resolve) => setImmediate(resolve));
    expect(world.records).toEqual([]);
  });

  it('random and uuid are the same for the same turn id and place, and no others', () => {
    const drawn = () => {
      const seen: unknown[] = [];
      const world = acting((turn) => void seen.push([turn.random(), turn.random(), turn.uuid()]));
      world.turn([sig('act'), sig('act')]);
      world.turns.push(...world.turns);
      return seen;
    };
    const [first, second] = drawn();
    expect(drawn()).toEqual([first, second]);
    expect(first).not.toEqual(second);
  });

  it('turn time is the clock, but never before the last turn', () => {
    const seen: number[] = [];
    const world = acting((turn) => {
      seen.push(turn.now());
      turn.emit.Happened(1);
    });
    for (const clock of [50, 70, 60, 71]) {
      world.clockMs = clock;
      world.one(sig('act'));
    }
    expect([seen, world.turns.map(({ time }) => time)]).toEqual([
      [50, 70, 70, 71],
      [50, 70, 70, 71],
    ]);
  });
});
