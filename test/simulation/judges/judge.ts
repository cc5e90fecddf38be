import type { Evidence } from '../evidence.ts';

/** Looks at a run and says what was violated; nothing if all is well. Pure. */
export interface Judge {
  readonly name: string;
  readonly judge: (evidence: Evidence) => readonly string[];
}

/** One violation that a judge found. */
export interface Violation {
  readonly judge: string;
  readonly what: string;
}

/** Equal as plain data, whatever the order of keys. */
export function same(one: unknown, other: unknown): boolean {
  return canonical(one) === canonical(other);
}

/** Plain data as text, keys in order. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** Groups a list by a key, groups and members in their order. */
export function grouped<T, K>(list: Iterable<T>, keyOf: (one: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const one of list) {
    const key = keyOf(one);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  return groups;
}
