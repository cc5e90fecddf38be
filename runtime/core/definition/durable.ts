import { refuse } from './checks.ts';
import { type Carrying, HANDLER } from './erased.ts';
import type { Durable } from './types.ts';

/** An async handler: a durable function, re-executed against its recorded inputs when it must go on after it left memory. */
export function durable<C, A extends unknown[], O>(handler: (run: C, ...input: A) => Promise<O>): Durable<C, A, O> {
  return mark('durable', handler);
}

/** As `durable`, and starts only when no other serial run of its entity is open. */
export function serial<C, A extends unknown[], O>(handler: (run: C, ...input: A) => Promise<O>): Durable<C, A, O> {
  return mark('serial', handler);
}

function mark<C, A extends unknown[], O>(mode: 'durable' | 'serial', handler: (run: C, ...input: A) => Promise<O>) {
  if (typeof handler !== 'function') refuse(`${mode} takes an async function, not ${typeof handler}`);
  return { [HANDLER]: { mode, run: handler } } as Carrying<C, A, O>;
}
