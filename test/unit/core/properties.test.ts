import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyImage } from '../../../runtime/core/image.ts';
import { deepFreeze } from '../../../runtime/core/plain.ts';
import type { StoredTurn } from '../../../runtime/core/record.ts';
import { decodeSnapshot, encodeSnapshot } from '../../../runtime/core/snapshot.ts';
import type { Decision, Input, SignalInput } from '../../../runtime/core/turn/input.ts';
import { definition } from './probe.ts';
import { fold, op, sig, World, whole } from './world.ts';

/** What can happen to an entity. `held` verbs and firings are made into inputs when their turn comes, from what the world then is. */
type Act =
  | { readonly kind: 'message'; readonly input: SignalInput }
  | { readonly kind: 'source'; readonly input: SignalInput }
  | { readonly kind: 'fire'; readonly pick: number; readonly stale: boolean }
  | { readonly kind: 'query' }
  | { readonly kind: 'operator'; readonly verb: 'pause' | 'resume' }
  | { readonly kind: 'held'; readonly verb: 'drain' | 'retry' | 'skip' | 'edit'; readonly by: number };

const key = fc.constantFrom('', 'a', 'b', 'again', 'boom');
const content = fc.oneof(
  { weight: 4, arbitrary: fc.record({ name: fc.constant('add'), payload: fc.record({ by: fc.constantFrom(-1, 1, 2, 3, 13, 0.5) }) }) },
  fc.record({ name: fc.constant('arm'), payload: fc.record({ key, ms: fc.nat(100), say: fc.boolean() }) }),
  fc.record({ name: fc.constantFrom('disarm', 'spin'), payload: fc.record({ key }) }),
  fc.record({
    name: fc.constant('tell'),
    payload: fc.record({ to: fc.constantFrom('2', '3'), text: fc.string(), order: fc.constantFrom('first', 'last', 'only') }),
  }),
  fc.record({ name: fc.constant('big'), payload: fc.record({ size: fc.constantFrom(0, 10, 4_093, 5_000) }) }),
  fc.record({ name: fc.constantFrom('noop', 'bad', 'unheard'), payload: fc.constant({}) }),
);
const wants = fc.constantFrom('durability' as const, 'outcome' as const);
const message = fc
  .tuple(content, wants, fc.option(fc.constantFrom('i1', 'i2', 'i3', 'i4', 'i5', 'i6'), { nil: undefined }))
  .map(([c, w, id]): Act => {
    return { kind: 'message', input: sig(c.name, c.payload, { wants: w, signalId: id ?? 'edge', idChosen: id !== undefined }) };
  });
const source = fc.tuple(content, fc.constantFrom('s', 't')).map(([c, s]): Act => {
  return { kind: 'source', input: sig(c.name, c.payload, { mark: { source: s, position: 0, index: 0 } }) };
});
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 5, arbitrary: message },
  { weight: 4, arbitrary: source },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('fire' as const), pick: fc.nat(5), stale: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant<Act>({ kind: 'query' }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('operator' as const), verb: fc.constantFrom('pause' as const, 'resume' as const) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('held' as const),
      verb: fc.constantFrom('drain' as const, 'retry' as const, 'skip' as const, 'edit' as const),
      by: fc.constantFrom(1, 2, 13),
    }),
  },
);
/** Batches; the clock moves on (or back: real clocks do) before each. */
const life = fc.array(fc.tuple(fc.integer({ min: -20, max: 60 }), fc.array(act, { minLength: 1, maxLength: 6 })), { maxLength: 14 });

/** Gives messages of a source their places, in order, so that every act is a concrete input but for firings and releases. */
function placed(acts: readonly (readonly [number, readonly Act[]])[]) {
  let position = 0;
  return acts.map(([ms, batch]) => {
    const at = (one: Act): Act => {
      if (one.kind !== 'source' || one.input.mark === undefined) return one;
      position += 1;
      return { ...one, input: { ...one.input, mark: { ...one.input.mark, position: position >> 1, index: position & 1 } } };
    };
    return [ms, batch.map(at)] as const;
  });
}

function inputOf(world: World, one: Act): Input | undefined {
  switch (one.kind) {
    case 'message':
    case 'source':
      return one.input;
    case 'query':
      return { kind: 'query', name: 'total', input: undefined };
    case 'operator':
      return op(one.verb);
    case 'fire': {
      const armed = world.image.books.timers.all();
      const timer = armed[one.pick % Math.max(1, armed.length)];
      return timer === undefined ? undefined : { kind: 'timer', ...timer, arming: one.stale ? timer.arming - 1 : timer.arming };
    }
    case 'held': {
      const held = world.held();
      const payload = held?.message.kind === 'signal' ? { by: one.by } : 'edited';
      return held === undefined ? undefined : { kind: 'release', verb: one.verb, held, payload, by: 'op', why: 'test' };
    }
  }
}

/** Lives a life in turns of one batch each; `check` after every turn. */
function live(acts: readonly (readonly [number, readonly Act[]])[], check?: (world: World, inputs: readonly Input[]) => void): World {
  const world = new World();
  for (const [ms, batch] of placed(acts)) {
    world.clockMs += ms;
    const inputs = batch.map((one) => inputOf(world, one)).filter((input) => input !== undefined);
    if (inputs.length === 0) continue;
    world.turn(inputs);
    check?.(world, inputs);
  }
  return world;
}

function split(turn: StoredTurn, at: number): readonly StoredTurn[] {
  const cut = at % (turn.records.length + 1);
  const tail = { ...turn, firstRevision: turn.firstRevision + cut, position: turn.position + cut, records: turn.records.slice(cut) };
  return [{ ...turn, records: turn.records.slice(0, cut) }, tail].filter(({ records }) => records.length > 0);
}

/** What a repeated id is answered with: the outcome at the record that the window names. */
function outcomeAt(world: World, id: string): unknown {
  const record = world.records[world.image.books.window.find(id) ?? -1];
  if (record === undefined) throw new Error(`${id} is not known`);
  return record.type === 'perdure:UpdateAnswered' ? (record.data as { result: unknown }).result : (record.meta.res ?? null);
}

/** An answer without the places in the stream: `Wake` records take up some of their own. */
function answerOf(decision: Decision) {
  if (decision.kind === 'failed') return decision;
  if (decision.kind === 'known') return { kind: 'known' };
  if (decision.kind === 'rejected') return { ...decision, position: 0 };
  return { ...decision, position: 0, revision: 0 };
}

function essence(world: World) {
  return world.records
    .filter(({ type }) => type !== 'perdure:Wake')
    .map(({ type, data, meta }) => ({ type, meta, data: type === 'perdure:HeldSkipped' ? null : data }));
}

describe('any life of an entity', () => {
  it('U5, B1, F1, G1: folds from the beginning to what it is alive, after every turn', () => {
    fc.assert(
      fc.property(life, (acts) => {
        live(acts, (world) => {
          const folded = world.folded();
          expect(whole(folded)).toEqual(whole(world.image));
          expect(folded.sinceSnapshot).toBe(world.image.sinceSnapshot);
        });
      }),
      { numRuns: 300 },
    );
  });

  it('S1: goes on from a snapshot taken at any turn as if from the beginning', () => {
    fc.assert(
      fc.property(life, fc.nat(), (acts, pick) => {
        const world = live(acts);
        const at = pick % (world.turns.length + 1);
        const early = fold(emptyImage(definition, '1'), world.turns.slice(0, at));
        const restored = decodeSnapshot(definition, '1', encodeSnapshot(early), deepFreeze);
        if (restored === undefined) throw new Error('not decoded');
        expect(whole(restored)).toEqual(whole(early));
        expect(whole(fold(restored, world.turns.slice(at)))).toEqual(whole(world.image));
        // Pages that begin before the snapshot, in the middle of a turn or whole turns earlier, count from the first new record.
        const again = decodeSnapshot(definition, '1', encodeSnapshot(early), deepFreeze) ?? early;
        expect(whole(fold(again, world.turns))).toEqual(whole(world.image));
      }),
      { numRuns: 300 },
    );
  });

  it('G1, R1: folds the same whatever turns the pages cut in two', () => {
    fc.assert(
      fc.property(life, fc.array(fc.nat(20), { minLength: 1 }), (acts, cuts) => {
        const world = live(acts);
        const pages = world.turns.flatMap((turn, i) => split(turn, cuts[i % cuts.length] ?? 0));
        expect(whole(fold(emptyImage(definition, '1'), pages))).toEqual(whole(world.image));
        // The first part of a turn, and then all of it.
        const overlapping = world.turns.flatMap((turn, i) => [...split(turn, cuts[i % cuts.length] ?? 0).slice(0, 1), turn]);
        expect(whole(fold(emptyImage(definition, '1'), overlapping))).toEqual(whole(world.image));
      }),
      { numRuns: 100 },
    );
  });

  it('U4, B2, W1, N3: whatever was recorded and is delivered again leaves nothing, alive or rehydrated', () => {
    fc.assert(
      fc.property(life, fc.array(fc.nat(), { maxLength: 8 }), fc.boolean(), (acts, picks, rehydrate) => {
        const delivered: SignalInput[] = [];
        const before = live(acts, (world, inputs) => {
          const ids = new Set(world.records.map(({ meta }) => meta.signal));
          const known = (input: Input) =>
            input.kind === 'signal' &&
            ((input.idChosen && ids.has(input.signalId)) || (input.mark !== undefined && world.image.books.handled(input.mark)));
          delivered.push(...inputs.filter((input) => input.kind === 'signal').filter(known));
        });
        const world = rehydrate ? before.restarted() : before;
        const image = whole(world.image);
        const turns = world.turns.length;
        const again = picks.map((pick) => delivered[pick % delivered.length]).filter((input) => input !== undefined);
        if (again.length === 0) return;
        const { decisions } = world.turn(again);
        for (const decision of decisions) expect(decision.kind === 'known' || (decision.kind === 'done' && decision.repeated)).toBe(true);
        expect(world.turns.length).toBe(turns);
        expect(whole(world.image)).toEqual(image);
      }),
      { numRuns: 300 },
    );
  });

  it('U4: a known id points at the record with its outcome', () => {
    fc.assert(
      fc.property(life, (acts) => {
        const results = new Map<string, unknown>();
        live(acts, (world, inputs) => {
          const { decisions } = world.last;
          for (const [i, input] of inputs.entries()) {
            const decision = decisions[i];
            if (input.kind === 'signal' && input.idChosen && input.wants === 'outcome' && decision?.kind === 'done')
              results.set(input.signalId, decision.result);
          }
          for (const [id, result] of results) expect(outcomeAt(world, id)).toEqual(result);
        });
      }),
      { numRuns: 300 },
    );
  });

  it('U2: the same messages one per turn or many per turn give the same events, state and answers', () => {
    const handled = fc.array(fc.array(fc.oneof(message, source), { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(handled, fc.boolean(), (batches, pause) => {
        const together = new World();
        const apart = new World();
        const acts = placed(batches.map((batch) => [0, batch] as const));
        for (const [, batch] of acts) {
          const inputs = batch.map((one) => inputOf(together, one)).filter((input) => input !== undefined);
          const many = together.all(inputs);
          const single = inputs.map((input) => apart.one(input));
          expect(many.map(answerOf)).toEqual(single.map(answerOf));
          if (pause) for (const world of [together, apart]) world.release('skip');
        }
        expect(essence(together)).toEqual(essence(apart));
        expect(together.image.state).toEqual(apart.image.state);
        expect(together.image.books.timers.all()).toEqual(apart.image.books.timers.all());
      }),
      { numRuns: 300 },
    );
  });

  it('U6: the row of the agenda is never later than what the entity owes', () => {
    fc.assert(
      fc.property(life, (acts) => {
        live(acts, ({ image: { books }, row }) => {
          const canDrain = books.heldCount > 0 && books.parked === undefined && books.paused === undefined;
          const dues = books.timers.all().map(({ dueAt }) => dueAt);
          const truth = canDrain ? books.lastTimeMs : Math.min(...dues);
          if (truth === Number.POSITIVE_INFINITY) return;
          expect(row).toBeDefined();
          expect(row).toBeLessThanOrEqual(truth);
        });
      }),
      { numRuns: 300 },
    );
  });

  it('U1: every message taken has a decision and its share of the records', () => {
    fc.assert(
      fc.property(life, (acts) => {
        live(acts, ({ last }, inputs) => {
          const { records, decisions, recordsUpTo } = last;
          expect(decisions.length).toBe(recordsUpTo.length);
          expect(decisions.length).toBe(inputs.length);
          expect([...recordsUpTo].sort((a, b) => a - b)).toEqual(recordsUpTo);
          const wakes = records.filter(({ type }) => type === 'perdure:Wake').length;
          expect(wakes).toBeLessThanOrEqual(1);
          expect(recordsUpTo.at(-1)).toBe(records.length - wakes);
        });
      }),
      { numRuns: 80 },
    );
  });

  it('K1: what is held is handled in the order it came', () => {
    const held = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(held, fc.nat(10), (numbers, late) => {
        const world = new World();
        world.one(op('pause'));
        for (const by of numbers) world.one(sig('add', { by }));
        world.one(op('resume'));
        for (let i = 0; world.image.books.heldCount > 0; i += 1) {
          if (i === late) world.one(sig('add', { by: 10 }));
          world.release('drain');
        }
        const added = world.records.filter(({ type }) => type === 'Added').map(({ data }) => (data as { by: number }).by);
        expect(added).toEqual(late < numbers.length ? [...numbers, 10] : numbers);
        expect(world.image.books.holding).toBe(false);
      }),
      { numRuns: 50 },
    );
  });
});
