/**
 * What the engine knows of a table that follows the log: which streams it reads, and what a turn does to its rows. User
 * projections and the built-in entity rows are the two implementations.
 */
import type { Position, Revision, StoredTurn, StreamName } from '../core/record.ts';
import type { Row, TableDefinition } from '../ports/read-store.ts';

export interface Folding {
  /** Public name: a projection's, or `entity.{type}`. */
  readonly name: string;
  readonly table: TableDefinition;
  readonly entityTypes: readonly string[];
  /** Rows are written at most once per this time, unless a reader waits or too many changed. */
  readonly coalesceMs: number;
  /** What a turn does, in order, without the events at the positions in `skipped`. Throws an EventFailure. */
  steps(turn: StoredTurn, skipped: ReadonlySet<Position>): readonly Step[];
  /** The row as readers see it. */
  visible(row: Row): Row;
  /** The index that finds the rows of a forgotten stream, if their keys do not follow from its name. */
  readonly sourceIndex: string | undefined;
}

/** What one record does to rows. */
export interface Step {
  readonly event: EventPlace;
  readonly keys: readonly string[];
  /** The next row of one of `keys`; undefined removes it. May throw: the event's failure. */
  readonly apply: (row: Row | undefined, key: string) => Row | undefined;
  /** Rows of this stream go too, whatever their keys: found by `sourceIndex`. Such a step is the only one of its turn. */
  readonly forget?: StreamName;
}

/** Where an event stands. */
export interface EventPlace {
  readonly stream: StreamName;
  readonly type: string;
  readonly revision: Revision;
  readonly position: Position;
  /** Position of its turn: where a projection that stops at this event resumes. */
  readonly turn: Position;
}

/** An event could not be applied. */
export class EventFailure extends Error {
  readonly event: EventPlace;

  constructor(event: EventPlace, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`${event.type} at ${event.position} (${event.stream}, revision ${event.revision}): ${reason}`, { cause });
    this.name = 'EventFailure';
    this.event = event;
  }
}

/** The place of record `index` of a turn. */
export function placeOf(turn: StoredTurn, index: number): EventPlace {
  return {
    stream: turn.stream,
    type: turn.records[index]?.type ?? '',
    revision: turn.firstRevision + index,
    position: turn.position + index,
    turn: turn.position,
  };
}
