import { isJournal } from '../../../runtime/core/journal.ts';
import type { Evidence } from '../evidence.ts';
import { canonical } from './judge.ts';

/**
 * Two runs of one workload, with and without passivation, left the same events. Both must be undisturbed and of one client, so that nothing
 * depends on who is quicker; what a turn draws at random is left out.
 */
export function passivationUnobservable(one: Evidence, other: Evidence): readonly string[] {
  const left = eventsOf(one);
  const right = eventsOf(other);
  return [...new Set([...left.keys(), ...right.keys()])]
    .filter((stream) => canonical(left.get(stream)) !== canonical(right.get(stream)))
    .map((stream) => `${stream}: ${canonical(left.get(stream))} or ${canonical(right.get(stream))}`);
}

function eventsOf({ streams }: Evidence): Map<string, readonly string[]> {
  return new Map(
    [...streams].map(([stream, records]) => [
      stream,
      records
        .filter(({ record }) => !isJournal(record) && !drawn(record.data))
        .map(({ record }) => canonical([record.type, withoutDrawn(record.data)]))
        .sort(),
    ]),
  );
}

/** A timer that arms itself again at random. */
function drawn(data: unknown): boolean {
  return typeof data === 'object' && data !== null && 'key' in data && data.key === 'again';
}

function withoutDrawn(data: unknown): unknown {
  if (typeof data !== 'object' || data === null) return data;
  const { at: _at, orderId: _orderId, ...rest } = data as Readonly<Record<string, unknown>>;
  return rest;
}
