import { durable, entity, signal } from 'perdure';
import { expect, test } from 'vitest';
import { play } from './stage.ts';
import { work } from './work.ts';

const Door = entity('door', { start: signal({ once: true }), knock: signal() });

test('WCP-23 Transient Trigger', async () => {
  const model = Door.fold((): { listening: boolean; knocked: boolean } => ({ listening: false, knocked: false }), {
    Listened: (s) => ({ ...s, listening: true }),
    Knocked: (s) => ({ ...s, knocked: true }),
  });
  const door = model.implement({
    signals: {
      start: durable(async (run) => {
        await run.call(work('A'));
        run.emit.Listened();
        await run.until((s) => s.knocked);
        await run.call(work('B'));
      }),
      knock(turn) {
        if (turn.state().listening) turn.emit.Knocked();
      },
    },
  });
  await play([door], async (stage) => {
    stage.hold('A');
    await stage.send(Door('1').start());
    await stage.send(Door('1').knock());
    await stage.release('A');
    expect(stage.trace).toEqual(['A']);
    await stage.send(Door('1').knock());
    expect(stage.trace).toEqual(['A', 'B']);
  });
});

test('WCP-24 Persistent Trigger', async () => {
  const model = Door.fold((): { knocks: number } => ({ knocks: 0 }), { Knocked: (s) => ({ knocks: s.knocks + 1 }) });
  const door = model.implement({
    signals: {
      start: durable(async (run) => {
        await run.call(work('A'));
        await run.until((s) => s.knocks >= 1);
        await run.call(work('B'));
        await run.until((s) => s.knocks >= 2);
        await run.call(work('C'));
      }),
      knock(turn) {
        turn.emit.Knocked();
      },
    },
  });
  await play([door], async (stage) => {
    stage.hold('A');
    await stage.send(Door('1').start());
    await stage.send(Door('1').knock());
    expect(stage.trace).toEqual([]);
    await stage.release('A');
    expect(stage.trace).toEqual(['A', 'B']);
    await stage.send(Door('1').knock());
    expect(stage.trace).toEqual(['A', 'B', 'C']);
  });
});
