import type { AnyProjection } from 'perdure';
import { projectionOf } from '../../../runtime/core/definition/projection.ts';
import type { Happened } from './live.ts';

/** The rows that a projection makes of one entity's events, by key. */
export function rowsOf(projection: AnyProjection, events: readonly Happened[]): ReadonlyMap<string, unknown> {
  const rows = new Map<string, unknown>();
  const [source] = projectionOf(projection).sources;
  for (const { type, data, meta } of events) {
    const reducer = source?.reducers.get(type);
    if (reducer === undefined) continue;
    const keys = source?.keysOf?.({ type, data }, meta) ?? meta.id;
    for (const key of typeof keys === 'string' ? [keys] : keys) {
      const row = reducer(rows.get(key), data, { ...meta, key });
      if (row === undefined) rows.delete(key);
      else rows.set(key, row);
    }
  }
  return rows;
}
