import { entity, signal, typed } from 'perdure';
import { definitionOf } from '../../../runtime/core/definition/entity.ts';
import { World } from './world.ts';

export const Free = entity('probe', { act: signal({ input: typed<unknown>(), output: typed<unknown>() }) }, { rejects: ['no'] });
const freeModel = Free.fold(
  (): { n: number; list: readonly number[] } => ({ n: 0, list: [] }),
  {
    Happened: (state, _data: unknown) => ({ ...state, n: state.n + 1 }),
    Reducing: (_state, _data: unknown): never => {
      throw Free.reject('no');
    },
    context: (state) => state,
  },
  { timers: ['late', 'context'] },
);

/** A world whose entity does what the test says. */
export function acting(act: (turn: FreeTurn, payload: unknown) => unknown, onLate: (turn: FreeTurn, key: string) => void = () => {}) {
  return new World(definitionOf(freeModel.implement({ signals: { act }, timers: { late: onLate, context: () => {} } })));
}
type FreeHandler = Extract<Parameters<typeof freeModel.implement>[0]['signals']['act'], (...input: never[]) => unknown>;
export type FreeTurn = Parameters<FreeHandler>[0];
