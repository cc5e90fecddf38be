/** The other half of mutual-a.ts. */
import { durable, entity, signal, typed } from 'perdure';
import { A } from './mutual-a.ts';

export const B = entity('b', { ask: signal({ output: typed<number>() }) });

export const b = B.fold(() => 0, {}).implement({ signals: { ask: durable(async (run) => await run.call(A('x').size())) } });
