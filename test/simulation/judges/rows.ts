import type { EntityDefinition } from '../../../runtime/core/definition/erased.ts';
import { applyEvent } from '../../../runtime/core/fold.ts';
import { isJournal } from '../../../runtime/core/journal.ts';
import { addressOf } from '../../../runtime/core/record.ts';
import type { ProjectionDefinition } from '../../../runtime/projection/definition.ts';
import { builtInProjections } from '../../../runtime/projection/definitions.ts';
import { type Evidence, wasForgotten } from '../evidence.ts';
import { type Judge, same } from './judge.ts';

type Rows = Map<string, unknown>;

/** The rows of every node are what the log folds to: user projections, built-in rows and the lists of parked entities and stalled runs. */
export function rowsAreFoldOfLog(definitions: readonly EntityDefinition[], projections: readonly ProjectionDefinition[]): Judge {
  const types = definitions.map(({ type }) => type);
  const declared = [...projections, ...builtInProjections(types)];
  return {
    name: 'rows-are-fold-of-log',
    judge: (all) => {
      // Rows of what was forgotten are gone, as are its events.
      const evidence = { ...all, turns: all.turns.filter(({ stream }) => !wasForgotten(all, stream)) };
      const expected = new Map<string, Rows>();
      for (const projection of declared) expected.set(`${projection.name}@${projection.version}`, projected(evidence, projection));
      for (const definition of definitions) expected.set(`entity.${definition.type}@1`, entities(evidence, definition));
      const wrong: string[] = [];
      for (const [node, tables] of evidence.rows) {
        for (const [table, rows] of expected) {
          const shown = new Map([...(tables.get(table) ?? [])].map(([key, row]) => [key, withoutSource(row)]));
          wrong.push(...difference(`${node} ${table}`, rows, shown));
        }
      }
      return wrong;
    },
  };
}

function difference(what: string, expected: Rows, shown: Rows): string[] {
  const wrong: string[] = [];
  for (const key of new Set([...expected.keys(), ...shown.keys()])) {
    if (!same(expected.get(key), shown.get(key))) {
      wrong.push(`${what} ${key}: ${JSON.stringify(shown.get(key))}, the log folds to ${JSON.stringify(expected.get(key))}`);
    }
  }
  return wrong;
}

/** A projection by its definition alone, event after event. */
function projected({ turns }: Evidence, { sources }: ProjectionDefinition): Rows {
  const rows: Rows = new Map();
  for (const turn of turns) {
    const address = addressOf(turn.stream);
    const source = sources.find(({ entityType }) => entityType === address?.type);
    if (address === undefined || source === undefined) continue;
    for (const [at, { type, data, meta }] of turn.records.entries()) {
      const reducer = source.reducers.get(type);
      if (reducer === undefined) continue;
      const signalId = meta.signal ?? meta.run ?? '';
      const about = {
        id: address.id,
        revision: turn.firstRevision + at,
        position: String(turn.position + at),
        time: turn.time,
        signalId,
        correlationId: meta.correlation ?? signalId,
        baggage: meta.baggage ?? {},
      };
      const keys = source.keysOf === undefined ? address.id : source.keysOf({ type, data }, about);
      for (const key of new Set(keys === undefined ? [] : typeof keys === 'string' ? [keys] : keys)) {
        const row = reducer(rows.get(key), data, { ...about, key });
        if (row === undefined) rows.delete(key);
        else rows.set(key, row);
      }
    }
  }
  return rows;
}

function entities({ turns }: Evidence, definition: EntityDefinition): Rows {
  const rows: Rows = new Map();
  for (const turn of turns) {
    const address = addressOf(turn.stream);
    if (address?.type !== definition.type) continue;
    const before = rows.get(address.id) as { readonly state: unknown } | undefined;
    let state = before === undefined ? definition.initial(address.id) : before.state;
    for (const record of turn.records) if (!isJournal(record)) state = applyEvent(definition, state, record);
    const last = turn.records.length - 1;
    rows.set(address.id, { state, revision: turn.firstRevision + last, position: turn.position + last });
  }
  return rows;
}

function withoutSource(row: unknown): unknown {
  if (typeof row !== 'object' || row === null) return row;
  const { $source: _source, ...rest } = row as Readonly<Record<string, unknown>>;
  return rest;
}

/** A read that presented a token shows the change that the token is of. */
export const tokenHonoured: Judge = {
  name: 'token-honoured',
  judge: ({ reads, streams }) =>
    reads.flatMap(({ projection, type, id, revision, position, row }) => {
      const events = (streams.get(`${type}-${id}`) ?? []).filter(
        ({ record, revision: at }) => !isJournal(record) && record.type !== 'Exotic' && at <= revision,
      );
      const needed = projection.startsWith('entity.') ? revision : (events.at(-1)?.revision ?? -1);
      const shown = (row as { readonly revision?: number } | undefined)?.revision ?? -1;
      return shown >= needed ? [] : [`${projection} ${id} with token ${position}: shows revision ${shown}, not ${needed}`];
    }),
};

/** When faults stop, everything comes to rest within bounded time. */
export const quiescence: Judge = {
  name: 'quiescence',
  judge: ({ ends, unrest, unfinished }) => [
    ...ends.filter(({ end }) => end !== 'finished').map((settled) => `did not come to rest: ${settled.end}: ${settled.unrest.join('; ')}`),
    ...unrest,
    ...(unfinished ? ['clients wait for ever'] : []),
  ],
};

/** Nothing is thrown where nobody catches it: it would end the process. */
export const nothingUncaught: Judge = {
  name: 'nothing-uncaught',
  judge: ({ uncaught }) => uncaught,
};
