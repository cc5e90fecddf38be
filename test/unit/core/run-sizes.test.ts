import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../runtime/core/limits.ts';
import { encodeRun } from '../../../runtime/core/run/snapshot-runs.ts';
import { anything, doing, type FlowHandler, Other, pay } from './runs/flow.ts';
import { everyWay, RunWorld } from './runs/run-world.ts';

const large = (bytes: number) => 'x'.repeat(bytes);

describe('sizes of runs', () => {
  it('the input of an activity and the result of a callback are bounded', async () => {
    const world = new RunWorld(
      doing({ go: (run) => run.call(pay(large(LIMITS.maxActivityBytes + 1))), one: (run) => run.callback({ output: anything }) }),
    );
    await world.signal('go');
    expect(world.open('go')?.stalled).toMatchObject({ code: 'payload-too-large' });
    await world.signal('one');
    expect(await world.callback('one', 1, { result: large(LIMITS.maxActivityBytes + 1) })).toMatchObject({ code: 'payload-too-large' });
    expect(await world.callback('one', 1, { result: large(1_000) })).toMatchObject({ kind: 'done' });
  });

  it('U3: a segment larger than a turn stalls its run, names the reason, and goes on when it asks for less', async () => {
    const asking = (bytes: number) =>
      doing({
        go: async (run) => {
          await run.sleep(1);
          for (let at = 0; at < 4; at += 1) run.send(Other('x').ask(large(bytes)));
          return null;
        },
      });
    const world = new RunWorld(asking(200_000), 'crashes');
    await world.signal('go', 1, 'go', { reply: { type: 'boss', id: 'b', run: 'r', call: 1 } });
    await world.pass();
    expect(world.open('go')?.stalled).toMatchObject({ code: 'turn-too-large', resumes: 'segment' });
    expect(world.of('SignalSent')).toEqual([]);
    await world.operator('resumeRuns');
    expect(world.open('go')?.stalled).toMatchObject({ code: 'turn-too-large' });
    world.deploy(asking(10));
    await world.operator('resumeRuns');
    expect(world.outcomeOf('go')).toMatchObject({ kind: 'completed' });
    expect(world.replies).toHaveLength(1);
  });

  it('P1, L4: runs with as many calls as they may have are terminated in as many turns as it takes, after which the entity can be forgotten', async () => {
    const all = (run: Parameters<FlowHandler>[0]) =>
      Promise.all(Array.from({ length: LIMITS.maxCallsPerRun }, (_, at) => run.call(Other(String(at)).ask(at))));
    const world = new RunWorld(doing({ go: all, one: all }));
    for (const name of ['go', 'one'] as const) await world.signal(name);
    const turns = world.turns.length;
    expect(await world.operator('terminate')).toMatchObject({ kind: 'done' });
    for (let at = 0; at < 5 && (world.open('go') ?? world.open('one')) !== undefined; at += 1) await world.pass();
    expect(['go', 'one'].map((name) => world.outcomeOf(name))).toMatchObject([{ kind: 'terminated' }, { kind: 'terminated' }]);
    expect(world.turns.length - turns).toBeGreaterThan(1);
    expect(await world.operator('forget')).toMatchObject({ kind: 'done' });
  });

  it('U3: what a segment that does not fit asked to cancel is not cancelled', async () => {
    const world = new RunWorld(
      doing({
        go: async (run) => {
          run.cancel('one');
          run.emit.Said(large(LIMITS.maxTurnBytes));
          return null;
        },
        one: (run) => run.sleep(1_000),
      }),
    );
    await world.signal('one');
    await world.signal('go');
    expect([world.open('go')?.stalled?.code, world.open('one')?.cancelAsked]).toEqual(['turn-too-large', false]);
  });

  it('U3: a segment that no turn can hold does not keep others waiting', async () => {
    const world = new RunWorld(
      doing({
        go: async (run) => {
          await run.until(({ n }) => n > 0);
          run.emit.Said(large(LIMITS.maxTurnBytes));
          return null;
        },
      }),
    );
    await world.signal('go');
    await world.turn([
      {
        kind: 'signal',
        name: 'poke',
        payload: 1,
        signalId: 'a',
        idChosen: false,
        wants: 'durability',
        mark: undefined,
        context: undefined,
      },
    ]);
    expect(world.open('go')?.stalled).toMatchObject({ code: 'turn-too-large' });
  });

  it('the result of a run is bounded by a turn', async () => {
    const world = new RunWorld(doing({ go: async () => large(LIMITS.maxTurnBytes + 1) }));
    await world.signal('go');
    expect(world.open('go')?.stalled).toMatchObject({ code: 'turn-too-large' });
  });

  it('a run waits for at most maxCallsPerRun things at once', async () => {
    const world = new RunWorld(doing({ go: (run, input) => Promise.all(Array.from({ length: Number(input) }, () => run.sleep(1_000))) }));
    world.compares = false;
    world.maxTurnBytes = Number.MAX_SAFE_INTEGER;
    await world.signal('go', LIMITS.maxCallsPerRun, 'a');
    expect(world.open('a')?.calls.size).toBe(LIMITS.maxCallsPerRun);
    await world.signal('go', LIMITS.maxCallsPerRun + 1, 'b');
    expect(world.open('b')?.stalled).toMatchObject({ code: 'too-many-calls' });
  });

  it('P1: map starts at most maxMapStarts items a turn, in order, and keeps to its concurrency', async () => {
    const go: FlowHandler = (run, input) =>
      run.map(
        Array.from({ length: 210 }, (_, at) => at),
        (item) => run.call(pay(item)),
        { concurrency: Number(input) },
      );
    const world = await everyWay(
      () => doing({ go }),
      async (one) => {
        one.compares = false;
        await one.signal('go', 200);
        expect(one.of('Scheduled').filter(({ kind }) => kind === 'activity')).toHaveLength(LIMITS.maxMapStarts);
        for (let at = 0; at < 2 && one.open('go') !== undefined; at += 1) await one.pass();
        expect(one.open('go')?.calls.size).toBe(200);
        while (one.open('go') !== undefined) {
          const [call] = [...(one.open('go')?.calls.values() ?? [])].filter(({ what }) => what.kind === 'activity');
          if (call === undefined) await one.pass();
          else await one.completed('go', call.what.call, call.what.kind === 'activity' ? call.what.input : null);
        }
      },
    );
    expect(world.outcomeOf('go')).toEqual({ kind: 'completed', value: Array.from({ length: 210 }, (_, at) => at) });
    for (const { records } of world.turns) {
      const starts = records.filter(({ data }) => (data as { readonly kind?: string }).kind === 'activity');
      expect(starts.length).toBeLessThanOrEqual(LIMITS.maxMapStarts);
    }
  });

  it('P2: after a failure nothing new starts, and what is under way goes on', async () => {
    const world = await everyWay(
      () =>
        doing({
          go: async (run) => {
            const failed = await run
              .map([1, 2, 3, 4, 5], (item) => run.call(pay(item)), { concurrency: 2 })
              .catch((error: unknown) => String(error));
            await run.sleep(10);
            return failed;
          },
        }),
      async (one) => {
        await one.signal('go');
        await one.outcome('go', 1, { kind: 'rejected', code: 'declined', details: null, by: 'pay', message: 'no money' });
        await one.completed('go', 2);
        await one.pass();
      },
    );
    expect(world.of('Scheduled').map(({ kind }) => kind)).toEqual(['activity', 'activity', 'sleep']);
    expect(world.outcomeOf('go')).toEqual({ kind: 'completed', value: 'Rejection: no money' });
  });

  it('Q1, Q3: a run of too many inputs is written without them, and goes on from its stream as the one that lived', async () => {
    const world = await everyWay(
      () =>
        doing({
          go: async (run) => {
            for (let at = 0; at < LIMITS.maxWarmInputs + 50; at += 1) await run.until(() => true);
            run.emit.Said(`${run.random()}`);
            await run.sleep(5);
            return run.random();
          },
        }),
      async (one) => {
        await one.signal('go');
        const run = one.open('go');
        expect(run?.inputs.length).toBeGreaterThan(LIMITS.maxWarmInputs);
        expect(run === undefined ? 0 : encodeRun(run).byteLength).toBeLessThan(2_000);
        await one.pass();
      },
    );
    expect(world.outcomeOf('go')).toMatchObject({ kind: 'completed' });
  });

  it('Q1, Q3: so is one whose inputs are too large, begun in the middle of a turn; its neighbours are not', async () => {
    const world = await everyWay(
      () =>
        doing({
          go: async (run, input) => {
            for (let at = 0; at < 6; at += 1) {
              if (input === 'much') run.emit.Said(large(20_000));
              await run.sleep(10);
            }
            return run.state().said.length;
          },
        }),
      async (one) => {
        const start = (payload: string) =>
          ({
            kind: 'signal',
            name: 'go',
            payload,
            signalId: payload,
            idChosen: true,
            wants: 'durability',
            mark: undefined,
            context: undefined,
          }) as const;
        await one.turn([start('little'), start('much')]);
        for (let at = 0; at < 6; at += 1) await one.pass();
        const [little, much] = [one.open('little'), one.open('much')].map((run) => (run === undefined ? 0 : encodeRun(run).byteLength));
        expect([(little ?? 0) > 0, (much ?? 0) < LIMITS.maxWarmBytes]).toEqual([true, true]);
        while (await one.pass());
      },
    );
    expect([world.outcomeOf('little'), world.outcomeOf('much')]).toMatchObject([{ value: 6 }, { value: 6 }]);
  });
});
