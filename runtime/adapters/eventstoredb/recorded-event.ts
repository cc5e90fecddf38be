import type streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import type { ReadEvent } from './record-codec.ts';

/** An event as the server sends it. `data` and `metadata` are what their JSON says; what is no JSON stays bytes, but malformed data of type JSON becomes text. */
export function recordedEvent(record: streamsPb.ReadResp.ReadEvent.RecordedEvent): ReadEvent {
  const about = record.getMetadataMap();
  const isJson = about.get('content-type') === 'application/json';
  const bytes = record.getData_asU8();
  const commit = BigInt(record.getCommitPosition());
  return {
    id: record.getId()?.getString() ?? '',
    streamId: textOf(record.getStreamIdentifier()?.getStreamName_asU8() ?? NOTHING),
    revision: BigInt(record.getStreamRevision()),
    type: about.get('type') ?? '',
    isJson,
    data: isJson ? parsed(bytes, textOf) : bytes,
    metadata: metadataOf(record.getCustomMetadata_asU8()),
    created: new Date(Number(about.get('created') ?? 0) / TICKS_PER_MS),
    position: { commit },
  };
}

const NOTHING = new Uint8Array(0);
/** Times are counted in units of 100 nanoseconds. */
const TICKS_PER_MS = 10_000;

function metadataOf(bytes: Uint8Array): unknown {
  return bytes.length === 0 ? undefined : parsed(bytes, (others) => others);
}

/** Events of other applications may say JSON and be none. */
function parsed(bytes: Uint8Array, otherwise: (bytes: Uint8Array) => unknown): unknown {
  try {
    return JSON.parse(textOf(bytes));
  } catch {
    return otherwise(bytes);
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
}
