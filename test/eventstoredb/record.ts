/** One event as a client proposes it. */
export interface ProposedEvent {
  /** GUID, lower case. */
  readonly id: string;
  readonly type: string;
  readonly contentType: string;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
}

/** One event as it stands in the log. */
export interface LogRecord extends ProposedEvent {
  readonly stream: string;
  readonly revision: bigint;
  /** Commit and prepare position of the server, which are the same for what was written over gRPC. */
  readonly position: number;
  /** 100 ns since 1970. */
  readonly createdTicks: bigint;
}

/** What a writer says about the stream it writes to: a revision (its last event), or a word. */
export type Expected = bigint | 'any' | 'no-stream' | 'stream-exists';

/** Revision of a tombstone, and the `$tb` of a stream that was deleted softly. */
export const DELETED = 2n ** 63n - 1n;

export const JSON_CONTENT = 'application/json';
export const BINARY_CONTENT = 'application/octet-stream';

const METADATA_PREFIX = '$$';

/** The stream that holds the metadata of a stream. */
export function metadataStreamOf(stream: string): string {
  return METADATA_PREFIX + stream;
}

/** The stream whose metadata a stream holds, or undefined for any other stream. */
export function describedBy(stream: string): string | undefined {
  return stream.startsWith(METADATA_PREFIX) ? stream.slice(METADATA_PREFIX.length) : undefined;
}
