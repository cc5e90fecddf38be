/** Imports B, which imports it; calls B and itself: results flow both ways without a cycle of types (T1). */
import { durable, entity, query, signal, typed } from 'perdure';
import { B } from './mutual-b.ts';

export const A = entity('a', { ask: signal({ output: typed<number>() }), size: query({ output: typed<number>() }) });

export const a = A.fold(() => 0, {}).implement({
  signals: { ask: durable(async (run) => (await run.call(B('x').ask())) + (await run.call(A('other').ask()))) },
  queries: { size: (state) => state },
});
