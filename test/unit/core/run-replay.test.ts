import { describe, expect, it } from 'vitest';
import { emptyImage } from '../../../runtime/core/image.ts';
import { deepFreeze } from '../../../runtime/core/plain.ts';
import type { OpenRun } from '../../../runtime/core/run/open-run.ts';
import { revive } from '../../../runtime/core/run/replay.ts';
import { doing, Flow, type FlowHandler, Other, pay } from './runs/flow.ts';
import { everyWay, RunWorld } from './runs/run-world.ts';
import { fold } from './world.ts';

/** The recorded way: two steps, then a wait. */
const recorded: FlowHandler = async (run) => {
  run.emit.Said('start');
  await run.call(pay(1));
  run.emit.Said('paid');
  run.send(Other('x').ask(1));
  await run.sleep(10);
  return 'done';
};

async function waiting(): Promise<RunWorld> {
  const world = new RunWorld(doing({ go: recorded, one: recorded }), 'crashes');
  await world.signal('go');
  await world.completed('go', 1);
  await world.signal('one', 1, 'other');
  return world;
}

const changes: readonly (readonly [string, FlowHandler, number, readonly string[], readonly string[]])[] = [
  [
    'a command is missing',
    async (run) => {
      run.emit.Said('start');
      await run.call(pay(1));
      run.send(Other('x').ask(1));
      return run.sleep(10);
    },
    2,
    ['emit Said', 'send other/x ask', 'sleep'],
    ['send other/x ask', 'sleep'],
  ],
  [
    'a command is additional',
    async (run) => {
      run.emit.Said('start');
      run.emit.Said('more');
      await run.call(pay(1));
      return null;
    },
    1,
    ['emit Said', 'call pay'],
    ['emit Said', 'emit Said', 'call pay'],
  ],
  [
    'commands change places',
    async (run) => {
      run.emit.Said('start');
      await run.call(pay(1));
      run.send(Other('x').ask(1));
      run.emit.Said('paid');
      return run.sleep(10);
    },
    2,
    ['emit Said', 'send other/x ask', 'sleep'],
    ['send other/x ask', 'emit Said', 'sleep'],
  ],
  [
    'a name is another',
    async (run) => {
      run.emit.Said('start');
      return run.call(Other('x').ask(1));
    },
    1,
    ['emit Said', 'call pay'],
    ['emit Said', 'call other/x ask'],
  ],
  [
    'a wait is of another kind',
    async (run) => {
      run.emit.Said('start');
      await run.call(pay(1));
      run.emit.Said('paid');
      run.send(Other('x').ask(1));
      return run.until(() => false).then(() => null);
    },
    2,
    ['emit Said', 'send other/x ask', 'sleep'],
    ['emit Said', 'send other/x ask', 'until'],
  ],
  [
    'it ends where the run went on',
    async (run) => {
      run.emit.Said('start');
      void run.call(pay(1));
      return null;
    },
    1,
    ['emit Said', 'call pay'],
    ['emit Said', 'call pay'],
  ],
  [
    'it ends where the run waits',
    async (run) => {
      run.emit.Said('start');
      await run.call(pay(1));
      run.emit.Said('paid');
      run.send(Other('x').ask(1));
      void run.sleep(10);
      return null;
    },
    2,
    ['emit Said', 'send other/x ask', 'sleep'],
    ['emit Said', 'send other/x ask', 'sleep'],
  ],
  [
    'it is defective',
    async (run) => {
      run.emit.Said('start');
      throw new TypeError('a defect');
    },
    1,
    ['emit Said', 'call pay'],
    ['emit Said'],
  ],
];

describe('replay', () => {
  it.each(changes)(
    'Y2, A2: changed code is found (%s): its run stalls alone, both histories shown; corrected, it goes on',
    async (_how, go, segment, before, after) => {
      const world = await waiting();
      world.deploy(doing({ go, one: recorded }));
      await world.pass();
      const details = { segment, recorded: before, replayed: after };
      expect(world.open('go')?.stalled).toMatchObject({ code: 'replay-diverged', resumes: 'nothing', details });
      await world.completed('other', 1);
      while (await world.pass());
      expect(world.outcomeOf('other')).toMatchObject({ kind: 'completed' });
      world.deploy(doing({ go: recorded, one: recorded }));
      await world.operator('resumeRuns');
      expect(world.outcomeOf('go')).toEqual({ kind: 'completed', value: 'done' });
      expect(world.of('SignalSent').filter(({ name }) => name === 'ask')).toHaveLength(2);
    },
  );

  it('A2: a trigger that waited and whose replay diverges waits on, once, however often it is tried', async () => {
    const world = await waiting();
    await world.operator('pause');
    await world.completed('other', 1, 'x');
    await world.operator('cancel', 'other');
    world.deploy(doing({ go: recorded, one: (run) => run.sleep(1) }));
    await world.operator('resume');
    await world.operator('resumeRuns', 'other');
    expect(world.open('other')).toMatchObject({
      stalled: { code: 'replay-diverged' },
      deferred: [{ kind: 'resolved' }, { kind: 'cancelled' }],
    });
    world.deploy(doing({ go: recorded, one: recorded }));
    await world.operator('resumeRuns', 'other');
    expect(world.outcomeOf('other')).toEqual({ kind: 'cancelled' });
  });

  it('Y2: a handler that is gone is a divergence of its runs', async () => {
    const world = await waiting();
    world.deploy(doing({ one: recorded }));
    await world.pass();
    expect(world.open('go')?.stalled).toMatchObject({ code: 'replay-diverged' });
  });

  it('Y2, C1: a strict comparison finds another payload, another address, another due time; the order of fields is nothing', async () => {
    const world = new RunWorld(doing({ go: recorded }), 'lives');
    await world.signal('go');
    await world.completed('go', 1);
    const strictly = (go: FlowHandler) => replayed(new RunWorld(doing({ go })), world, true);
    expect(await strictly(recorded)).toMatchObject({ ok: true });
    const other: FlowHandler = async (run, input) => {
      run.emit.Said('start');
      await run.call(pay({ b: 1, a: input }));
      return recorded(run, input);
    };
    expect(await strictly(other)).toMatchObject({ ok: false, reason: { details: { segment: 1 } } });
    const loose = await replayed(new RunWorld(doing({ go: (run, input) => named(run, input) })), world, false);
    expect(loose).toMatchObject({ ok: true });
    expect(await strictly((run, input) => named(run, input))).toMatchObject({ ok: false });
  });

  it('Y1: a segment sees its own time, randomness and state, however late it is replayed', async () => {
    const seen: string[] = [];
    const go: FlowHandler = async (run) => {
      for (let n = 0; n < 3; n += 1) {
        seen.push(`${n} ${run.now()} ${run.state().n} ${run.random()} ${run.uuid()}`);
        await run.sleep(10);
      }
      return null;
    };
    const world = new RunWorld(doing({ go }), 'crashes');
    await world.signal('go');
    await world.signal('poke', 5);
    await world.pass();
    await world.signal('poke', 5, 'again');
    await world.pass();
    const perSegment = [0, 1, 2].map((n) => new Set(seen.filter((line) => line.startsWith(`${n} `))));
    expect(perSegment.map(({ size }) => size)).toEqual([1, 1, 1]);
    expect(seen.length).toBeGreaterThan(3);
    expect([...(perSegment[2] ?? [])][0]).toContain(' 1020 10 ');
  });

  it('Y3: nothing that is asked for in a replay takes effect: no log, no timer, no event, no cancellation', async () => {
    const go: FlowHandler = async (run) => {
      run.log('logged', { at: run.now() });
      run.timers.tick.set(1_000);
      run.cancel('one');
      run.emit.Said('once');
      await run.sleep(10);
      await run.sleep(10);
      return null;
    };
    const world = await everyWay(
      () => doing({ go, one: (run) => run.sleep(1_000) }),
      async (one) => {
        await one.signal('go');
        await one.signal('one', 1, 'kept');
        while (one.open('go') !== undefined) await one.pass();
        expect(one.effects.filter(({ kind }) => kind === 'logged')).toHaveLength(1);
        expect(one.image.books.armings).toBe(1);
      },
    );
    expect([world.said(), world.open('kept')?.cancelAsked]).toEqual([['once'], false]);
  });

  it('a line patched(change) keeps the old way for runs that passed it before, and is marked once by those that come to it first', async () => {
    const old: FlowHandler = async (run) => {
      await run.sleep(10);
      run.emit.Said('old');
      await run.sleep(10);
      return null;
    };
    const both: FlowHandler = async (run) => {
      const isNew = run.patched('more');
      await run.sleep(10);
      if (isNew) run.emit.Poked(1);
      else run.emit.Said('old');
      if (run.patched('more') !== isNew) throw new Error('it changes');
      if (run.patched('later')) run.emit.Said('later');
      await run.sleep(10);
      return null;
    };
    const only: FlowHandler = async (run) => {
      run.patched('more');
      await run.sleep(10);
      run.emit.Poked(1);
      if (run.patched('later')) run.emit.Said('later');
      await run.sleep(10);
      return null;
    };
    const world = await everyWay(
      () => doing({ go: old }),
      async (one) => {
        await one.signal('go', 1, 'before');
        one.deploy(doing({ go: both }));
        await one.signal('go', 1, 'after');
        await one.pass();
        await one.pass();
        one.deploy(doing({ go: only }));
        await one.pass();
        await one.pass();
      },
    );
    expect([world.said(), world.image.state]).toMatchObject([['later', 'old', 'later'], { n: 1 }]);
    expect(world.of('VersionMarked').map(({ change }) => change)).toEqual(['more', 'later', 'later']);
    expect(world.outcomeOf('after')).toMatchObject({ kind: 'completed' });
    // The old way was taken out while a run that had taken it was open.
    expect(world.open('before')?.stalled).toMatchObject({ code: 'replay-diverged' });
  });

  it('a run that stopped at a defect has its last segment again when it is resumed, at the state and time of then', async () => {
    const world = new RunWorld(
      doing({
        go: async (run) => {
          await run.sleep(10);
          run.emit.Said('lost');
          throw new TypeError('defect');
        },
      }),
      'crashes',
    );
    await world.signal('go', 1, 'go', { reply: { type: 'boss', id: 'b', run: 'r', call: 1 } });
    await world.pass();
    expect([world.said(), world.replies, world.open('go')?.stalled?.code]).toEqual([[], [], 'defect']);
    await world.signal('poke', 7);
    world.clockMs = 5_000;
    await world.operator('resumeRuns');
    expect(world.open('go')?.stalled?.code).toBe('defect');
    world.deploy(
      doing({
        go: async (run) => {
          await run.sleep(10);
          run.emit.Said(`${run.state().n} ${run.now()}`);
          await run.sleep(1);
          return run.state().said;
        },
      }),
    );
    await world.operator('resumeRuns');
    await world.pass();
    expect(world.outcomeOf('go')).toEqual({ kind: 'completed', value: ['7 5000'] });
    expect(world.replies).toHaveLength(1);
  });
});

const named: FlowHandler = async (run, input) => {
  run.emit.Said('other text');
  await run.call(pay(input));
  run.emit.Said('paid');
  run.send(Other('x').ask(2));
  await run.sleep(99);
  throw Flow.reject('no');
};

/** Replays the first run of a world under other code. */
async function replayed(under: RunWorld, world: RunWorld, isStrict: boolean): Promise<unknown> {
  const image = fold(emptyImage(under.definition, '1'), world.turns);
  const [run]: OpenRun[] = [...image.books.runs.open.values()];
  if (run === undefined) throw new Error('no run');
  const env = { nowMs: 0, turnId: 'replay', freeze: deepFreeze, maxTurnBytes: 1, runs: under.host };
  const steps = revive(image, run, run.inputs.length, env, isStrict);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
