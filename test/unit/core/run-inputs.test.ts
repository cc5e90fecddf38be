import { durable, entity, serial, signal, typed } from 'perdure';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { definitionOf } from '../../../runtime/core/definition/entity.ts';
import { ActivityError } from '../../../runtime/core/rejection.ts';
import { doing, type FlowHandler, Other, pay } from './runs/flow.ts';
import { everyWay, RunWorld } from './runs/run-world.ts';
import { sig } from './world.ts';

const reply = { type: 'boss', id: 'b', run: 'r', call: 7 };
const asks: FlowHandler = async (run) => run.callback({ output: z.object({ yes: z.boolean() }), timeout: 1_000 });

describe('what arrives for runs', () => {
  it('V1: for a run or a call that is not open nothing is recorded; the first outcome of a call stands', async () => {
    const world = await everyWay(
      () => doing({ go: async (run) => [await run.call(Other('x').ask(1)), await run.call(pay(1)), await run.sleep(10)] }),
      async (one) => {
        await one.signal('go');
        await one.reply('go', 1, { kind: 'completed', value: 'first' });
        const { length } = one.records;
        await one.reply('go', 1, { kind: 'completed', value: 'second' });
        await one.reply('go', 99, { kind: 'completed', value: 1 });
        await one.reply('gone', 1, { kind: 'completed', value: 1 });
        await one.completed('gone', 1);
        await one.one({ kind: 'wait', run: 'go', call: 2 });
        await one.one({ kind: 'heartbeat', run: 'go', call: 1, attempt: 1, progress: 1 });
        expect(one.records).toHaveLength(length);
        await one.completed('go', 2, 'paid');
        await one.completed('go', 2, 'paid again');
        await one.one({ kind: 'wait', run: 'go', call: 3 });
        expect(one.outcomeOf('go')).toBeUndefined();
        await one.pass();
      },
    );
    expect(world.outcomeOf('go')).toEqual({ kind: 'completed', value: ['first', 'paid', null] });
  });

  it('V2: failures of an attempt count once and plan the next; a success of any attempt counts', async () => {
    const world = await everyWay(
      () => doing({ go: (run) => run.call(pay.with({ retry: { attempts: 3 } })(1)) }),
      async (one) => {
        await one.signal('go');
        const failed = { kind: 'failed', code: 'defect', message: 'broken' } as const;
        await one.one({ kind: 'heartbeat', run: 'go', call: 1, attempt: 1, progress: 'half' });
        await one.outcome('go', 1, failed, 1);
        await one.outcome('go', 1, failed, 1);
        await one.one({ kind: 'heartbeat', run: 'go', call: 1, attempt: 1, progress: 'stale' });
        expect(one.of('AttemptFailed')).toHaveLength(1);
        expect(one.open('go')?.calls.get(1)).toMatchObject({ attempts: 1, progress: 'half', lastFailure: { code: 'defect' } });
        await one.outcome('go', 1, { kind: 'completed', value: 'late' }, 1);
      },
    );
    expect(world.outcomeOf('go')).toEqual({ kind: 'completed', value: 'late' });
  });

  it.each([
    ['attempts', { retry: { attempts: 2 } }, 2],
    ['deadline', { deadline: '10 seconds', retry: { initial: '6 seconds' } }, 2],
  ] as const)('V2: an activity that ran out of %s fails for good, with the last progress', async (reason, options, attempts) => {
    const go: FlowHandler = async (run) => {
      try {
        return await run.call(pay.with(options)(1));
      } catch (error) {
        return error instanceof ActivityError
          ? [error.activity, error.attempts, error.reason, error.progress, String(error.cause)]
          : 'another';
      }
    };
    const world = await everyWay(
      () => doing({ go }),
      async (one) => {
        await one.signal('go');
        while (one.open('go') !== undefined) {
          const attempt = (one.open('go')?.calls.get(1)?.attempts ?? 0) + 1;
          await one.one({
            kind: 'outcome',
            run: 'go',
            call: 1,
            attempt,
            outcome: { kind: 'failed', code: 'defect', message: 'broken' },
            progress: attempt,
          });
          one.clockMs = Math.max(one.clockMs, one.open('go')?.calls.get(1)?.nextAt ?? 0);
        }
      },
    );
    expect(world.outcomeOf('go')).toEqual({ kind: 'completed', value: ['pay', attempts, reason, attempts, 'Error: broken'] });
  });

  it('V3: a callback is completed once, by whoever knows its secret, with what fits; the same again is known', async () => {
    const world = await everyWay(
      () => doing({ go: asks }),
      async (one) => {
        await one.signal('go');
        const yes = { result: { yes: true } };
        expect(await one.callback('go', 1, yes, 'guessed')).toMatchObject({ code: 'callback-forged' });
        expect(await one.callback('go', 1, { result: { yes: 'maybe' } })).toMatchObject({
          code: 'invalid-payload',
          details: [{ path: 'yes' }],
        });
        expect(await one.callback('go', 1, { result: new Map() })).toMatchObject({ kind: 'failed' });
        const { seed = '' } = one.open('go') ?? {};
        expect(one.records).toHaveLength(3);
        expect(await one.callback('go', 1, yes)).toMatchObject({ kind: 'done', result: { yes: true } });
        expect(await one.callback('go', 1, yes, one.host.digest(`callback/${seed}/go/1`))).toMatchObject({ kind: 'known' });
        expect(await one.callback('go', 2, yes)).toMatchObject({ kind: 'failed' });
      },
    );
    expect(world.outcomeOf('go')).toEqual({ kind: 'completed', value: { yes: true } });
  });

  it('V3: one that was failed rejects; one that timed out is undefined, and too late is closed', async () => {
    const world = await everyWay(
      () => doing({ go: async (run, input) => (await asks(run, input).catch((error: unknown) => String(error))) ?? 'nobody' }),
      async (one) => {
        await one.signal('go', 1, 'a');
        await one.callback('a', 1, { error: { code: 'refused', message: 'not today' } });
        await one.signal('go', 1, 'b');
        await one.pass();
        expect(await one.callback('b', 1, { result: { yes: true } })).toMatchObject({ code: 'callback-closed' });
      },
    );
    expect([world.outcomeOf('a'), world.outcomeOf('b')]).toMatchObject([
      { value: expect.stringContaining('not today') },
      { value: 'nobody' },
    ]);
  });

  it('V3: while its run cannot go on nothing is taken: the sender is told to come again, and can', async () => {
    const world = await everyWay(
      () => doing({ go: asks }),
      async (one) => {
        await one.signal('go');
        await one.operator('pause');
        expect(await one.callback('go', 1, { result: { yes: true } })).toMatchObject({ kind: 'failed' });
        await one.operator('resume');
        expect(await one.callback('go', 1, { result: { yes: true } })).toMatchObject({ kind: 'done' });
      },
    );
    expect(world.outcomeOf('go')).toMatchObject({ kind: 'completed' });
  });

  it('until with a time-out: the state that satisfied it, or undefined, whichever comes first', async () => {
    const world = await everyWay(
      () => doing({ go: async (run, input) => (await run.until(({ n }) => n > Number(input), { timeout: 100 }))?.n ?? 'timed out' }),
      async (one) => {
        await one.signal('go', 1, 'a');
        await one.signal('go', 100, 'b');
        await one.signal('poke', 5);
        await one.pass();
        expect(await one.pass()).toBe(false);
      },
    );
    expect([world.outcomeOf('a'), world.outcomeOf('b')]).toMatchObject([{ value: 5 }, { value: 'timed out' }]);
  });

  it('P1, P2: terminating and forgetting run no user code, tell everybody once, and ask what was called to stop', async () => {
    for (const verb of ['terminate', 'forget'] as const) {
      const world = await everyWay(
        () =>
          doing({
            go: (run) =>
              run.saga(async (saga) => {
                saga.compensate(Other('undo').ask(1));
                await saga.call(Other('x').ask(1)).finally(() => run.emit.Said('never'));
              }),
            queue: (run) => run.sleep(10),
          }),
        async (one) => {
          await one.signal('go', 1, 'a', { reply });
          await one.signal('queue', 1, 'b');
          await one.signal('queue', 1, 'c', { reply: { ...reply, call: 8 } });
          await one.operator('pause');
          await one.signal('go', 1, 'held', { reply: { ...reply, call: 9 } });
          await one.operator(verb);
          expect(one.image.books.hasRuns).toBe(false);
          if (verb === 'terminate') await one.one(one.held('skip'));
          await one.reply('a', 1, { kind: 'completed', value: 1 });
        },
      );
      const outcome = verb === 'terminate' ? { kind: 'terminated' } : { kind: 'failed', code: 'forgotten' };
      expect(world.replies.toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)))).toMatchObject([
        { call: 7, outcome },
        { call: 8, outcome },
        { call: 9 },
      ]);
      expect([world.said(), world.of('SignalSent').filter(({ id, name }) => id === 'x' && name === 'perdure:cancel').length]).toEqual([
        [],
        1,
      ]);
    }
  });

  it('a timer starts a run of its own for each arming', async () => {
    const world = await everyWay(
      () =>
        doing({
          go: async (run) => run.timers.late.set(10, 'k'),
          late: async (run, key) => {
            run.emit.Said(`late ${key}`);
            await run.sleep(5);
            run.timers.late.clear('k');
            run.emit.Said('over');
          },
        }),
      async (one) => {
        await one.signal('go', 1, 'a');
        await one.signal('go', 1, 'b');
        for (const arming of [1, 2, 2]) await one.one({ kind: 'timer', timer: 'late', key: 'k', arming });
        await one.pass();
      },
    );
    expect(world.outcomeOf('timer:late/k#2')).toEqual({ kind: 'completed', value: null });
    expect(world.said()).toEqual(['late k', 'over']);
  });

  it('a call of an entity comes to its outcome: no is a rejection that names who said it, the rest an error with a code', async () => {
    const outcomes = [
      [{ kind: 'rejected', code: 'busy', details: { x: 1 }, by: 'other/x', message: 'busy' }, 'Rejection busy other/x {"x":1}'],
      [{ kind: 'failed', code: 'already-exists', message: 'there' }, 'PerdureError already-exists'],
      [{ kind: 'failed', code: 'forgotten', message: 'gone' }, 'PerdureError forgotten'],
      [{ kind: 'failed', code: 'made-up', message: 'of a later version' }, 'PerdureError call-failed'],
      [{ kind: 'terminated', by: 'op', why: '' }, 'PerdureError terminated'],
      [{ kind: 'cancelled' }, 'PerdureError cancelled'],
    ] as const;
    const go: FlowHandler = async (run) => {
      const settled = await Promise.allSettled(outcomes.map(() => run.call(Other('x').ask(1))));
      return settled.map((one) => (one.status === 'rejected' ? shown(one.reason) : 'no error'));
    };
    const world = await everyWay(
      () => doing({ go }),
      async (one) => {
        await one.signal('go');
        for (const [at, [outcome]] of outcomes.entries()) await one.reply('go', at + 1, outcome);
      },
    );
    expect(world.outcomeOf('go')).toEqual({ kind: 'completed', value: outcomes.map(([, text]) => text) });
  });

  it('X1: what is asked for wrongly is a defect also if user code catches it, and nothing of the segment stands', async () => {
    const wrong: readonly (readonly [string, FlowHandler])[] = [
      ['unknown-activity', (run) => run.call(Object.assign(pay(1), { activity: 'unheard', ...declared('unheard') }))],
      ['payload-not-plain', (run) => run.call(Other('x').ask(new Map()))],
      ['payload-not-plain', (run) => run.call(pay(new Date(0)))],
      ['defect', (run) => run.sleep(-1)],
      ['defect', (run) => run.call(Other('').ask(1))],
    ];
    for (const [code, ask] of wrong) {
      const world = new RunWorld(
        doing({
          go: async (run, input) => {
            run.emit.Said('before');
            try {
              await ask(run, input);
            } catch {
              return 'caught';
            }
            return null;
          },
        }),
      );
      await world.signal('go');
      expect([world.outcomeOf('go'), world.said()]).toEqual([undefined, []]);
      expect(world.open('go')?.stalled).toMatchObject({ code, resumes: 'segment' });
    }
  });

  it('H3, O1: input and output are checked: what does not fit is refused before, a defect after', async () => {
    const Typed = entity('typed', {
      go: signal({ input: z.object({ n: z.number().default(5) }), output: z.object({ n: z.number() }) }),
      queue: signal({ input: z.object({ n: z.number().default(5) }), output: typed<unknown>() }),
    });
    const definition = definitionOf(
      Typed.fold(() => 0, {}).implement({
        signals: {
          go: durable(async (run, { n }) => {
            await run.sleep(1);
            return n === 7 ? JSON.parse('{"m":1}') : { n, stripped: true };
          }),
          queue: serial(async (_run, { n }) => n),
        },
      }),
    );
    const world = new RunWorld(definition);
    expect(await world.update('go', { n: 'x' }, 'a')).toMatchObject({ code: 'invalid-payload' });
    await world.signal('go', { n: 'x' }, 'b', { reply });
    expect(world.replies).toMatchObject([{ outcome: { kind: 'failed', code: 'invalid-payload' } }]);
    await world.signal('go', {}, 'c');
    await world.signal('go', { n: 7 }, 'd');
    await world.pass();
    await world.pass();
    expect(world.outcomeOf('c')).toEqual({ kind: 'completed', value: { n: 5 } });
    expect(world.open('d')?.stalled).toMatchObject({ code: 'result-invalid', resumes: 'segment' });
    await world.turn([sig('queue', {}, { signalId: 'q' })]);
    expect(world.outcomeOf('q')).toEqual({ kind: 'completed', value: 5 });
  });
});

function shown(error: unknown): string {
  const { name, code, by, details } = error as { name: string; code: string; by?: string; details?: unknown };
  return [name, code, ...(by === undefined ? [] : [by, JSON.stringify(details)])].join(' ');
}

/** The declaration of another activity. */
function declared(name: string): object {
  const symbol = Symbol.for('perdure.activity');
  return { [symbol]: { activity: name, input: undefined, output: undefined, rejects: [], options: {} } };
}
