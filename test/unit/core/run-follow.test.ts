import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../runtime/core/limits.ts';
import { doing, type FlowHandler, pay } from './runs/flow.ts';
import { everyWay, RunWorld } from './runs/run-world.ts';
import { sig } from './world.ts';

const untilAbove: FlowHandler = async (run, input) => {
  await run.until(({ n }) => n > Number(input));
  run.emit.Said(`${input}`);
  return run.state().n;
};

describe('what follows from a message', () => {
  it('L2, L3: a predicate that became true while the entity was paused is noticed when it goes on, on whichever node', async () => {
    await everyWay(
      () => doing({ go: untilAbove }),
      async (world) => {
        await world.signal('go', 1);
        await world.operator('pause');
        await world.signal('poke', 5);
        expect(world.said()).toEqual([]);
        await world.operator('resume');
        expect(world.said()).toEqual(['1']);
      },
    );
  });

  it('L1, L2: runs go on in their order, and one that changes the state wakes those before it', async () => {
    const world = await everyWay(
      () =>
        doing({
          go: async (run, input) => {
            await run.until(({ n }) => n === Number(input));
            run.emit.Poked(-1);
            run.emit.Said(`${input}`);
            return null;
          },
        }),
      async (one) => {
        for (const n of [1, 3, 2]) await one.signal('go', n, `go${n}`);
        await one.signal('poke', 3);
        expect(one.image.books.runs.isIdle).toBe(true);
      },
    );
    expect(world.said()).toEqual(['3', '2', '1']);
  });

  it('L2: a state that was true only between two messages of one turn is seen', async () => {
    const world = new RunWorld(doing({ go: untilAbove }));
    await world.signal('go', 1);
    await world.turn([sig('poke', 5), sig('poke', -5)]);
    expect([world.said(), world.outcomeOf('go')]).toEqual([['1'], { kind: 'completed', value: 5 }]);
  });

  it('L1: deferred triggers come in the order in which they arrived, before an until', async () => {
    const world = await everyWay(
      () =>
        doing({
          go: async (run) => {
            const say = (text: string) => () => run.emit.Said(text);
            await Promise.all([
              run.until(({ n }) => n > 0).then(say('until')),
              ...['a', 'b', 'c'].map((x) => run.call(pay(x)).then(say(x))),
            ]);
            return null;
          },
        }),
      async (one) => {
        await one.signal('go');
        await one.operator('pause');
        await one.completed('go', 4);
        await one.completed('go', 2);
        await one.signal('poke', 1);
        await one.completed('go', 3);
        await one.operator('resume');
        expect(one.image.books.runs.isIdle).toBe(true);
      },
    );
    expect(world.said()).toEqual(['c', 'a', 'b', 'until']);
  });

  it('L4, U3: cancellations that do not fit into the turn are carried out in the next ones, as often as it takes', async () => {
    const world = await everyWay(
      () =>
        doing({
          go: async (run, input) => {
            await run.sleep(10).catch(() => undefined);
            run.emit.Said(`${input}${'x'.repeat(300)}`);
            return null;
          },
        }),
      async (one) => {
        one.maxTurnBytes = 1_500;
        for (let n = 0; n < 8; n += 1) await one.signal('go', n, `go${n}`);
        await one.signal('stop', 'go');
        expect(one.image.books).toMatchObject({ asks: [], advanceDue: false });
      },
    );
    expect(world.said().map((text) => text[0])).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
    expect(world.of('CancelRequested')).toHaveLength(8);
    expect(world.of('Wake').filter(({ asks }) => asks !== undefined).length).toBeGreaterThan(1);
  });

  it('L4: a cancellation that waits for room does not concern runs that were opened later', async () => {
    const world = new RunWorld(doing({ go: async (run) => run.sleep(10).then(() => null) }));
    world.maxTurnBytes = 700;
    for (const id of ['a', 'b', 'c', 'd']) await world.signal('go', 0, id);
    const [taken] = await Promise.all([world.turn([sig('stop', 'go')])]);
    expect([taken.length, world.image.books.asks.length]).toEqual([1, 1]);
    await world.turn([sig('go', 0, { signalId: 'late' })]);
    await world.rest();
    expect([...world.image.books.runs.open.keys()]).toEqual(['late']);
  });

  it('L4: resumptions that do not fit come in the next turn, and none twice', async () => {
    const heal = { now: false };
    const go: FlowHandler = async (run, input) => {
      if (!heal.now || input === 3) throw new Error('bad');
      run.emit.Said('x'.repeat(400));
      return null;
    };
    const world = new RunWorld(doing({ go }), 'crashes');
    world.maxTurnBytes = 1_500;
    for (let n = 0; n < 6; n += 1) await world.signal('go', n, `go${n}`);
    heal.now = true;
    await world.operator('resumeRuns');
    expect(world.said()).toHaveLength(5);
    expect(world.of('RunResumed')).toHaveLength(6);
    expect(world.open('go3')?.stalled).toMatchObject({ code: 'defect' });
  });

  it('U7: a run goes on by 100 segments a turn, and the Wake says that there is more', async () => {
    const world = await everyWay(
      () =>
        doing({
          go: async (run) => {
            for (let n = 0; n < 250; n += 1) await run.until(() => true);
            return null;
          },
        }),
      async (one) => {
        await one.signal('go');
        expect(one.outcomeOf('go')).toMatchObject({ kind: 'completed' });
      },
    );
    const perTurn = world.turns.map(({ records }) => records.filter(({ type }) => type === 'perdure:Resolved').length);
    expect(perTurn).toEqual([LIMITS.maxSegmentsPerTurn, LIMITS.maxSegmentsPerTurn, 50]);
    expect(world.of('Wake').map(({ advance }) => advance)).toEqual([true, true, undefined]);
  });

  it('Z3: a predicate that throws stalls its run alone, whatever it throws; corrected, it goes on', async () => {
    const textless: unknown = Object.create(null);
    const world = new RunWorld(
      doing({
        go: async (run) => {
          await run.until(({ n }) => n > 0 && raise(textless));
          return null;
        },
        one: untilAbove,
      }),
    );
    await world.signal('go', 0);
    await world.signal('one', 0);
    await world.signal('poke', 1);
    expect(world.open('go')?.stalled).toMatchObject({ code: 'defect', resumes: 'nothing' });
    expect(world.outcomeOf('one')).toMatchObject({ kind: 'completed' });
    world.deploy(doing({ go: untilAbove }));
    await world.operator('resumeRuns');
    expect(world.outcomeOf('go')).toMatchObject({ kind: 'completed' });
  });

  it('B3: nothing is resumed while the entity is paused', async () => {
    const runs: number[] = [];
    const world = new RunWorld(
      doing({
        go: async () => {
          runs.push(1);
          throw new Error('bad');
        },
      }),
    );
    await world.signal('go');
    await world.operator('pause');
    expect(await world.operator('resumeRuns')).toMatchObject({ kind: 'failed', code: 'paused' });
    expect(runs).toEqual([1]);
  });
});

function raise(error: unknown): never {
  throw error;
}
