/** What a turn does to the rows of a user's projection, and what is said of an event that cannot be applied. */
import type { Position, Revision, StoredTurn, StreamName } from '../core/record.ts';
import type { Row } from '../ports/read-store.ts';

/** What one record does to rows. */
export interface Step {
  readonly event: EventPlace;
  readonly keys: readonly string[];
  /** The next row of one of `keys`; undefined removes it. May throw: the event's failure. */
  readonly apply: (row: Row | undefined, key: string) => Row | undefined;
  /** Rows of this stream go too, whatever their keys: found by the source index. Such a step is the only one of its turn. */
  readonly forget?: StreamName;
}

/** What a turn does, in order, without the events at the positions in `skipped`. Throws an EventFailure. */
export type StepsOf = (turn: StoredTurn, skipped: ReadonlySet<Position>) => readonly Step[];

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
