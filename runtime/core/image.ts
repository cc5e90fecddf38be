import { Bookkeeping } from './bookkeeping.ts';
import type { EntityDefinition } from './definition/erased.ts';
import { errorText, PerdureError } from './errors.ts';
import { applyEvent } from './fold.ts';
import { journalType } from './journal.ts';
import { JOURNAL_PREFIX, type Position, type StoredTurn } from './record.ts';
import type { RunExecution } from './run/execution.ts';

/**
 * The image of one entity: what a stream folds to. The host keeps it in memory while the entity is awake.
 *
 * Invariants:
 * G1. `state`, `books` and `turnId` are those after record `books.revision`; a failed fold leaves `state` at the last event that worked and says so.
 * G2. A turn whose append fails leaves an image behind that must be thrown away: bookkeeping has moved on (see turn.ts).
 */
export interface Image {
  readonly definition: EntityDefinition;
  readonly id: string;
  state: unknown;
  books: Bookkeeping;
  /** Id of the turn that wrote the last record; empty before the first. */
  turnId: string;
  /** Position of the last record; -1 before the first. */
  position: Position;
  /** Why the state could not be folded, if so. */
  foldError: string | undefined;
  /** Records and estimated bytes folded or appended since the last snapshot. */
  sinceSnapshot: number;
  /** Handlers of open runs that wait in memory at an await; those of other runs are executed again when something arrives for them. */
  live: Map<string, RunExecution> | undefined;
}

/** The image of an entity without a stream. A failing `initial` is a failed fold. */
export function emptyImage(definition: EntityDefinition, id: string): Image {
  const image: Image = {
    definition,
    id,
    state: undefined,
    books: new Bookkeeping(),
    turnId: '',
    position: -1,
    foldError: undefined,
    sinceSnapshot: 0,
    live: undefined,
  };
  try {
    image.state = definition.initial(id);
  } catch (cause) {
    image.foldError = `${definition.type}: the initial state threw: ${errorText(cause)}`;
  }
  return image;
}

/**
 * Folds a stored turn into an image. `freeze` is applied to each new state (checkedFreeze in development and tests). A turn that overlaps what is folded already
 * (a page that starts in the middle of it) counts from its first new record; one that is folded already changes nothing. What was forgotten is cut off
 * before its `Forgotten`, so a stream may begin with that record at any revision.
 */
export function foldTurn(image: Image, turn: StoredTurn, freeze: (state: unknown, part: 'state') => unknown): void {
  const { books } = image;
  if (books.revision === -1 && turn.records[0]?.type === FORGOTTEN) books.revision = turn.firstRevision - 1;
  const skip = books.revision + 1 - turn.firstRevision;
  if (skip < 0)
    throw new PerdureError('invariant-violated', `gap in ${turn.stream}: ${books.revision} is followed by ${turn.firstRevision}`);
  if (skip >= turn.records.length) return;
  for (let i = skip; i < turn.records.length; i += 1) {
    const record = turn.records[i];
    if (record === undefined) break;
    books.fold(record, turn.time, turn.turnId, image.state);
    image.sinceSnapshot += 1;
    if (record.type.startsWith(JOURNAL_PREFIX) || image.foldError !== undefined) continue;
    try {
      image.state = freeze(applyEvent(image.definition, image.state, record), 'state');
    } catch (error) {
      image.foldError = error instanceof Error ? error.message : errorText(error);
    }
  }
  image.turnId = turn.turnId;
  image.position = turn.position + turn.records.length - 1;
}

const FORGOTTEN = journalType('Forgotten');
