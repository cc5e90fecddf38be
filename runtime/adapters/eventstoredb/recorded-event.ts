import type { ReadEvent } from './record-codec.ts';
import { WireReader } from './wire.ts';

/** What a read answers with: an event, or something that is none (that there is no such stream, how far the server has looked). */
export interface ReadAnswer {
  readonly event: ReadEvent | undefined;
}

/** Reads the bytes of a `ReadResp` (streams.proto of EventStoreDB). Throws a RangeError for what is cut off. */
export function readAnswer(bytes: Buffer): ReadAnswer {
  const answer = new WireReader(bytes);
  while (answer.next()) {
    if (answer.field !== 1) continue;
    const resolved = answer.message();
    while (resolved.next()) if (resolved.field === 1) return { event: recordedEvent(resolved.message()) };
  }
  return { event: undefined };
}

/** `data` and `metadata` are what their JSON says; what is no JSON stays bytes, but malformed data of type JSON becomes text. */
function recordedEvent(record: WireReader): ReadEvent {
  let [id, streamId, type, contentType, created] = ['', '', '', '', ''];
  let [revision, commit] = [0, 0];
  let data = NOTHING;
  let metadata = NOTHING;
  while (record.next()) {
    if (record.field === 1) id = textIn(record.message(), 2);
    else if (record.field === 2) streamId = textIn(record.message(), 3);
    else if (record.field === 3) revision = record.value;
    else if (record.field === 5) commit = record.value;
    else if (record.field === 6) {
      const [key, value] = [textIn(record.message(), 1), textIn(record.message(), 2)];
      if (key === 'type') type = value;
      else if (key === 'content-type') contentType = value;
      else if (key === 'created') created = value;
    } else if (record.field === 7) metadata = record.bytes();
    else if (record.field === 8) data = record.bytes();
  }
  const isJson = contentType === 'application/json';
  return {
    id,
    streamId,
    revision: BigInt(revision),
    type,
    isJson,
    data: isJson ? parsed(data, (malformed) => malformed.toString()) : data,
    metadata: metadata.length === 0 ? undefined : parsed(metadata, (others) => others),
    created: new Date(Number(created) / TICKS_PER_MS),
    position: { commit: BigInt(commit) },
  };
}

const NOTHING: Buffer = Buffer.alloc(0);
/** Times are counted in units of 100 nanoseconds. */
const TICKS_PER_MS = 10_000;

function textIn(message: WireReader, field: number): string {
  while (message.next()) if (message.field === field) return message.text();
  return '';
}

/** Events of other applications may say JSON and be none. */
function parsed(bytes: Buffer, otherwise: (bytes: Buffer) => unknown): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return otherwise(bytes);
  }
}
