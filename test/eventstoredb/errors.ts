import shared from '@eventstore/db-client/generated/shared_pb.js';
import statusPb from '@eventstore/db-client/generated/status_pb.js';
import { Metadata, status } from '@grpc/grpc-js';
import jspb from 'google-protobuf';
import anyPb from 'google-protobuf/google/protobuf/any_pb.js';
import emptyPb from 'google-protobuf/google/protobuf/empty_pb.js';
import type { Expected } from './record.ts';
import type { Refusal } from './refusals.ts';
import { streamIdentifier } from './wire-records.ts';

/** A call that ends in an error. */
export interface CallError {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

/** How a refusal looks: the status and trailers of a call (section 4.2), and the answer within a batch call (end of section 4.1). */
interface Row {
  readonly code: status;
  readonly details: string;
  /** Trailers; `exception` is what the client goes by. */
  readonly trailers?: Readonly<Record<string, string>>;
  readonly batch?: { readonly code: number; readonly message: string; readonly type: string; readonly value: Uint8Array };
}

type Table = { readonly [K in Refusal['kind']]: (refusal: Extract<Refusal, { kind: K }>) => Row };

const NUMBERS = { any: -2n, 'no-stream': -1n, 'stream-exists': -4n } as const;

/** The number that stands for an expectation. */
export function expectedNumber(expected: Expected): bigint {
  return typeof expected === 'bigint' ? expected : NUMBERS[expected];
}

const TABLE: Table = {
  'wrong-expected-version': (refusal) => ({
    code: status.FAILED_PRECONDITION,
    details: `Append failed due to WrongExpectedVersion. Stream: ${refusal.stream}, Expected version: ${expectedNumber(refusal.expected)}, Actual version: ${refusal.current}`,
    trailers: {
      exception: 'wrong-expected-version',
      'stream-name': refusal.stream,
      'expected-version': String(expectedNumber(refusal.expected)),
      'actual-version': String(refusal.current),
    },
    batch: {
      code: status.ALREADY_EXISTS,
      message: '',
      type: 'WrongExpectedVersion',
      value: wrongExpectedVersion(refusal).serializeBinary(),
    },
  }),
  'stream-deleted': ({ stream }) => ({
    code: status.FAILED_PRECONDITION,
    details: `Event stream '${stream}' is deleted.`,
    trailers: { exception: 'stream-deleted', 'stream-name': stream },
    batch: {
      code: status.NOT_FOUND,
      message: '',
      type: 'StreamDeleted',
      value: new shared.StreamDeleted().setStreamIdentifier(streamIdentifier(stream)).serializeBinary(),
    },
  }),
  'access-denied': () => ({
    code: status.PERMISSION_DENIED,
    details: 'Access Denied',
    trailers: { exception: 'access-denied' },
    batch: {
      code: status.PERMISSION_DENIED,
      message: 'Access Denied',
      type: 'AccessDenied',
      value: new shared.AccessDenied().serializeBinary(),
    },
  }),
  'not-authenticated': () => ({ code: status.UNAUTHENTICATED, details: 'Unauthenticated' }),
  timeout: () => ({
    code: status.ABORTED,
    details: 'Operation timed out: Prepare phase timeout',
    batch: { code: status.DEADLINE_EXCEEDED, message: 'Timeout', type: 'Timeout', value: new shared.Timeout().serializeBinary() },
  }),
  'not-ready': () => unavailable('Server Is Not Ready'),
  'too-busy': () => unavailable('Server Is Too Busy'),
  'no-leader': () => ({ ...unavailable('No leader info available in response'), code: status.UNKNOWN }),
  'not-leader': ({ leader }) => ({
    code: status.NOT_FOUND,
    details: `Leader info available: ${leader.host}:${leader.port}`,
    trailers: { exception: 'not-leader', 'leader-endpoint-host': leader.host, 'leader-endpoint-port': String(leader.port) },
  }),
  'maximum-append-size-exceeded': ({ limit }) => ({
    code: status.INVALID_ARGUMENT,
    details: `Maximum Append Size of ${limit} Exceeded.`,
    trailers: { exception: 'maximum-append-size-exceeded', 'maximum-append-size': String(limit) },
    batch: {
      code: status.INVALID_ARGUMENT,
      message: `Maximum Append Size of ${limit} Exceeded.`,
      type: 'MaximumAppendSizeExceeded',
      value: new shared.MaximumAppendSizeExceeded().setMaxappendsize(limit).serializeBinary(),
    },
  }),
  'maximum-append-event-size-exceeded': (refusal) => ({
    code: status.INVALID_ARGUMENT,
    details: `Event with Id: ${refusal.eventId}, Size: ${refusal.size} exceeds Maximum Append Event Size of ${refusal.limit}.`,
    trailers: { exception: 'maximum-append-event-size-exceeded' },
    batch: {
      code: status.INVALID_ARGUMENT,
      message: `Event with Id: ${refusal.eventId}, Size: ${refusal.size} exceeds Maximum Append Event Size of ${refusal.limit}.`,
      type: 'MaximumAppendEventSizeExceeded',
      value: eventSizeExceeded(refusal),
    },
  }),
  'missing-required-metadata-property': ({ property }) => ({
    code: status.INVALID_ARGUMENT,
    details: `Required Metadata Property '${property}' is missing`,
    trailers: { exception: 'missing-required-metadata-property', 'required-metadata-properties': property },
  }),
  'bad-position': ({ message }) => ({ code: status.INVALID_ARGUMENT, details: message }),
  'bad-request': ({ message }) => ({
    code: status.INVALID_ARGUMENT,
    details: message,
    batch: {
      code: status.INVALID_ARGUMENT,
      message,
      type: 'BadRequest',
      value: new shared.BadRequest().setMessage(message).serializeBinary(),
    },
  }),
  'consumer-too-slow': () => ({
    code: status.ABORTED,
    details: 'Operation timed out: Consumer too slow to handle event while live. Client resubscription required.',
  }),
};

/** How a refusal ends a call. */
export function callError(refusal: Refusal): CallError {
  const { code, details, trailers = {} } = rowOf(refusal);
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(trailers)) metadata.set(key, value);
  return { code, details, metadata };
}

/** How a refusal answers one append of a batch call; what has no answer of its own is unknown to the client. */
export function batchError(refusal: Refusal): statusPb.Status {
  const { batch, details } = rowOf(refusal);
  const { code, message, type, value } = batch ?? { ...UNKNOWN, message: details };
  const packed = new anyPb.Any();
  packed.pack(value, type === EMPTY ? 'google.protobuf.Empty' : `event_store.client.${type}`);
  return new statusPb.Status().setCode(code).setMessage(message).setDetails(packed);
}

const EMPTY = '';
const UNKNOWN = { code: status.UNKNOWN, type: 'Unknown', value: new shared.Unknown().serializeBinary() };

function rowOf<K extends Refusal['kind']>(refusal: Extract<Refusal, { kind: K }>): Row {
  const row = TABLE[refusal.kind as K];
  return row(refusal);
}

/** Not ready, too busy and no leader say so in the message only. */
function unavailable(message: string): Row {
  return {
    code: status.UNAVAILABLE,
    details: message,
    batch: { code: 0, message, type: EMPTY, value: new emptyPb.Empty().serializeBinary() },
  };
}

function wrongExpectedVersion({ expected, current }: Extract<Refusal, { kind: 'wrong-expected-version' }>): shared.WrongExpectedVersion {
  const message = new shared.WrongExpectedVersion();
  if (current < 0n) message.setCurrentNoStream(new emptyPb.Empty());
  else message.setCurrentStreamRevision(String(current));
  if (expected === 'any') message.setExpectedAny(new emptyPb.Empty());
  else if (expected === 'stream-exists') message.setExpectedStreamExists(new emptyPb.Empty());
  else if (expected === 'no-stream') message.setExpectedNoStream(new emptyPb.Empty());
  else message.setExpectedStreamPosition(String(expected));
  return message;
}

/** Written by hand: the definitions of this client do not know the message. */
function eventSizeExceeded({ eventId, size, limit }: Extract<Refusal, { kind: 'maximum-append-event-size-exceeded' }>): Uint8Array {
  const writer = new jspb.BinaryWriter();
  writer.writeString(1, eventId);
  writer.writeUint32(2, size);
  writer.writeUint32(3, limit);
  return writer.getResultBuffer();
}
