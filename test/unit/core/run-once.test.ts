import { describe, expect, it } from 'vitest';
import { doing, Flow } from './runs/flow.ts';
import { everyWay, RunWorld } from './runs/run-world.ts';
import { sig, World } from './world.ts';

const caller = (call: number) => ({ type: 'boss', id: 'b', run: 'r', call });
const refusesBad = async (_run: unknown, input: unknown) => {
  if (input === 'bad') throw Flow.reject('no');
  return 'ok';
};

describe('once', () => {
  it('O1, H4: a first segment that rejects was not accepted, however it came', async () => {
    const world = await everyWay(
      () => doing({ one: refusesBad }),
      async (one) => {
        await one.signal('one', 'bad', 'a', { reply: caller(1) });
        expect(await one.update('one', 'bad', 'b')).toMatchObject({ kind: 'rejected', code: 'no', by: 'flow/1' });
        await one.signal('one', 'bad', 'c');
        expect(one.image.books.once.size).toBe(0);
        await one.signal('one', 'good', 'd', { reply: caller(2) });
        expect(one.image.books.once.get('one')).toMatchObject({ signalId: 'd' });
      },
    );
    expect(world.replies).toMatchObject([
      { call: 1, outcome: { kind: 'rejected', code: 'no' } },
      { call: 2, outcome: { kind: 'completed', value: 'ok' } },
    ]);
  });

  it('O1, H4: a held one that is rejected when it is released was not accepted', async () => {
    await everyWay(
      () => doing({ one: refusesBad, plain: (_turn, input) => (input === 'bad' ? refuse() : 'ok') }),
      async (world) => {
        await world.operator('pause');
        await world.signal('plain', 'bad', 'a');
        await world.signal('one', 'bad', 'b', { reply: caller(1) });
        await world.operator('resume');
        expect(world.image.books.once.size).toBe(0);
        expect(await world.update('plain', 'good', 'c')).toMatchObject({ kind: 'done', result: 'ok' });
        expect(await world.update('one', 'good', 'd')).toMatchObject({ kind: 'done', result: 'ok' });
      },
    );
  });

  it('H4: another id leaves nothing but the reply to a call; an update joins the run, or gets what it came to', async () => {
    const world = await everyWay(
      () =>
        doing({
          one: async (run) => {
            await run.sleep(10);
            return 'first';
          },
        }),
      async (one) => {
        await one.signal('one', 1, 'a');
        const { length } = one.records;
        expect(await one.signal('one', 2, 'b')).toMatchObject({ kind: 'done', repeated: true, first: 'a' });
        expect(await one.update('one', 3, 'c')).toMatchObject({ kind: 'joined', run: 'a', first: 'a' });
        expect(one.records).toHaveLength(length);
        await one.signal('one', 4, 'd', { reply: caller(1) });
        expect(one.types.slice(length)).toEqual(['SignalSent']);
        await one.pass();
        expect(await one.update('one', 5, 'e')).toMatchObject({ kind: 'known', first: 'a' });
      },
    );
    expect(world.replies).toMatchObject([{ call: 1, outcome: { kind: 'failed', code: 'already-exists' } }]);
    expect(world.said()).toEqual([]);
  });

  it('O1: a rejection after the first await is the outcome, and is remembered', async () => {
    await everyWay(
      () =>
        doing({
          one: async (run) => {
            run.emit.Said('before');
            await run.sleep(1);
            run.emit.Said('never');
            throw Flow.reject('no', { why: 'late' });
          },
        }),
      async (world) => {
        await world.signal('one', 1, 'a', { reply: caller(1) });
        await world.pass();
        expect(world.outcomeOf('a')).toMatchObject({ kind: 'rejected', code: 'no', details: { why: 'late' }, by: 'flow/1' });
        expect(world.replies).toMatchObject([{ outcome: { kind: 'rejected', code: 'no' } }]);
        expect(world.said()).toEqual(['before']);
        expect(await world.update('one', 1, 'b')).toMatchObject({ kind: 'known' });
      },
    );
  });

  it('H3: a call that nobody handles parks; skipped, its caller is told', async () => {
    const world = new RunWorld(doing({}));
    expect(await world.signal('unheard', 1, 'a', { reply: caller(1) })).toMatchObject({ kind: 'done' });
    expect(world.image.books.parked).toMatchObject({ reason: 'unknown-signal' });
    expect(world.replies).toEqual([]);
    await world.one(world.held('skip'));
    expect(world.replies).toMatchObject([{ call: 1, outcome: { kind: 'failed', code: 'call-failed' } }]);
  });

  it('H3: a call whose payload does not fit is told by its reply alone: whoever delivers it has nothing to tell', () => {
    const world = new World();
    const call = sig('add', { by: 'x' }, { mark: { source: 's', position: 1, index: 0 }, origin: { reply: caller(1) } });
    expect(world.one(call)).toMatchObject({ kind: 'done' });
    expect(world.records).toMatchObject([{ data: { payload: { call: 1, outcome: { kind: 'failed', code: 'invalid-payload' } } } }]);
    expect(world.one(call)).toMatchObject({ kind: 'done', repeated: true });
    expect(world.records).toHaveLength(1);
  });
});

function refuse(): never {
  throw Flow.reject('no');
}
