import type { Upcast } from './types.ts';

/**
 * The way of an event's payload from its first version to its newest: one step per version. The version written with new events is the
 * number of steps plus one; a stored event of version v goes through the steps from v on.
 */
export function upcast<A, Z>(a: (v1: A) => Z): Upcast<Z>;
export function upcast<A, B, Z>(a: (v1: A) => B, b: (v2: B) => Z): Upcast<Z>;
export function upcast<A, B, C, Z>(a: (v1: A) => B, b: (v2: B) => C, c: (v3: C) => Z): Upcast<Z>;
export function upcast<A, B, C, E, Z>(a: (v1: A) => B, b: (v2: B) => C, c: (v3: C) => E, d: (v4: E) => Z): Upcast<Z>;
export function upcast<Z>(...steps: readonly ((older: never) => unknown)[]): Upcast<Z> {
  return { steps };
}
