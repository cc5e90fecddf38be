import type shared from '@eventstore/db-client/generated/shared_pb.js';
import type streams from '@eventstore/db-client/generated/streams_pb.js';
import { BINARY_CONTENT, type Expected, JSON_CONTENT, type ProposedEvent } from './record.ts';

// What clients send, as values.

const utf8 = new TextDecoder();

/** The name in a stream identifier. */
export function streamName(identifier: shared.StreamIdentifier | undefined): string {
  return identifier === undefined ? '' : utf8.decode(identifier.getStreamName_asU8());
}

/** A GUID in lower case, of either form; empty if there is none. */
export function guid(uuid: shared.UUID | undefined): string {
  const structured = uuid?.getStructured();
  if (structured === undefined) return (uuid?.getString() ?? '').toLowerCase();
  const hex = [structured.getMostSignificantBits(), structured.getLeastSignificantBits()]
    .map((bits) => BigInt.asUintN(64, BigInt(bits)).toString(16).padStart(16, '0'))
    .join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** The expectation in the options of Append, Delete and Tombstone. */
export function expectedRevision(options: streams.AppendReq.Options | streams.DeleteReq.Options | streams.TombstoneReq.Options): Expected {
  if (options.hasNoStream()) return 'no-stream';
  if (options.hasStreamExists()) return 'stream-exists';
  return options.hasRevision() ? BigInt(options.getRevision()) : 'any';
}

/** The expectation in the options of BatchAppend. */
export function expectedPosition(options: streams.BatchAppendReq.Options): Expected {
  if (options.hasNoStream()) return 'no-stream';
  if (options.hasStreamExists()) return 'stream-exists';
  return options.hasStreamPosition() ? BigInt(options.getStreamPosition()) : 'any';
}

/** An event to append. Type and content type are empty if the client left them out. */
export function proposedEvent(message: streams.AppendReq.ProposedMessage | streams.BatchAppendReq.ProposedMessage): ProposedEvent {
  const properties = message.getMetadataMap();
  return {
    id: guid(message.getId()),
    type: properties.get('type') ?? '',
    contentType: properties.get('content-type') === JSON_CONTENT ? JSON_CONTENT : BINARY_CONTENT,
    data: message.getData_asU8(),
    metadata: message.getCustomMetadata_asU8(),
  };
}
