import { checkSync, refuse } from './checks.ts';
import { UPCAST } from './erased.ts';
import type { Upcast } from './types.ts';

/**
 * The way of an event's payload from its first version to its newest: one step per version. The version written with new events is the
 * number of steps plus one; a stored event of version v goes through the steps from v on.
 * Throws `invalid-definition` without steps and for a step that is no plain function.
 */
export function upcast<A, Z>(a: (v1: A) => Z): Upcast<Z>;
export function upcast<A, B, Z>(a: (v1: A) => B, b: (v2: B) => Z): Upcast<Z>;
export function upcast<A, B, C, Z>(a: (v1: A) => B, b: (v2: B) => C, c: (v3: C) => Z): Upcast<Z>;
export function upcast<A, B, C, E, Z>(a: (v1: A) => B, b: (v2: B) => C, c: (v3: C) => E, d: (v4: E) => Z): Upcast<Z>;
export function upcast<Z>(...steps: readonly ((older: never) => unknown)[]): Upcast<Z> {
  if (steps.length === 0) refuse('upcast takes the steps from the first version to the newest, at least one');
  for (const [at, step] of steps.entries()) checkSync(`upcast: step ${at + 1}`, step);
  return { steps, [UPCAST]: true } as Upcast<Z>;
}
