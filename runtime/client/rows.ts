import { isPerdureError } from '../core/errors.ts';
import type { Page, Rows, RowsQuery, WaitOptions } from './types.ts';

/** The rows of one projection over a way to GET a path. */
export function rowsOver<R, X extends string>(name: string, get: (path: string, options: WaitOptions) => Promise<unknown>): Rows<R, X> {
  const base = `/v1/projections/${encodeURIComponent(name)}`;
  return {
    get: async (key, options = {}) => {
      try {
        return (await get(`${base}/${encodeURIComponent(key)}`, options)) as R;
      } catch (error) {
        if (isPerdureError(error, 'not-found')) return undefined;
        throw error;
      }
    },
    find: async (query = {}, options = {}) => {
      const text = parametersOf(query).toString();
      const body = (await get(text === '' ? base : `${base}?${text}`, options)) as Omit<Page<R>, 'cursor'> & {
        readonly next: string | null;
      };
      return { rows: body.rows, keys: body.keys, cursor: body.next ?? undefined };
    },
  };
}

function parametersOf<X extends string>(query: RowsQuery<X>): URLSearchParams {
  const parameters = new URLSearchParams();
  // With an index values are written as JSON, so that the text '1' and the number 1 stay apart; keys are texts.
  const text = (value: unknown) => (query.index === undefined ? String(value) : JSON.stringify(value));
  if (query.index !== undefined) parameters.append('index', query.index);
  for (const value of query.equals ?? []) parameters.append('equals', text(value));
  if (query.from !== undefined) parameters.append('from', text(query.from));
  if (query.to !== undefined) parameters.append('to', text(query.to));
  if (query.descending === true) parameters.append('order', 'desc');
  if (query.limit !== undefined) parameters.append('limit', String(query.limit));
  if (query.cursor !== undefined) parameters.append('cursor', query.cursor);
  return parameters;
}
