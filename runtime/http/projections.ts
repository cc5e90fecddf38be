import { PerdureError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { IndexValue, RowQuery } from '../ports/read-store.ts';
import { tokensOf } from './context.ts';
import type { Edge } from './edge.ts';
import { checkRowKey } from './names.ts';
import { indexValue, onlyParameters, single, waitMs, whole } from './parameters.ts';
import { malformed } from './problem.ts';
import type { Asked, Routes } from './routes.ts';

/** `GET /v1/projections/{name}/{key}` -> the row; `GET /v1/projections/{name}?index=…` -> `{rows, keys, next}`. */
export function projectionRoutes(edge: Edge, routes: Routes): void {
  routes.add('GET', '/v1/projections/:name/:key', (asked) => row(edge, asked));
  routes.add('GET', '/v1/projections/:name', (asked) => rows(edge, asked));
}

async function row(edge: Edge, asked: Asked): Promise<void> {
  const name = await projectionName(edge, asked, ['timeout']);
  const { key = '' } = asked.params;
  checkRowKey(key);
  const found = await edge.reader.get(name, key);
  if (found === undefined) throw new PerdureError('not-found', `projection ${name} has no row of this key`);
  asked.exchange.value(200, found);
}

const PARAMETERS = ['index', 'equals', 'from', 'to', 'order', 'limit', 'cursor', 'timeout'];

async function rows(edge: Edge, asked: Asked): Promise<void> {
  const name = await projectionName(edge, asked, PARAMETERS);
  const page = await edge.reader.find(name, rowQuery(asked));
  asked.exchange.value(200, {
    rows: page.rows.map(({ row }) => row),
    keys: page.rows.map(({ key }) => key),
    next: page.cursor ?? null,
  });
}

/** The projection of a path, once it shows what the tokens of the request name. Throws `unknown-projection`, `projection-behind`. */
async function projectionName(edge: Edge, { params, query, exchange }: Asked, known: readonly string[]): Promise<string> {
  const { name = '' } = params;
  if (!edge.reader.projections.has(name)) throw new PerdureError('unknown-projection', `no projection ${name} is registered`);
  onlyParameters(query, known);
  const timeoutMs = waitMs(query, 'timeout', LIMITS.defaultWaitMs);
  const tokens = tokensOf(exchange.req.headers, edge.host.storeId);
  if (tokens.length > 0) await Promise.all(tokens.map(({ type, position }) => edge.reader.reached(name, type, position, timeoutMs)));
  return name;
}

function rowQuery({ query }: Asked): Omit<RowQuery, 'table'> {
  const index = single(query, 'index');
  const { equals } = query;
  const order = single(query, 'order');
  if (order !== undefined && order !== 'asc' && order !== 'desc') malformed(`parameter order is asc or desc; not ${order}`);
  const value = (name: string): IndexValue | undefined => {
    const text = single(query, name);
    if (text === undefined) return undefined;
    return index === undefined ? text : indexValue(text);
  };
  const [from, to, cursor] = [value('from'), value('to'), single(query, 'cursor')];
  return {
    limit: whole(query, 'limit', LIMITS.defaultPage, 1, LIMITS.maxPage),
    descending: order === 'desc',
    ...(index === undefined ? {} : { index }),
    ...(equals === undefined ? {} : { equals: (typeof equals === 'string' ? [equals] : equals).map(indexValue) }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(cursor === undefined ? {} : { cursor }),
  };
}
