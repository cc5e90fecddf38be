import { Positions } from '../client/positions.ts';
import { Transport, type TransportOptions } from '../client/transport.ts';
import { isPerdureError, PerdureError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { type NewRecord, type RecordMeta, type StoredTurn, streamOf } from '../core/record.ts';
import type { StreamSelection } from '../host/stored-streams.ts';

/**
 * The streams of a running node, read over HTTP as anybody may: ids from the built-in rows, records from `history`.
 *
 * Invariants:
 * H1. A stream is whole up to when it was read, turn by turn, with the ids and times of its turns: what a run's replay needs. Its positions are not told
 *     (-1).
 * H2. Entities that were created meanwhile, or less than some seconds before (the built-in rows follow the log), may be missing.
 * H3. One request at a time, pages bounded: it costs the node little.
 */
const PAGE = 100;

type Asked = (path: string) => Promise<unknown>;

/** The turns of the selected streams, stream by stream. Rejects as the client does, and `malformed-request` for ids that no URL can carry. */
export async function* nodeTurns(options: TransportOptions, { types, inFlight }: StreamSelection): AsyncGenerator<StoredTurn> {
  const transport = new Transport(options);
  const positions = new Positions();
  const ask: Asked = async (path) => (await transport.ask({ method: 'GET', path, timeoutMs: LIMITS.defaultWaitMs }, positions)).value;
  for (const type of types ?? (await typesOf(ask))) {
    for await (const id of idsOf(ask, type)) {
      if (id === '.' || id === '..') throw new PerdureError('malformed-request', `the id '${id}' of ${type} cannot stand in a URL`);
      const path = `/v1/entities/${type}/${encodeURIComponent(id)}`;
      if (!inFlight || (await hasRuns(ask, path))) yield* turnsOf(ask, path, streamOf(type, id));
    }
  }
}

/** The registered types: each has built-in rows, whose names the node's own description tells. */
async function typesOf(ask: Asked): Promise<readonly string[]> {
  const { paths = {} } = (await ask('/openapi.json')) as { readonly paths?: Readonly<Record<string, unknown>> };
  return Object.keys(paths).flatMap((path) => /^\/v1\/projections\/entity\.([A-Za-z0-9]+)$/.exec(path)?.[1] ?? []);
}

async function* idsOf(ask: Asked, type: string): AsyncGenerator<string> {
  for (let cursor: string | null = ''; cursor !== null; ) {
    const more: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page = (await ask(`/v1/projections/entity.${type}?limit=${PAGE}${more}`)) as IdPage;
    yield* page.keys;
    cursor = page.next;
  }
}
interface IdPage {
  readonly keys: readonly string[];
  readonly next: string | null;
}

async function hasRuns(ask: Asked, path: string): Promise<boolean> {
  try {
    return ((await ask(path)) as { readonly runs: readonly unknown[] }).runs.length > 0;
  } catch (error) {
    if (isPerdureError(error, 'forgotten')) return false;
    throw error;
  }
}

/** A page may end in the middle of a turn: its last turn waits for the next page. */
async function* turnsOf(ask: Asked, path: string, stream: string): AsyncGenerator<StoredTurn> {
  let held: StoredTurn | undefined;
  for (let from: number | null = 0; from !== null; ) {
    const page = (await ask(`${path}/history?from=${from}&limit=${PAGE}`)) as HistoryBody;
    for (const { revision, metadata, time, type, data } of page.events) {
      const { turn: turnId, ...meta } = metadata;
      const record: NewRecord = { type, data, meta };
      if (held?.turnId === turnId) {
        held = { ...held, records: [...held.records, record] };
        continue;
      }
      if (held !== undefined) yield held;
      held = { stream, firstRevision: revision, position: -1, turnId, time, records: [record] };
    }
    from = page.next;
  }
  if (held !== undefined) yield held;
}

interface HistoryBody {
  readonly events: readonly {
    readonly revision: number;
    readonly type: string;
    readonly data: unknown;
    readonly metadata: RecordMeta & { readonly turn: string };
    readonly time: number;
  }[];
  readonly next: number | null;
}
