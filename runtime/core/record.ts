/**
 * What a stream is made of: records, grouped into turns. A record is a domain event (the user's type name) or a
 * journal record of the runtime (type prefix `perdure:`).
 *
 * Invariants:
 * R1. A turn's records have consecutive revisions and are durable together or not at all.
 * R2. Record i of a turn has revision `firstRevision + i` and position `position + i`; positions of one store are
 *     totally ordered and never reused. A store that cannot promise the latter hands over turns of one record.
 * R3. A commit is immutable once handed to a store: after an unknown outcome the very same object is sent again.
 */

/** Place in the whole log of one store. A byte offset in every adapter, so it stays below 2^53. */
export type Position = number;

/** Place in a stream: 0 for its first record, -1 for "no record yet". */
export type Revision = number;

/** Name of a stream, `{type}-{id}`. */
export type StreamName = string;

/** Who sent a message and how far that sender had got: an exact, per-source duplicate check. */
export interface SourceMark {
  /** Topic-partition of Kafka or outbox partition of a sender: `{storeId}/{topic}/{partition}`. */
  readonly source: string;
  /** Position (outbox) or offset (Kafka). */
  readonly position: number;
  /** Place among the sends of one record; 0 for Kafka. */
  readonly index: number;
}

/** One change to a timer, carried in the metadata of a message's last event, or in a TimerSet / TimerCleared record. */
export type TimerChange =
  | { readonly timer: string; readonly key: string; readonly dueAt: number; readonly arming: number }
  | { readonly timer: string; readonly key: string; readonly dueAt: null };

/** Metadata of one record. Everything is optional: an absent field costs no bytes. Times are milliseconds since 1970. */
export interface RecordMeta {
  /** Id of the signal this record came from, present only if it enters the window of ids. */
  readonly signal?: string;
  /** Name of that signal; present with `signal`. */
  readonly name?: string;
  /** Source and place of that signal, present only for messages that came from a source. */
  readonly mark?: SourceMark;
  /** Correlation id, when the sender set one (else it is the signal's id). */
  readonly correlation?: string;
  /** Id of the signal that caused this one, for messages sent by another entity. */
  readonly causation?: string;
  /** W3C trace context of the sender. */
  readonly traceparent?: string;
  /** W3C baggage of the sender. */
  readonly baggage?: Readonly<Record<string, string>>;
  /** Signal id of the run that this record belongs to; absent for plain handlers. */
  readonly run?: string;
  /** The signal is accepted once in the entity's life; present with `signal` on its last record. */
  readonly once?: true;
  /** Schema version of the event's payload, absent for version 1. */
  readonly version?: number;
  /** Result of the message, on its last event: what a repeated id is answered with. */
  readonly res?: unknown;
  /** Timer changes of the message, on its last event. */
  readonly timers?: readonly TimerChange[];
}

/** One record as it is written. `data` is plain data (see plain.ts). */
export interface NewRecord {
  readonly type: string;
  readonly data: unknown;
  readonly meta: RecordMeta;
}

/** One turn to append: all of it or nothing (R1). */
export interface Commit {
  readonly stream: StreamName;
  /** Revision of the stream's last record as the writer knows it; -1 if the stream must not exist yet. */
  readonly expectedRevision: Revision;
  /** Random per commit attempt (22 characters of base64url, 128 bits): a re-sent commit is recognised by it. */
  readonly turnId: string;
  /** Turn time, milliseconds since 1970; never earlier than the time of the stream's last turn. */
  readonly time: number;
  readonly records: readonly NewRecord[];
}

/** One turn as a store hands it out. */
export interface StoredTurn {
  readonly stream: StreamName;
  readonly firstRevision: Revision;
  readonly position: Position;
  readonly turnId: string;
  readonly time: number;
  readonly records: readonly NewRecord[];
}

/** Prefix of the runtime's own record types. */
export const JOURNAL_PREFIX = 'perdure:';

/** The stream of an entity. */
export function streamOf(type: string, id: string): StreamName {
  return `${type}-${id}`;
}

/** The entity of a stream, or undefined for the runtime's own streams (`perdure.…`) and foreign names. */
export function addressOf(stream: StreamName): { readonly type: string; readonly id: string } | undefined {
  const dash = stream.indexOf('-');
  if (dash <= 0 || dash === stream.length - 1) return undefined;
  const type = stream.slice(0, dash);
  return ENTITY_TYPE.test(type) ? { type, id: stream.slice(dash + 1) } : undefined;
}

/** What an entity type may be called: no dash, so that a stream name splits in one way only. */
export const ENTITY_TYPE = /^[a-z][A-Za-z0-9]{0,63}$/;
