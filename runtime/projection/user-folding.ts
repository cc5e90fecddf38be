/**
 * A projection of the user as the engine runs it.
 *
 * Invariants:
 * U1. A stored row carries in `$source` the one stream that made it, or null once a second one changed it: a row that many
 *     streams share is an aggregate, and stays when one of them is forgotten. Readers never see the field.
 * U2. An event is applied once per key, however often `keysOf` names the key.
 * U3. What an index cannot hold is the failure of the event that brought it, not of the batch that writes it.
 */
import { PerdureError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { addressOf, JOURNAL_PREFIX, type NewRecord, type Position, type StoredTurn, type StreamName } from '../core/record.ts';
import type { Row, TableDefinition } from '../ports/read-store.ts';
import type { EventMeta, ProjectionDefinition, ProjectionSource } from './definition.ts';
import { EventFailure, type EventPlace, placeOf, type Step } from './folding.ts';
import type { Folding } from './table.ts';
import { UserTable } from './user-table.ts';

const SOURCE_FIELD = '$source';
const SOURCE_INDEX = '$source';
const FORGOTTEN = `${JOURNAL_PREFIX}Forgotten`;
/** A commit costs the event loop about as much as twenty rows, so one waits for company this long, unless a reader waits. */
const COALESCE_MS = 50;
/** Rows that one event may change. */
const MAX_KEYS_PER_EVENT = 1_000;

/** The projection as the engine runs it. Throws `invalid-definition` for two sources of one entity type or none at all. */
export function userFolding(definition: ProjectionDefinition): Folding {
  const sources = new Map(definition.sources.map((source) => [source.entityType, source]));
  if (sources.size === 0 || sources.size !== definition.sources.length) {
    throw new PerdureError('invalid-definition', `Projection ${definition.name} needs sources, each entity type once.`);
  }
  const byId = definition.sources.every(({ keysOf }) => keysOf === undefined);
  const fields = [...new Set(Object.values(definition.indexes).flat())];
  const table = tableOf(definition, byId);
  const sourceIndex = byId ? undefined : SOURCE_INDEX;
  const stepsOfTurn = (turn: StoredTurn, skipped: ReadonlySet<Position>) => stepsOf({ sources, fields, skipped }, turn);
  return {
    name: definition.name,
    table,
    entityTypes: [...sources.keys()],
    recordTypes: definition.recordTypes,
    coalesceMs: COALESCE_MS,
    sourceIndex,
    visible: withoutSource,
    open: (parts) => new UserTable({ table: table.table, sourceIndex, stepsOf: stepsOfTurn }, parts),
  };
}

function tableOf({ name, version, indexes }: ProjectionDefinition, byId: boolean): TableDefinition {
  return { table: `${name}@${version}`, indexes: byId ? indexes : { ...indexes, [SOURCE_INDEX]: [SOURCE_FIELD] } };
}

interface Reading {
  readonly sources: ReadonlyMap<string, ProjectionSource>;
  readonly fields: readonly string[];
  readonly skipped: ReadonlySet<Position>;
}

function stepsOf({ sources, fields, skipped }: Reading, turn: StoredTurn): Step[] {
  const address = addressOf(turn.stream);
  const source = address && sources.get(address.type);
  if (address === undefined || source === undefined) return [];
  const steps: Step[] = [];
  for (const [index, record] of turn.records.entries()) {
    if (skipped.has(turn.position + index)) continue;
    if (record.type === FORGOTTEN) return [forgetStep(placeOf(turn, index), turn.stream, address.id)];
    if (!source.reducers.has(record.type)) continue;
    const step = eventStep(source, fields, placeOf(turn, index), record, { id: address.id, time: turn.time });
    if (step !== undefined) steps.push(step);
  }
  return steps;
}

function forgetStep(event: EventPlace, stream: StreamName, id: string): Step {
  return { event, keys: [id], apply: (row) => (sourceOf(row) === stream ? undefined : row), forget: stream };
}

function eventStep(
  source: ProjectionSource,
  fields: readonly string[],
  event: EventPlace,
  record: NewRecord,
  turn: { readonly id: string; readonly time: number },
): Step | undefined {
  const reducer = source.reducers.get(record.type);
  if (reducer === undefined) return undefined;
  const meta = metaOf(event, record, turn);
  const lazy = { done: false, data: record.data };
  const data = () => {
    if (!lazy.done) lazy.data = source.upcast(record.type, record.meta.version ?? 1, record.data);
    lazy.done = true;
    return lazy.data;
  };
  const keys = source.keysOf === undefined ? [turn.id] : keysOf(source, event, record.type, data, meta);
  const apply: Step['apply'] = (before, key) => {
    const row = reducer(before === undefined ? undefined : withoutSource(before), data(), { ...meta, key });
    if (row === undefined) return undefined;
    return withSource(checkRow(row, fields), before === undefined || sourceOf(before) === event.stream ? event.stream : null);
  };
  return keys.length === 0 ? undefined : { event, keys, apply };
}

function keysOf(source: ProjectionSource, event: EventPlace, type: string, data: () => unknown, meta: EventMeta): readonly string[] {
  try {
    const named = source.keysOf?.({ type, data: data() }, meta);
    const keys = named === undefined ? [] : typeof named === 'string' ? [named] : [...new Set(named)];
    if (keys.length > MAX_KEYS_PER_EVENT) throw new Error(`one event may change ${MAX_KEYS_PER_EVENT} rows, not ${keys.length}`);
    for (const key of keys) {
      const good = typeof key === 'string' && key.length <= LIMITS.maxRowKeyLength;
      if (!good) throw new Error(`a row key is a string of at most ${LIMITS.maxRowKeyLength} characters`);
    }
    return keys;
  } catch (error) {
    throw new EventFailure(event, error);
  }
}

function metaOf(event: EventPlace, { meta }: NewRecord, turn: { readonly id: string; readonly time: number }): EventMeta {
  const signalId = meta.signal ?? meta.run ?? '';
  return {
    id: turn.id,
    revision: event.revision,
    position: String(event.position),
    time: turn.time,
    signalId,
    correlationId: meta.correlation ?? signalId,
    baggage: meta.baggage ?? {},
  };
}

function checkRow(row: Row, fields: readonly string[]): object {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) {
    throw new PerdureError('payload-not-plain', 'A reducer must return a plain object or undefined.');
  }
  for (const field of fields) {
    const value: unknown = Object.hasOwn(row, field) ? Reflect.get(row, field) : null;
    const kind = typeof value;
    const good = value === null || kind === 'undefined' || kind === 'string' || kind === 'boolean' || Number.isFinite(value);
    if (!good) throw new PerdureError('index-value-invalid', `The value of "${field}" cannot be indexed.`, { field });
  }
  return row;
}

function withSource(row: object, stream: StreamName | null): Row {
  return { ...row, [SOURCE_FIELD]: stream };
}

function sourceOf(row: Row | undefined): unknown {
  return typeof row === 'object' && row !== null ? Reflect.get(row, SOURCE_FIELD) : undefined;
}

function withoutSource(row: Row): Row {
  if (typeof row !== 'object' || row === null) return row;
  const { [SOURCE_FIELD]: _source, ...rest } = row as Readonly<Record<string, unknown>>;
  return rest;
}
