import { entity, query, signal, typed } from 'perdure';
import { describe, expect, it } from 'vitest';
import { definitionOf } from '../../../runtime/core/definition/entity.ts';
import { emptyImage, foldTurn } from '../../../runtime/core/image.ts';
import { LIMITS } from '../../../runtime/core/limits.ts';
import { checkedFreeze } from '../../../runtime/core/plain.ts';
import { runTurn } from '../../../runtime/core/turn/run-turn.ts';
import { finished, runHost } from './run-host.ts';

const Box = entity(
  'box',
  { put: signal({ input: typed<unknown>() }), refuse: signal({ input: typed<unknown>() }), peek: query({ output: typed<unknown>() }) },
  { rejects: ['no'] },
);
class Thing {}
const strange = { map: () => new Map(), date: () => new Date(0), thing: () => new Thing(), promise: () => Promise.resolve(1) };
type Strange = keyof typeof strange;
const box = definitionOf(
  Box.fold((): { inside: unknown } => ({ inside: null }), {
    Put: (_state, what: string) => ({ inside: { deep: what in strange ? strange[what as Strange]() : what } }),
  }).implement({
    signals: {
      put: (turn, what) => turn.emit.Put(String(what)),
      refuse: (_turn, what) => {
        throw Box.reject('no', { why: strange[what as Strange]?.() ?? what });
      },
    },
    queries: {
      peek: () => {
        throw Box.reject('no', { why: new Date(0) });
      },
    },
  }),
);
const env = { nowMs: 1, turnId: 't', freeze: checkedFreeze, maxTurnBytes: LIMITS.maxTurnBytes, runs: runHost };
const asked = { wants: 'outcome', signalId: 's', idChosen: false, mark: undefined, context: undefined } as const;
const tell = (name: string, payload: unknown) => {
  const image = emptyImage(box, '1');
  const { decisions, records } = finished(runTurn(image, [{ kind: 'signal', name, payload, ...asked }], env));
  return { decision: decisions[0], records, image };
};

describe('a state that is not plain', () => {
  it.each(Object.keys(strange))('%s: is the defect payload-not-plain, naming the path, and leaves nothing', (what) => {
    const { decision, records, image } = tell('put', what);
    expect(decision).toMatchObject({ kind: 'failed', code: 'payload-not-plain', message: expect.stringContaining('state.inside.deep') });
    expect([records, image.state]).toEqual([[], { inside: null }]);
  });

  it('fails the fold of a stream that leads to it', () => {
    const image = emptyImage(box, '1');
    const records = [{ type: 'Put', data: 'map', meta: {} }];
    foldTurn(image, { stream: 'box-1', firstRevision: 0, position: 0, turnId: 't', time: 0, records }, checkedFreeze);
    expect(image.foldError).toMatch(/state\.inside\.deep.*Map/);
  });

  it('is found in what is new beside what was checked before, also if someone froze it', () => {
    const old = checkedFreeze({ list: [{ a: 1 }] }, 'state') as { readonly list: readonly object[] };
    for (const odd of [Object.freeze(new Map()), undefined, Object.freeze([new Date(0)]), { toJSON: 1 }]) {
      expect(() => checkedFreeze({ ...old, list: [...old.list, odd] }, 'state')).toThrow(/state\.list\[1\]/);
    }
    expect(() => checkedFreeze(JSON.parse('{"a":{"__proto__":1}}'), 'state')).toThrow(/state\.a .*__proto__/);
    const round: { self?: unknown } = {};
    round.self = round;
    expect(() => checkedFreeze(round, 'state')).toThrow(/nested deeper/);
    const next = { ...old, list: [...old.list, { b: 2 }] };
    expect(checkedFreeze(next, 'state')).toBe(next);
  });

  it('is none when it is plain; it is frozen then', () => {
    const { decision, image } = tell('put', 'tea');
    expect(decision?.kind).toBe('done');
    expect(image.state).toEqual({ inside: { deep: 'tea' } });
    expect(Object.isFrozen((image.state as { inside: object }).inside)).toBe(true);
  });
});

describe('a rejection whose details are not plain', () => {
  it.each(Object.keys(strange))('%s: is the defect payload-not-plain, naming the path', (what) => {
    expect(tell('refuse', what).decision).toMatchObject({
      kind: 'failed',
      code: 'payload-not-plain',
      message: expect.stringContaining('details of the rejection no.why'),
    });
  });

  it('of a query is one too', () => {
    const { decisions } = finished(runTurn(emptyImage(box, '1'), [{ kind: 'query', name: 'peek', input: undefined }], env));
    expect(decisions[0]).toMatchObject({ kind: 'failed', code: 'payload-not-plain', message: expect.stringContaining('no.why') });
  });

  it('J1: travels unchanged when they are', () => {
    expect(tell('refuse', 'full').decision).toMatchObject({ kind: 'rejected', code: 'no', details: { why: 'full' } });
  });
});
