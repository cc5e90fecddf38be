import { entity, projection, query, signal, typed } from 'perdure';
import { definitionOf } from '../../runtime/core/definition/entity.ts';
import type { EntityDefinition } from '../../runtime/core/definition/erased.ts';

/**
 * The adversarial entity: everything that a plain handler may do, in one. Every effect carries who asked for it and its number, so that judges
 * can tell each from each.
 */
interface Told {
  readonly from: string;
  readonly n: number;
}
interface Alarm extends Told {
  readonly timer: 'tick' | 'each';
  readonly key: string;
  readonly delayMs: number;
  /** Emits nothing: the change of the timer needs a record of its own. */
  readonly silent: boolean;
}
interface Relay extends Told {
  readonly ring: readonly string[];
  readonly hops: number;
}

export const Tangle = entity(
  'tangle',
  {
    note: signal({ input: typed<Told>() }),
    add: signal({ input: typed<Told & { amount: number }>(), output: typed<{ total: number }>() }),
    ask: signal({ input: typed<Told>(), output: typed<{ notes: number; total: number }>() }),
    noop: signal({ input: typed<Told>() }),
    refuse: signal({ input: typed<Told>() }),
    poison: signal({ input: typed<Told>() }),
    exotic: signal({ input: typed<Told>() }),
    alarm: signal({ input: typed<Alarm>() }),
    calm: signal({ input: typed<Told & { timer: 'tick' | 'each'; key: string }>() }),
    relay: signal({ input: typed<Relay>() }),
    fan: signal({ input: typed<Told & { to: readonly string[] }>() }),
    view: query({ output: typed<State>() }),
  },
  { rejects: ['refused'] },
);

interface State {
  readonly notes: number;
  readonly total: number;
  readonly fired: number;
}

const noted = (state: State, _told: Told): State => ({ ...state, notes: state.notes + 1 });

const model = Tangle.fold(
  (): State => ({ notes: 0, total: 0, fired: 0 }),
  {
    Noted: noted,
    Added: (state, { amount }: Told & { amount: number }) => ({ ...state, total: state.total + amount }),
    Cured: noted,
    Exotic: noted,
    Alarmed: (state, _alarm: Told) => state,
    Relayed: (state, _relay: Told & { hops: number }) => ({ ...state, notes: state.notes + 1 }),
    Fanned: (state, _told: Told) => state,
    Fired: (state, _firing: { timer: string; key: string; at: number }) => ({ ...state, fired: state.fired + 1 }),
  },
  { timers: ['tick', 'each'] },
);

const make = (defective: boolean) =>
  model.implement({
    signals: {
      note: (tangle, { from, n }) => tangle.emit.Noted({ from, n }),
      add: (tangle, { from, n, amount }) => {
        tangle.emit.Added({ from, n, amount });
        return { total: tangle.state().total };
      },
      ask: (tangle) => ({ notes: tangle.state().notes, total: tangle.state().total }),
      noop: () => undefined,
      refuse: (tangle, { from, n }) => {
        tangle.emit.Noted({ from, n });
        throw Tangle.reject('refused');
      },
      poison: (tangle, { from, n }) => {
        tangle.emit.Cured({ from, n });
        if (defective) throw new Error('poison');
      },
      exotic: (tangle, { from, n }) => tangle.emit.Exotic({ from, n }),
      alarm: (tangle, { from, n, timer, key, delayMs, silent }) => {
        if (!silent) tangle.emit.Alarmed({ from, n });
        tangle.timers[timer].set(delayMs, timer === 'each' ? key : '');
      },
      calm: (tangle, { timer, key }) => tangle.timers[timer].clear(timer === 'each' ? key : ''),
      relay: (tangle, { from, n, ring, hops }) => {
        tangle.emit.Relayed({ from, n, hops });
        const next = ring[hops % ring.length];
        if (hops > 0 && next !== undefined) tangle.send(Tangle(next).relay({ from, n, ring, hops: hops - 1 }));
      },
      fan: (tangle, { from, n, to }) => {
        tangle.emit.Fanned({ from, n });
        for (const [at, id] of to.entries()) tangle.send(Tangle(id).note({ from: `${from}>${tangle.id}`, n: n * 100 + at }));
      },
    },
    timers: {
      tick: (tangle) => tangle.emit.Fired({ timer: 'tick', key: '', at: tangle.now() }),
      each: (tangle, key) => {
        if (key.startsWith('poison') && defective) throw new Error('a poisoned timer');
        if (key.startsWith('quiet')) return;
        tangle.emit.Fired({ timer: 'each', key, at: tangle.now() });
        if (key.startsWith('again') && tangle.random() < 0.5) tangle.timers.each.set(700, key);
        if (key.startsWith('send')) tangle.send(Tangle('sink').note({ from: `timer of ${tangle.id}`, n: tangle.state().fired }));
      },
    },
    queries: { view: (state) => state },
  });

const sound = make(false);

/** As it should be. */
export const soundTangle: EntityDefinition = definitionOf(sound);

/** An older version: it does not know the event `Exotic`, `poison` throws, and so does a timer. */
export const defectiveTangle: EntityDefinition = withoutExotic(definitionOf(make(true)));

function withoutExotic(definition: EntityDefinition): EntityDefinition {
  const reducers = new Map(definition.reducers);
  reducers.delete('Exotic');
  return { ...definition, reducers };
}

const last = (_row: unknown, _event: unknown, { revision }: { revision: number }) => ({ revision });

/** A row per entity: the revision of its last event. */
export const Tangles = projection('tangles', { row: typed<{ revision: number }>(), version: 1 }).from(sound, {
  Noted: last,
  Added: last,
  Cured: last,
  Alarmed: last,
  Relayed: last,
  Fanned: last,
  Fired: last,
});

/** A row per sender, changed by many entities: an aggregate. */
export const Senders = projection('senders', {
  row: typed<{ count: number; sum: number }>(),
  version: 1,
  indexes: { byCount: ['count'] },
}).from(
  sound,
  {
    Noted: (row, { n }) => ({ count: (row?.count ?? 0) + 1, sum: (row?.sum ?? 0) + n }),
    Relayed: (row, { n }) => ({ count: (row?.count ?? 0) + 1, sum: (row?.sum ?? 0) + n }),
  },
  ({ data }) => (data !== undefined && 'from' in data ? data.from : undefined),
);
