import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../../runtime/core/limits.ts';
import { doing, Flow, type FlowHandler, Other, undurable } from './runs/flow.ts';
import { everyWay, RunWorld } from './runs/run-world.ts';
import { sig } from './world.ts';

const reply = (call: number) => ({ type: 'boss', id: 'b', run: 'r', call });
const oneAfterAnother: FlowHandler = async (run, input) => {
  run.emit.Said(`begin ${input}`);
  await run.sleep(10);
  run.emit.Said(`end ${input}`);
  return input;
};

describe('serial runs', () => {
  it('O2: start one after another in the order of arrival, and wait in the stream', async () => {
    const world = await everyWay(
      () => doing({ queue: oneAfterAnother }),
      async (one) => {
        for (const input of ['a', 'b', 'c']) expect(await one.update('queue', input, input)).toMatchObject({ kind: 'joined', run: input });
        expect(one.image.books.runs.queued.map(({ id }) => id)).toEqual(['b', 'c']);
        expect(await one.update('queue', 'again', 'c')).toMatchObject({ kind: 'joined', run: 'c' });
        while (await one.pass());
      },
    );
    expect(world.said()).toEqual(['a', 'b', 'c'].flatMap((input) => [`begin ${input}`, `end ${input}`]));
  });

  it('O2: a stalled one keeps its place; those behind it wait', async () => {
    const world = new RunWorld(
      doing({
        queue: async (run, input) => {
          if (input === 'bad') throw new Error('bad');
          return oneAfterAnother(run, input);
        },
      }),
      'crashes',
    );
    await world.signal('queue', 'bad', 'a');
    await world.signal('queue', 'good', 'b');
    expect([world.open('a')?.stalled?.code, world.image.books.runs.queued.length]).toEqual(['defect', 1]);
    world.deploy(doing({ queue: oneAfterAnother }));
    await world.operator('resumeRuns');
    while (await world.pass());
    expect(world.said()).toEqual(['begin bad', 'end bad', 'begin good', 'end good']);
  });

  it('O1: a waiting one whose first segment rejects has ended with that, once', async () => {
    const world = await everyWay(
      () =>
        doing({
          queue: async (run, input) => {
            if (input === 'no') throw Flow.reject('no');
            return oneAfterAnother(run, input);
          },
        }),
      async (one) => {
        await one.signal('queue', 'a', 'a', { reply: reply(1) });
        await one.signal('queue', 'no', 'b', { reply: reply(2) });
        while (await one.pass());
        expect(await one.update('queue', 'no', 'b')).toMatchObject({ kind: 'known' });
      },
    );
    expect(world.replies).toMatchObject([
      { call: 1, outcome: { kind: 'completed', value: 'a' } },
      { call: 2, outcome: { kind: 'rejected', code: 'no', by: 'flow/1' } },
    ]);
    expect(world.outcomeOf('b')).toMatchObject({ kind: 'rejected', code: 'no' });
  });

  it('O3: a call that would wait for itself is rejected, the circle named; what the run calls carries the chain', async () => {
    const world = await everyWay(
      () => doing({ queue: (run) => run.call(Other('x').ask(1)), go: (run) => run.call(Other('y').ask(1)) }),
      async (one) => {
        await one.signal('queue', 1, 'a', { reply: reply(1), chain: ['boss/b'] });
        await one.signal('queue', 1, 'b', { reply: reply(2), chain: ['boss/b', 'flow/1', 'other/x'] });
        await one.signal('go', 1, 'c', { reply: reply(3), chain: ['boss/b', 'flow/1', 'other/x'] });
      },
    );
    const circle = 'flow/1 -> other/x -> flow/1';
    expect(world.replies).toMatchObject([{ call: 2, outcome: { kind: 'rejected', code: 'call-cycle', details: { circle } } }]);
    expect(world.of('SignalSent').flatMap(({ name, chain }) => (name === 'ask' ? [chain] : []))).toEqual([
      ['boss/b', 'flow/1'],
      ['boss/b', 'flow/1', 'other/x'],
    ]);
  });

  it('O4: a waiting one whose handler is gone, or plain by now, stalls instead of being lost', async () => {
    const world = new RunWorld(doing({ queue: oneAfterAnother }), 'crashes');
    await world.signal('queue', 'a', 'a');
    await world.signal('queue', 'b', 'b', { reply: reply(1) });
    world.deploy(undurable());
    await world.operator('terminate', 'a');
    expect(world.open('b')?.stalled).toMatchObject({ code: 'unknown-signal', resumes: 'segment' });
    await world.operator('resumeRuns');
    expect(world.open('b')?.stalled).toMatchObject({ code: 'replay-diverged', resumes: 'segment' });
    expect(world.replies).toEqual([]);
    world.deploy(doing({ queue: oneAfterAnother }));
    await world.operator('resumeRuns');
    await world.pass();
    expect(world.said()).toEqual(['begin a', 'begin b', 'end b']);
    expect(world.replies).toEqual([{ run: 'r', call: 1, outcome: { kind: 'completed', value: 'b' } }]);
  });

  it('O4: with as many waiting as may wait the next is refused, and those that wait start', async () => {
    const world = new RunWorld(doing({ queue: async (run, input) => (input === 0 ? run.sleep(1) : null) }));
    world.compares = false;
    const inputs = Array.from({ length: LIMITS.maxQueuedRuns + 1 }, (_, at) => sig('queue', at, { signalId: `q${at}`, idChosen: true }));
    for (let at = 0; at < inputs.length; at += 500) await world.turn(inputs.slice(at, at + 500));
    expect(world.image.books.runs.queued).toHaveLength(LIMITS.maxQueuedRuns);
    expect(await world.signal('queue', 0, 'more')).toMatchObject({ kind: 'failed', code: 'overloaded' });
    world.clockMs += 10;
    await world.turn([{ kind: 'wait', run: 'q0', call: 1 }]);
    const next = world.image.books.runs.queued[0];
    await world.begin();
    expect(world.outcomeOf(next?.id ?? '')).toEqual({ kind: 'completed', value: null });
    expect(world.image.books.runs.queued).toHaveLength(LIMITS.maxQueuedRuns - 1);
  });
});
