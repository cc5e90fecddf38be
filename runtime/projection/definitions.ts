import type { EntityDefinition, ErasedProjection } from '../core/definition/erased.ts';
import { applyEvent, upcastEvent } from '../core/fold.ts';
import { type JournalData, journalType } from '../core/journal.ts';
import { LIMITS } from '../core/limits.ts';
import { stateVersionOf } from '../core/snapshot.ts';
import type { EntityFold, ProjectionDefinition, RowReducer } from './definition.ts';

/** The engine's form of a declared projection. */
export function projectionDefinition({ name, version, indexes, sources }: ErasedProjection): ProjectionDefinition {
  return {
    name,
    version,
    indexes,
    sources: sources.map(({ entity, reducers, keysOf }) => ({
      entityType: entity.type,
      reducers,
      keysOf,
      upcast: (eventType, eventVersion, data) => upcastEvent(entity, eventType, eventVersion, data),
    })),
  };
}

/** The engine's form of an entity's fold, for its built-in row. */
export function entityFold(definition: EntityDefinition): EntityFold {
  return {
    type: definition.type,
    stateVersion: stateVersionOf(definition),
    initial: definition.initial,
    apply: (state, event) => applyEvent(definition, state, event),
  };
}

/** Row of the built-in projection `parked`, by `{type}/{id}`. `since` in milliseconds since 1970. */
export interface ParkedRow {
  readonly type: string;
  readonly id: string;
  readonly reason: JournalData['Parked']['reason'];
  readonly signal: string | null;
  readonly name: string;
  readonly message: string;
  readonly since: number;
}

/** The built-in projection of parked entities, for operators: fed by journal records of every registered type. */
export function parkedProjection(types: readonly string[]): ProjectionDefinition {
  const gone: RowReducer = () => undefined;
  const source = (entityType: string): ProjectionDefinition['sources'][number] => {
    const parked: RowReducer = (_row, data, { id, time }): ParkedRow => ({
      type: entityType,
      id,
      since: time,
      ...(data as JournalData['Parked']),
    });
    const resumed: RowReducer = (row, data) =>
      (data as JournalData['Resumed']).of === 'fold' && (row as ParkedRow | undefined)?.reason === 'fold' ? undefined : row;
    return {
      entityType,
      reducers: new Map([
        [journalType('Parked'), parked],
        [journalType('Released'), gone],
        [journalType('HeldSkipped'), gone],
        [journalType('Resumed'), resumed],
      ]),
      keysOf: (_event, { id }) => `${entityType}/${id}`,
      upcast: (_type, _version, data) => data,
    };
  };
  const recordTypes = (['Parked', 'Released', 'HeldSkipped', 'Resumed', 'Forgotten'] as const).map(journalType);
  return {
    name: 'parked',
    version: 1,
    recordTypes,
    indexes: { byReason: ['reason', 'since'], byType: ['type', 'since'] },
    sources: types.map(source),
  };
}

/** Row of the built-in projection `stalled`, by `{type}/{id}/{run}`. `since` in milliseconds since 1970. */
export interface StalledRow {
  readonly type: string;
  readonly id: string;
  /** Signal id of the run. */
  readonly run: string;
  readonly code: string;
  readonly message: string;
  readonly since: number;
}

/** The built-in projection of stalled runs, for operators: fed by journal records of every registered type. */
export function stalledProjection(types: readonly string[]): ProjectionDefinition {
  const gone: RowReducer = () => undefined;
  const source = (entityType: string): ProjectionDefinition['sources'][number] => {
    const stalled: RowReducer = (_row, data, { id, time, signalId: run }): StalledRow => {
      const { code, message } = data as JournalData['RunStalled'];
      return { type: entityType, id, run, code, message, since: time };
    };
    return {
      entityType,
      reducers: new Map([
        [journalType('RunStalled'), stalled],
        [journalType('RunResumed'), gone],
        [journalType('RunCompleted'), gone],
      ]),
      keysOf: (_event, { id, signalId }) => `${entityType}/${id}/${signalId}`.slice(0, LIMITS.maxRowKeyLength),
      upcast: (_type, _version, data) => data,
    };
  };
  return {
    name: 'stalled',
    version: 1,
    recordTypes: (['RunStalled', 'RunResumed', 'RunCompleted', 'Forgotten'] as const).map(journalType),
    indexes: { byCode: ['code', 'since'], byType: ['type', 'since'] },
    sources: types.map(source),
  };
}

/** The projections that every node has. */
export function builtInProjections(types: readonly string[]): readonly ProjectionDefinition[] {
  return [parkedProjection(types), stalledProjection(types)];
}
