import type { MemoryLog } from '../adapters/memory/event-store-log.ts';
import type { Page, Rows, RowsQuery, WaitOptions } from '../client/types.ts';
import { LIMITS } from '../core/limits.ts';
import type { ProjectionQuery, ReadWait } from '../projection/projections.ts';
import type { Pace } from './pace.ts';
import { waitOf } from './verb.ts';
import { checkRowKey } from './wire.ts';

export interface RowsParts {
  readonly pace: Pace;
  readonly log: MemoryLog;
}

/** The rows of one projection; every read shows all that is in the log when it is asked. */
export function testRows<R, X extends string>(name: string, { pace, log }: RowsParts): Rows<R, X> {
  const newest = (): ReadWait | undefined => (log.next === 0 ? undefined : { position: log.next - 1 });
  return {
    get: (key, options: WaitOptions = {}) =>
      pace.perform({
        what: `row ${key} of ${name}`,
        time: 'still',
        ...waitOf(options),
        ask: async ({ projections }) => {
          checkRowKey(key);
          return (await projections.get(name, key, newest())) as R | undefined;
        },
      }),
    find: (query: RowsQuery<X> = {}, options: WaitOptions = {}) =>
      pace.perform({
        what: `rows of ${name}`,
        time: 'still',
        ...waitOf(options),
        ask: async ({ projections }): Promise<Page<R>> => {
          const page = await projections.find(name, queryOf(query), newest());
          return { rows: page.rows.map(({ row }) => row as R), keys: page.rows.map(({ key }) => key), cursor: page.cursor };
        },
      }),
  };
}

/** Without an index, bounds are of keys, which are texts. */
function queryOf<X extends string>({ limit = LIMITS.defaultPage, from, to, ...rest }: RowsQuery<X>): ProjectionQuery {
  const bound = (value: RowsQuery<X>['from']) => (rest.index === undefined ? String(value) : value);
  return {
    ...rest,
    limit,
    ...(from === undefined ? {} : { from: bound(from) as string }),
    ...(to === undefined ? {} : { to: bound(to) as string }),
  };
}
