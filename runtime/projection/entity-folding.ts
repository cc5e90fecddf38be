/** The built-in rows: the current state of every entity of a type, as the engine runs them. */
import type { EntityFold } from './definition.ts';
import { EntityTable } from './entity-table.ts';
import type { Folding } from './table.ts';

/** Built-in rows are written at most this often per entity, unless a reader waits: with a token a read is never behind, without one by this time. */
const COALESCE_MS = 3_000;

/** Public name of the built-in rows of an entity type. */
export function entityRowsName(type: string): string {
  return `entity.${type}`;
}

/** The built-in rows of one entity type. */
export function entityFolding(fold: EntityFold): Folding {
  const name = entityRowsName(fold.type);
  const table = { table: `${name}@${fold.stateVersion}`, indexes: {} };
  return {
    name,
    table,
    entityTypes: [fold.type],
    coalesceMs: COALESCE_MS,
    sourceIndex: undefined,
    visible: (row) => row,
    open: (parts) => new EntityTable(fold, table.table, parts),
  };
}
