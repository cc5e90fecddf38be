import { DELETED, describedBy, type LogRecord } from './record.ts';
import { metadataAtFirst, type StreamMetadata } from './stream-metadata.ts';

/** All that the log knows of one stream. Only `Log` writes it. */
export interface StreamHistory {
  readonly name: string;
  /** Event i has revision i. */
  readonly events: LogRecord[];
  /** Set by a hard delete; nothing comes after it. */
  tombstone: LogRecord | undefined;
  /** What the last event of `$$name` says. */
  metadata: StreamMetadata;
  /** Called after each append to this stream, and after each change of its metadata. */
  readonly listeners: Set<() => void>;
}

/** A stream that nothing was written to. */
export function emptyHistory(name: string): StreamHistory {
  const isMetadataStream = describedBy(name) !== undefined;
  return { name, events: [], tombstone: undefined, metadata: metadataAtFirst(isMetadataStream), listeners: new Set() };
}

/** Revision of the last event: -1 if there is none, 2^63 - 1 after a tombstone. */
export function lastRevision({ events, tombstone }: StreamHistory): bigint {
  return tombstone === undefined ? BigInt(events.length) - 1n : DELETED;
}

/** Was the stream deleted so that it may come back? */
export function isSoftDeleted({ metadata, tombstone }: StreamHistory): boolean {
  return tombstone === undefined && metadata.truncateBefore === DELETED;
}
