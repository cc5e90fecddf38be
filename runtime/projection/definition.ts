/**
 * What the projection engine is given: erased definitions, filled in by the composition root from the public values.
 */
import type { NewRecord, Position, Revision } from '../core/record.ts';
import type { Row } from '../ports/read-store.ts';

/** What `keysOf` learns about an event beside its payload. */
export interface EventMeta {
  /** The entity's id. */
  readonly id: string;
  readonly revision: Revision;
  /** Position as a decimal integer. */
  readonly position: string;
  /** Time of the turn, milliseconds since 1970. */
  readonly time: number;
  /** Id of the signal that the event came from; empty if that id was not chosen by its sender. */
  readonly signalId: string;
  /** Correlation id; the signal's id if its sender set none. */
  readonly correlationId: string;
  readonly baggage: Readonly<Record<string, string>>;
}

/** What a reducer learns: also which of the event's keys it is called for. */
export interface RowMeta extends EventMeta {
  readonly key: string;
}

/** An event as `keysOf` sees it, its payload in the newest version. */
export interface ProjectedEvent {
  readonly type: string;
  readonly data: unknown;
}

/** The next row for an event, from the row as it is (undefined: none). Returning undefined removes the row. Pure. */
export type RowReducer = (row: Row | undefined, data: unknown, meta: RowMeta) => Row | undefined;

/** One entity type that a projection reads. */
export interface ProjectionSource {
  readonly entityType: string;
  /** Event type to its reducer; events of other types are passed over. */
  readonly reducers: ReadonlyMap<string, RowReducer>;
  /** Keys of the rows that an event changes. Absent: the entity's id. */
  readonly keysOf?: ((event: ProjectedEvent, meta: EventMeta) => string | readonly string[] | undefined) | undefined;
  /** Payload of a stored event in its newest version. */
  readonly upcast: (eventType: string, version: number, data: unknown) => unknown;
}

/** A projection of the user. Its table is `{name}@{version}`; rows are plain objects. */
export interface ProjectionDefinition {
  readonly name: string;
  readonly version: number;
  readonly indexes: Readonly<Record<string, readonly string[]>>;
  readonly sources: readonly ProjectionSource[];
  /** For the runtime's own: only turns with a record of one of these types are read, so tokens are honoured about a tenth of a second late. */
  readonly recordTypes?: readonly string[];
}

/** How the state of an entity type follows from its events: what the built-in rows are made with. */
export interface EntityFold {
  readonly type: string;
  readonly stateVersion: number;
  readonly initial: (id: string) => unknown;
  /** The state after a stored event. Throws for an event that it does not know. */
  readonly apply: (state: unknown, event: NewRecord) => unknown;
}

/** Row of the built-in table `entity.{type}@{stateVersion}`, by entity id: the state after the record at `revision`. */
export interface EntityRow {
  readonly state: unknown;
  readonly revision: Revision;
  readonly position: Position;
  /** Why the stream cannot be folded by this code; `state` is null then. */
  readonly error?: string | undefined;
}
