import { entity, signal } from 'perdure';
import { describe, expect, it } from 'vitest';
import { definitionOf } from '../../../runtime/core/definition/entity.ts';
import { LIMITS } from '../../../runtime/core/limits.ts';
import { acting } from './acting.ts';
import { chosen, op, sig, update, World, whole } from './world.ts';

describe('results', () => {
  const res = (world: World) =>
    world.records.map(({ type, meta, data }) => [type, meta.res ?? (type === 'perdure:UpdateAnswered' ? data : undefined)]);

  it('N3: rides in the last event up to 4 KiB, is a record of its own above', () => {
    const world = new World();
    const small = 'x'.repeat(LIMITS.maxResultInMetaBytes - 2);
    expect(world.one(chosen('a', 'big', { size: small.length }, { wants: 'outcome' }))).toMatchObject({ kind: 'done', result: small });
    world.one(chosen('b', 'big', { size: small.length + 1 }));
    expect(res(world)).toEqual([
      ['Ticked', small],
      ['Ticked', undefined],
      ['perdure:UpdateAnswered', { result: `${small}x` }],
    ]);
    expect([world.image.books.window.find('a'), world.image.books.window.find('b')]).toEqual([0, 2]);
  });

  it('N3: stands in the last record of its message, where the window points, also behind a send', () => {
    for (const order of ['first', 'last', 'only'] as const) {
      const world = new World();
      world.one(chosen('a', 'tell', { to: '2', text: 'hello', order }));
      const at = world.image.books.window.find('a') ?? -1;
      expect(at).toBe(world.records.length - 1);
      expect(res(world)[at]?.[1]).toEqual(order === 'first' ? 5 : { result: 5 });
      expect(world.one(chosen('a', 'tell', { to: '2', text: 'hello', order }))).toEqual({ kind: 'known', revision: at });
    }
  });

  it('N3: a chosen id that asked for nothing is remembered; one made by the edge is not', () => {
    const world = new World();
    world.one(sig('noop'));
    expect(world.records).toEqual([]);
    world.one(chosen('a', 'noop'));
    expect(world.records).toEqual([{ type: 'perdure:SignalIgnored', data: {}, meta: { signal: 'a', name: 'noop' } }]);
  });

  it('rejections are not remembered: the same id may be decided anew', () => {
    const world = new World();
    expect(world.one(chosen('a', 'add', { by: -1 }))).toMatchObject({ kind: 'rejected' });
    expect(world.one(chosen('a', 'add', { by: 1 }, { wants: 'outcome' }))).toMatchObject({ kind: 'done', result: { n: 1 } });
  });

  it('a result that is not plain, too large for any turn or against its schema is a defect', () => {
    const world = new World();
    expect(world.one(update('big', { size: LIMITS.maxTurnBytes + 1 }))).toMatchObject({ code: 'turn-too-large' });
    expect(acting(() => new Map()).one(update('act'))).toMatchObject({
      code: 'payload-not-plain',
      message: expect.stringContaining('result'),
    });
    const Strict = entity('probe', {
      ask: signal({ output: { '~standard': { version: 1, vendor: 'x', validate: () => ({ issues: [{ message: 'no' }] }) } } }),
    });
    const strict = definitionOf(Strict.fold(() => 0, {}).implement({ signals: { ask: () => 1 as never } }));
    expect(new World(strict).one(update('ask'))).toMatchObject({ code: 'result-invalid' });
  });

  it('metadata of the message is on every record: id, name, mark, context', () => {
    const world = new World();
    const context = { correlation: 'c', causation: 'd', traceparent: 't', baggage: { k: 'v' } };
    const mark = { source: 's', position: 3, index: 1 };
    world.one(chosen('a', 'tell', { to: '2', text: '', order: 'last' }, { context, mark }));
    const meta = { signal: 'a', name: 'tell', mark, ...context };
    expect(world.records.map((record) => record.meta)).toEqual([meta, meta, meta]);
    expect(world.image.books.handled(mark)).toBe(true);
  });

  it('an event is written in its newest version, and old ones are read through the upcasters (F1)', () => {
    const world = new World();
    world.one(sig('add', { by: 2 }));
    expect(world.records[0]).toEqual({ type: 'Added', data: { by: 2, twice: true }, meta: { version: 3 } });
    const old = {
      stream: 'probe-1',
      firstRevision: 1,
      position: 11,
      turnId: 'old',
      time: 1,
      records: [
        { type: 'Added', data: 5, meta: {} },
        { type: 'Added', data: { by: 7 }, meta: { version: 2 } },
      ],
    };
    world.turns.push(old);
    expect(world.folded().state).toMatchObject({ n: 16 });
  });
});

describe('sizes', () => {
  const emitting = () => acting((turn, payload) => turn.emit.Happened('x'.repeat(payload as number)));

  it('U3: a batch is cut before the message that would exceed it, and goes on with it', () => {
    const world = emitting();
    const inputs = [400, 400, 400, 10].map((size) => update('act', size));
    const first = world.turn(inputs, 1_000);
    expect([first.decisions.length, first.recordsUpTo]).toEqual([2, [1, 2]]);
    expect(first.bytes).toBeLessThanOrEqual(1_000);
    expect(world.turn(inputs.slice(2), 1_000).decisions.length).toBe(2);
    expect(world.image.state).toMatchObject({ n: 4 });
    expect(whole(world.folded())).toEqual(whole(world.image));
  });

  it('U3: alone and too large, an update is refused and a signal parks', () => {
    const world = emitting();
    expect(world.one(update('act', 5_000), 1_000)).toMatchObject({
      kind: 'failed',
      code: 'turn-too-large',
      message: expect.stringContaining('Happened'),
    });
    expect(world.records).toEqual([]);
    world.one(sig('act', 5_000), 1_000);
    expect(world.types).toEqual(['perdure:Parked', 'perdure:SignalHeld']);
  });

  it('U3: what is too large even to be held is refused, by the bound that was given', () => {
    const world = acting((turn, payload) => turn.emit.Happened(payload));
    expect(world.one(sig('act', 'x'.repeat(5_000)), 1_000)).toMatchObject({ kind: 'failed', code: 'turn-too-large' });
    expect(world.records).toEqual([]);
  });

  it('U3, K3: a held message that is too large parks its entity again instead of being tried for ever', () => {
    const world = acting((turn) => turn.emit.Happened('x'.repeat(LIMITS.maxTurnBytes)));
    world.one(op('pause'));
    world.one(sig('act'));
    world.one(op('resume'));
    expect(world.release('drain')).toMatchObject({ kind: 'failed', code: 'parked' });
    expect(world.image.books).toMatchObject({ heldCount: 1, parked: { reason: 'defect', name: 'act' } });
  });

  it('U3: the metadata of each record counts, baggage and all', () => {
    const context = { traceparent: 't'.repeat(55), baggage: { key: 'x'.repeat(4_000) } };
    for (const pause of [false, true]) {
      const world = new World();
      if (pause) world.one(op('pause'));
      world.turn([chosen('i'.repeat(100), 'tell', { to: '2', text: '', order: 'last' }, { context })]);
      const exact = JSON.stringify(world.last.records).length;
      expect(world.last.bytes).toBeGreaterThan(exact / 2);
      expect(world.last.bytes).toBeLessThan(exact * 2);
    }
  });

  it('U3: messages that write nothing are never cut', () => {
    const world = emitting();
    world.one(chosen('a', 'act', 10));
    expect(
      world.turn([update('act', 900), chosen('a', 'act', 10), { kind: 'query', name: undefined, input: undefined }], 1_000).decisions
        .length,
    ).toBe(3);
  });
});
