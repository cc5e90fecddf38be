import { randomUUID } from 'node:crypto';
import { stringifyExactly } from './exact-json.ts';
import { DELETED, JSON_CONTENT, type LogRecord, type ProposedEvent } from './record.ts';
import { fieldsOf } from './stream-metadata.ts';

// Section 4.6: deleting softly is a `$tb` beyond every revision; the next append puts it where the stream goes on.

const NOTHING = new Uint8Array();
const utf8 = new TextEncoder();

/** The `$metadata` event that deletes a stream softly. It replaces all other metadata. */
export function softDeletion(): ProposedEvent {
  return metadataEvent({ $tb: DELETED });
}

/** The `$metadata` event that brings a stream back from `recreateFrom` on, or undefined if the present metadata cannot be parsed. */
export function undeletion(present: LogRecord | undefined, recreateFrom: bigint): ProposedEvent | undefined {
  const fields = present === undefined ? undefined : fieldsOf(present);
  return fields === undefined ? undefined : metadataEvent({ ...fields, $tb: recreateFrom });
}

/** The event that a hard delete leaves. */
export function tombstoneEvent(): ProposedEvent {
  return { id: randomUUID(), type: '$streamDeleted', contentType: JSON_CONTENT, data: NOTHING, metadata: NOTHING };
}

function metadataEvent(fields: Readonly<Record<string, unknown>>): ProposedEvent {
  return { id: randomUUID(), type: '$metadata', contentType: JSON_CONTENT, data: utf8.encode(stringifyExactly(fields)), metadata: NOTHING };
}
