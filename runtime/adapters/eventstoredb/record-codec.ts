import { Packr } from 'msgpackr';
import type { NewRecord, RecordMeta, Revision, StoredTurn } from '../../core/record.ts';
import type { ProposedEvent } from './appender.ts';

/**
 * A record as an event of the store: its type is the event's, its data msgpack or JSON (the content type tells which), its metadata JSON, so that people
 * read it in the store's own tools.
 *
 * Invariants:
 * D1. The same record of the same turn is the same bytes under the same id, however often it is encoded.
 * D2. Turns are handed out record by record: each has a position of its own in the log, and only places of events can be gone on from.
 * D3. Ours is what carries its turn in its metadata and in its id: what other applications have in their metadata is never taken for it.
 */
export type PayloadFormat = 'msgpack' | 'json';

/** Metadata of an event: that of its record, its turn, and what the store's own tools look for. */
interface EventMeta extends Omit<RecordMeta, 'correlation' | 'causation'> {
  readonly turn: string;
  /** Turn time, milliseconds since 1970. */
  readonly time: number;
  readonly $correlationId?: string;
  readonly $causationId?: string;
  /** Where the data stands that was too large to stand here. */
  readonly blob?: number;
}

/** An event as the client hands it out. */
export interface ReadEvent {
  readonly id: string;
  readonly streamId: string;
  readonly revision: bigint;
  readonly type: string;
  readonly isJson: boolean;
  readonly data: unknown;
  readonly metadata?: unknown;
  readonly created: Date;
  readonly position?: { readonly commit: bigint } | undefined;
}

const packr = new Packr({ useRecords: false, copyBuffers: true });
const NOTHING = new Uint8Array(0);

/** The data of a record as it is stored. */
export function packData(data: unknown, format: PayloadFormat): Uint8Array {
  return format === 'json' ? Buffer.from(JSON.stringify(data)) : Uint8Array.prototype.slice.call(packr.pack(data));
}

/** Reads data back that `packData` made. */
export function unpackData(bytes: Uint8Array, format: PayloadFormat): unknown {
  return format === 'json' ? JSON.parse(Buffer.from(bytes).toString()) : packr.unpack(bytes);
}

/** The event of record `index` of a turn. With `blob`, its data stands at that revision of the stream's blobs. */
export function eventOf(
  record: NewRecord,
  turn: { readonly turnId: string; readonly time: number },
  index: number,
  data: Uint8Array,
  format: PayloadFormat,
  blob?: Revision,
): ProposedEvent {
  const metadata = Buffer.from(metadataOf(record.meta, turn, blob));
  // An empty payload of type JSON would be no JSON.
  const isJson = format === 'json' && blob === undefined;
  return { id: eventId(turn.turnId, index), type: record.type, isJson, data: blob === undefined ? data : NOTHING, metadata };
}

function metadataOf(
  meta: RecordMeta,
  { turnId, time }: { readonly turnId: string; readonly time: number },
  blob: Revision | undefined,
): string {
  // Most records of plain handlers have none of their own: a turn's id and a number need no escaping.
  if (blob === undefined && isEmpty(meta)) return `{"turn":"${turnId}","time":${time}}`;
  const { correlation, causation, ...rest } = meta;
  const $correlationId = correlation ?? rest.signal;
  const all: EventMeta = {
    ...($correlationId === undefined ? {} : { $correlationId }),
    ...(causation === undefined ? {} : { $causationId: causation }),
    turn: turnId,
    time,
    ...rest,
    ...(blob === undefined ? {} : { blob }),
  };
  return JSON.stringify(all);
}

function isEmpty(meta: RecordMeta): boolean {
  for (const _ in meta) return false;
  return true;
}

/** The id of an event: its turn's, which is random, and its place there. Any 16 bytes but zeros are an id to the server. */
export function eventId(turnId: string, index: number): string {
  const bytes = Buffer.from(turnId, 'base64url');
  bytes.writeUInt32BE((bytes.readUInt32BE(12) + index) >>> 0, 12);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Where the data of an event stands that is not in it, undefined if it is. */
export function blobOf(event: ReadEvent): Revision | undefined {
  return oursOf(event)?.blob;
}

/**
 * An event as a turn of one record (D2), with its payload if that stands elsewhere. What another application wrote is a record of the event's type, so that
 * nothing is passed over unseen.
 */
export function turnOf(event: ReadEvent, payload?: unknown): StoredTurn {
  const ours = oursOf(event);
  const data = payload ?? dataOf(event, ours);
  const place = { stream: event.streamId, firstRevision: Number(event.revision), position: Number(event.position?.commit ?? -1n) };
  if (ours === undefined) {
    return { ...place, turnId: event.id, time: event.created.getTime(), records: [{ type: event.type, data, meta: {} }] };
  }
  const { turn, time, $correlationId, $causationId, blob: _blob, ...rest } = ours;
  const meta: RecordMeta = {
    ...rest,
    ...($correlationId === undefined || $correlationId === rest.signal ? {} : { correlation: $correlationId }),
    ...($causationId === undefined ? {} : { causation: $causationId }),
  };
  return { ...place, turnId: turn, time, records: [{ type: event.type, data, meta }] };
}

function dataOf({ isJson, data }: ReadEvent, ours: EventMeta | undefined): unknown {
  if (isJson) return data;
  if (!(data instanceof Uint8Array)) return null;
  if (ours !== undefined) return ours.blob === undefined ? packr.unpack(data) : null;
  // Bytes of another application: kept as text, because records hold plain data.
  return Buffer.from(data).toString('base64');
}

/** The metadata of an event of ours (D3). */
function oursOf({ id, metadata }: ReadEvent): EventMeta | undefined {
  if (typeof metadata !== 'object' || metadata === null || !('turn' in metadata) || !('time' in metadata)) return undefined;
  const { turn, time } = metadata;
  if (typeof turn !== 'string' || typeof time !== 'number' || !TURN_ID.test(turn)) return undefined;
  return isOfTurn(id, turn) ? (metadata as EventMeta) : undefined;
}

const TURN_ID = /^[\w-]{22}$/;

/** Has the id of an event what the ids of its turn have in common? That is their first twelve bytes: the last four count. */
function isOfTurn(id: string, turn: string): boolean {
  const hex = Buffer.from(turn.slice(0, 16), 'base64url').toString('hex');
  return PLACES.every(([from, to, at]) => id.startsWith(hex.slice(from, to), at));
}

/** Where digits of the first twelve bytes (from, to) stand in an id. */
const PLACES = [
  [0, 8, 0],
  [8, 12, 9],
  [12, 16, 14],
  [16, 20, 19],
  [20, 24, 24],
] as const;
