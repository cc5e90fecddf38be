/**
 * The built-in rows: the current state of every entity of a type.
 *
 * Invariants:
 * N1. A row is the fold of its stream through `revision`; journal records move `revision` and `position` only.
 * N2. `Forgotten` removes the row, and the rest of its turn does not bring it back.
 */
import { addressOf, JOURNAL_PREFIX, type StoredTurn } from '../core/record.ts';
import type { Row } from '../ports/read-store.ts';
import type { EntityFold, EntityRow } from './definition.ts';
import { type Folding, placeOf, type Step } from './folding.ts';

/** Built-in rows are written at most this often per entity, unless a reader waits. */
const COALESCE_MS = 1_000;

const FORGOTTEN = `${JOURNAL_PREFIX}Forgotten`;

/** Public name of the built-in rows of an entity type. */
export function entityRowsName(type: string): string {
  return `entity.${type}`;
}

/** The built-in rows of one entity type as the engine runs them. */
export function entityFolding(fold: EntityFold): Folding {
  const name = entityRowsName(fold.type);
  return {
    name,
    table: { table: `${name}@${fold.stateVersion}`, indexes: {} },
    entityTypes: [fold.type],
    coalesceMs: COALESCE_MS,
    sourceIndex: undefined,
    visible: (row) => row,
    steps: (turn, skipped) => stepsOf(fold, turn).filter(({ event }) => !skipped.has(event.position)),
  };
}

function stepsOf(fold: EntityFold, turn: StoredTurn): Step[] {
  const address = addressOf(turn.stream);
  if (address === undefined) return [];
  const keys = [address.id];
  const steps: Step[] = [];
  for (const [index, record] of turn.records.entries()) {
    const event = placeOf(turn, index);
    if (record.type === FORGOTTEN) return [{ event, keys, apply: () => undefined }];
    steps.push({
      event,
      keys,
      apply: (before) => {
        const row = isEntityRow(before) ? before : { state: fold.initial(address.id), revision: -1, position: -1 };
        const journal = record.type.startsWith(JOURNAL_PREFIX);
        const state = journal ? row.state : fold.apply(row.state, record.type, record.meta.version ?? 1, record.data);
        return { state, revision: event.revision, position: event.position };
      },
    });
  }
  return steps;
}

/** Is it a row of a built-in table (rather than none)? */
export function isEntityRow(row: Row | undefined): row is EntityRow {
  return typeof row === 'object' && row !== null && 'revision' in row && typeof row.revision === 'number';
}
