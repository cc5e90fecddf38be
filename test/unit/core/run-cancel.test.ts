import { describe, expect, it } from 'vitest';
import { CancelledError } from '../../../runtime/core/rejection.ts';
import { anything, doing, type FlowHandler, Other, pay } from './runs/flow.ts';
import { everyWay, RunWorld } from './runs/run-world.ts';

const names = (world: RunWorld) => world.of('SignalSent').map(({ name }) => name);
const reply = { type: 'boss', id: 'b', run: 'r', call: 7 };

describe('cancellation', () => {
  it('E4: it is delivered once: to what waits, and what is started afterwards works', async () => {
    const world = await everyWay(
      () =>
        doing({
          go: async (run) => {
            const settled = await Promise.allSettled([run.sleep(1_000), run.until(() => false), run.callback({ output: anything })]);
            for (const one of settled) run.emit.Said(`${one.status === 'rejected' && one.reason instanceof CancelledError}`);
            await run.sleep(5);
            run.emit.Said('slept');
            return 'done';
          },
        }),
      async (one) => {
        await one.signal('go');
        await one.operator('cancel');
        expect(await one.operator('cancel')).toMatchObject({ kind: 'done' });
        await one.signal('stop', 'go');
        await one.pass();
      },
    );
    expect(world.said()).toEqual(['true', 'true', 'true', 'slept']);
    expect(world.of('CancelRequested')).toEqual([{ by: 'op', why: 'test', closes: [1, 2, 3] }]);
    expect(world.outcomeOf('go')).toEqual({ kind: 'completed', value: 'done' });
  });

  it('E4: with only calls open it comes instead of what is started next, and the calls keep their true outcome', async () => {
    const world = await everyWay(
      () =>
        doing({
          go: async (run) => {
            const paid = await run.call(Other('x').ask(1));
            run.emit.Said(`paid ${paid}`);
            await run.call(Other('y').ask(2)).catch((error: unknown) => run.emit.Said(`${error instanceof CancelledError}`));
            return run.call(Other('z').ask(3));
          },
        }),
      async (one) => {
        await one.signal('go');
        await one.operator('cancel');
        await one.reply('go', 1, { kind: 'completed', value: 5 });
        await one.reply('go', 2, { kind: 'completed', value: 6 });
      },
    );
    expect(names(world)).toEqual(['ask', 'perdure:cancel', 'ask']);
    expect(world.said()).toEqual(['paid 5', 'true']);
    expect(world.outcomeOf('go')).toEqual({ kind: 'completed', value: 6 });
  });

  it('E4: a callee that stopped says so, and that was the delivery', async () => {
    const world = await everyWay(
      () =>
        doing({
          go: async (run) => {
            await run.call(Other('x').ask(1)).catch((error: unknown) => run.emit.Said(`${error instanceof CancelledError}`));
            await run.sleep(1);
            return 'tidied';
          },
        }),
      async (one) => {
        await one.signal('go');
        await one.operator('cancel');
        await one.reply('go', 1, { kind: 'cancelled' });
        await one.pass();
      },
    );
    expect([world.said(), world.outcomeOf('go')]).toEqual([['true'], { kind: 'completed', value: 'tidied' }]);
  });

  it('A4: a run whose segment is defective has asked its callees to stop', async () => {
    const world = await everyWay(
      () =>
        doing({
          go: async (run) => {
            const called = run.call(Other('x').ask(1));
            await run.sleep(1_000).catch(() => {
              throw new TypeError('in the middle of stopping');
            });
            return called;
          },
        }),
      async (one) => {
        await one.signal('go');
        await one.operator('cancel');
      },
    );
    expect(names(world)).toEqual(['ask', 'perdure:cancel']);
    expect(world.open('go')?.stalled).toMatchObject({ code: 'defect', resumes: 'segment' });
  });

  it('A4: also if what its segment asks for is more than a turn may hold', async () => {
    const world = new RunWorld(
      doing({
        go: async (run) => {
          const called = run.call(Other('x').ask(1));
          await run.sleep(1_000).catch(() => run.emit.Said('x'.repeat(10_000)));
          return called;
        },
      }),
    );
    world.maxTurnBytes = 5_000;
    await world.signal('go');
    await world.operator('cancel');
    expect(names(world)).toEqual(['ask', 'perdure:cancel']);
    expect(world.open('go')?.stalled).toMatchObject({ code: 'turn-too-large' });
  });

  it('A1: asked while the entity is paused, it comes when it goes on; no attempt follows meanwhile', async () => {
    const world = await everyWay(
      () => doing({ go: (run) => run.call(pay(1)) }),
      async (one) => {
        await one.signal('go');
        await one.operator('pause');
        await one.operator('cancel');
        await one.outcome('go', 1, { kind: 'lost', message: 'its node is gone' });
        expect(one.of('AttemptFailed')).toEqual([]);
        expect(one.outcomeOf('go')).toBeUndefined();
        await one.operator('resume');
      },
    );
    expect(world.outcomeOf('go')).toEqual({ kind: 'cancelled' });
    expect(world.of('CancelRequested').map(({ deferred }) => deferred)).toEqual([true, undefined]);
  });

  it('V2: an attempt that fails after the run was asked to stop is not tried again, a success counts', async () => {
    const go: FlowHandler = async (run) => {
      const settled = await Promise.allSettled([run.call(pay(1)), run.call(pay(2))]);
      return settled.map((one) => (one.status === 'fulfilled' ? one.value : one.reason instanceof CancelledError));
    };
    const world = await everyWay(
      () => doing({ go }),
      async (one) => {
        await one.signal('go');
        await one.operator('cancel');
        await one.outcome('go', 1, { kind: 'failed', code: 'defect', message: 'stopped' });
        await one.completed('go', 2, 'paid');
      },
    );
    expect(world.outcomeOf('go')).toEqual({ kind: 'completed', value: [true, 'paid'] });
    const aborted = world.effects.flatMap((effect) => (effect.kind === 'abort' ? [effect.call] : []));
    expect(aborted.slice(0, 2)).toEqual([1, 2]);
  });

  it('H3: a call is cancelled before its serial run started: one reply, and the run never starts', async () => {
    const world = await everyWay(
      () => doing({ queue: async (run, input) => run.sleep(10).then(() => run.emit.Said(`${input}`)) }),
      async (one) => {
        await one.signal('queue', 'first', 'a');
        await one.signal('queue', 'second', 'b', { reply });
        await one.cancelled(reply);
        await one.cancelled(reply);
        await one.pass();
      },
    );
    expect(world.replies).toEqual([{ run: 'r', call: 7, outcome: { kind: 'cancelled' } }]);
    expect([world.said(), world.image.books.hasRuns]).toEqual([['first'], false]);
  });

  it('H3: a cancel that overtakes nothing: held with its call, in order', async () => {
    const world = await everyWay(
      () => doing({ go: (run) => run.sleep(10) }),
      async (one) => {
        await one.operator('pause');
        await one.signal('go', 1, 'a', { reply });
        await one.cancelled(reply);
        expect(one.replies).toEqual([]);
        await one.operator('resume');
      },
    );
    expect(world.replies).toEqual([{ run: 'r', call: 7, outcome: { kind: 'cancelled' } }]);
  });

  it('Z2: a run that ends asks what it still waits for to stop, but not what has answered', async () => {
    const world = await everyWay(
      () => doing({ go: (run) => Promise.race(['x', 'y', 'z'].map((id) => run.call(Other(id).ask(1)))) }),
      async (one) => {
        await one.signal('go');
        await one.reply('go', 2, { kind: 'completed', value: 'y' });
        await one.reply('go', 1, { kind: 'completed', value: 'late' });
      },
    );
    expect(world.outcomeOf('go')).toEqual({ kind: 'completed', value: 'y' });
    const asked = world.of('SignalSent').flatMap(({ id, name }) => (name === 'perdure:cancel' ? [id] : []));
    expect(asked).toEqual(['x', 'z']);
  });
});
