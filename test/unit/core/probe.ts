import { entity, query, signal, typed, upcast } from 'perdure';
import { z } from 'zod';
import { definitionOf } from '../../../runtime/core/definition/entity.ts';

/**
 * The test entity: small, and uses everything that a plain handler may do.
 */
export const Probe = entity(
  'probe',
  {
    add: signal({ input: z.object({ by: z.number().int() }), output: typed<{ n: number }>() }),
    arm: signal({ input: typed<{ key: string; ms: number; say: boolean }>() }),
    disarm: signal({ input: typed<{ key: string }>() }),
    spin: signal({ input: typed<{ key: string }>() }),
    tell: signal({ input: typed<{ to: string; text: string; order: 'first' | 'last' | 'only' }>(), output: typed<number>() }),
    big: signal({ input: typed<{ size: number }>(), output: typed<string>() }),
    noop: signal(),
    bad: signal(),
    total: query({ output: typed<number>() }),
  },
  { rejects: ['negative', 'even'] },
);

interface State {
  readonly id: string;
  readonly n: number;
  readonly events: number;
  readonly items: Readonly<Record<string, number>>;
}

/** The payload of `Added` as it was written in its first version, and now. */
type AddedV1 = number;
type Added = { readonly by: number; readonly twice: boolean };

const counted = (state: State): State => ({ ...state, events: state.events + 1 });
const model = Probe.fold(
  (id): State => ({ id, n: 0, events: 0, items: {} }),
  {
    Added: (state, { by, twice }: Added) => ({ ...counted(state), n: state.n + (twice ? 2 * by : by) }),
    Armed: (state, key: string) => ({ ...counted(state), items: { ...state.items, [key]: state.n } }),
    Lapsed: (state, key: string) => ({ ...counted(state), items: { ...state.items, [key]: -1 } }),
    Ticked: (state) => counted(state),
    Told: (state) => counted(state),
  },
  { timers: ['tick', 'lapse'] },
);

const behaviour = {
  upcast: {
    Added: upcast(
      (v1: AddedV1) => ({ by: v1 }),
      (v2: { by: number }): Added => ({ ...v2, twice: false }),
    ),
  },
} as const;

export const probe = model.implement({
  ...behaviour,
  signals: {
    add(turn, { by }) {
      if (by < 0) {
        turn.emit.Added({ by: 1, twice: true });
        turn.timers.tick.set('1 day');
        throw Probe.reject('negative', { by });
      }
      if (by === 13) {
        turn.emit.Ticked();
        turn.timers.lapse.clear('a');
        throw new TypeError('thirteen');
      }
      turn.emit.Added({ by, twice: by % 2 === 0 });
      return { n: turn.state().n };
    },
    arm(turn, { key, ms, say }) {
      if (key === '') turn.timers.tick.set(ms);
      else turn.timers.lapse.set(ms, key);
      if (say) turn.emit.Armed(key);
    },
    disarm(turn, { key }) {
      if (key === '') turn.timers.tick.clear();
      else turn.timers.lapse.clear(key);
    },
    spin(turn, { key }) {
      turn.timers.lapse.set(50, key);
      turn.timers.lapse.clear(key);
      turn.timers.tick.set(70);
      turn.timers.lapse.set(60, key);
    },
    tell(turn, { to, text, order }) {
      if (order === 'last') turn.emit.Told();
      turn.send(Probe(to).tell({ to: '', text, order: 'only' }));
      if (order === 'first') turn.emit.Told();
      return text.length;
    },
    big(turn, { size }) {
      turn.emit.Ticked();
      return 'x'.repeat(size);
    },
    noop() {},
    bad(turn) {
      turn.emit.Ticked();
      throw new Error('always bad');
    },
  },
  timers: {
    tick(turn) {
      if (turn.state().n % 2 === 0) throw Probe.reject('even');
      turn.emit.Ticked();
      turn.timers.tick.set(40);
    },
    lapse(turn, key) {
      if (key === 'boom') throw new Error('boom');
      if (key === 'again') turn.timers.lapse.set(30, key);
      else turn.emit.Lapsed(key);
    },
  },
  queries: { total: ({ n }) => n },
});

export const definition = definitionOf(probe);

/** The same type in an older deployment: knows neither version 2 of `Added` nor `Ticked`. */
const Older = entity('probe', { add: signal({ input: typed<{ by: number }>() }), total: query({ output: typed<number>() }) });
export const olderDefinition = definitionOf(
  Older.fold((id) => ({ id, n: 0, events: 0, items: {} }), { Added: (state, by: number) => ({ ...state, n: state.n + by }) }).implement({
    signals: {
      add(turn, { by }) {
        turn.emit.Added(by);
      },
    },
    queries: { total: ({ n }) => n },
  }),
);
