import type { EntityDefinition, ErasedProjection } from '../core/definition/erased.ts';
import type { Position } from '../core/record.ts';
import { stateVersionOf } from '../core/snapshot.ts';
import { builtInProjections } from '../projection/definitions.ts';
import type { Projections } from '../projection/projections.ts';
import type { ProjectionInfo, ProjectionReader, ProjectionStatus } from './reader.ts';

/** The projection engine as the edge reads it: the declared projections and the built-in ones. `head` is the position behind the last durable turn. */
export function projectionReader(
  projections: Projections,
  declared: readonly ErasedProjection[],
  entities: readonly EntityDefinition[],
  head: () => Position,
): ProjectionReader {
  const types = entities.map(({ type }) => type);
  const reads = new Map<string, readonly string[]>();
  const infos = new Map<string, ProjectionInfo>();
  for (const { name, version, indexes } of builtInProjections(types)) {
    reads.set(name, types);
    infos.set(name, { version, indexes });
  }
  for (const projection of declared) {
    infos.set(projection.name, projection);
    reads.set(
      projection.name,
      projection.sources.map(({ entity }) => entity.type),
    );
  }
  for (const entity of entities) {
    infos.set(`entity.${entity.type}`, { version: stateVersionOf(entity), indexes: {} });
    reads.set(`entity.${entity.type}`, [entity.type]);
  }
  return {
    projections: infos,
    get: (name, key) => projections.get(name, key),
    find: (name, query) => projections.find(name, query),
    reached: async (name, type, position, timeoutMs) => {
      if (reads.get(name)?.includes(type) === true) await projections.reached(name, position, timeoutMs);
    },
    head,
    status: () => projections.status().map((status) => statusOf(status, infos.get(status.name)?.version ?? 1, head())),
  };
}

function statusOf(status: ReturnType<Projections['status']>[number], version: number, head: Position): ProjectionStatus {
  const { name, position, caughtUp, error } = status;
  const state = status.state === 'failed' ? 'failed' : caughtUp ? 'live' : 'building';
  return {
    name,
    version,
    state,
    position,
    behind: Math.max(0, head - position),
    ...(error === undefined ? {} : { message: `${error.code}: ${error.message}` }),
  };
}
