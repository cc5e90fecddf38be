import { randomUUID } from 'node:crypto';
import type { EventStoreDBClient } from '@eventstore/db-client';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import services from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type { BatchAppendReq, BatchAppendResp } from '@eventstore/db-client/generated/streams_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import emptyPb from 'google-protobuf/google/protobuf/empty_pb.js';
import timestampPb from 'google-protobuf/google/protobuf/timestamp_pb.js';

/**
 * BatchAppend on the connection of the real client, a message at a time: what its `appendToStream` cannot say.
 *
 * Invariants:
 * W1. A reply is given out by its correlation id, whatever the order; every reply is kept, also a second one.
 */
export class BatchCall {
  readonly #call: ClientDuplexStream<BatchAppendReq, BatchAppendResp>;
  readonly #waiting = new Map<string, PromiseWithRejection>();
  /** All replies, in the order they came in. */
  readonly replies: BatchAppendResp[] = [];
  #failure: Error | undefined;

  private constructor(call: ClientDuplexStream<BatchAppendReq, BatchAppendResp>) {
    this.#call = call;
    call.on('data', (reply: BatchAppendResp) => this.#take(reply));
    call.on('error', (error: Error) => this.#fail(error));
    call.on('end', () => this.#fail(new Error('the call ended')));
  }

  /** Opens a call of its own. */
  static async open(client: EventStoreDBClient): Promise<BatchCall> {
    const create = client['GRPCStreamCreator'](services.StreamsClient, 'conformance', (grpc) =>
      grpc.batchAppend(...client['callArguments']({}, { deadline: Number.POSITIVE_INFINITY })),
    );
    return new BatchCall(await create());
  }

  /** Sends one whole append and waits for its reply. */
  append(append: BatchAppend): Promise<BatchAppendResp> {
    const correlation = randomUUID();
    this.send(chunkOf(correlation, append.events, { options: optionsOf(append), isFinal: true }));
    return this.reply(correlation);
  }

  /** Sends one message. */
  send(message: BatchAppendReq): void {
    this.#call.write(message);
  }

  /** The reply of a correlation id. Rejects when the call ends without it. */
  reply(correlation: string): Promise<BatchAppendResp> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => this.#waiting.set(correlation, { resolve, reject }));
  }

  close(): void {
    this.#call.cancel();
  }

  #take(reply: BatchAppendResp): void {
    this.replies.push(reply);
    const correlation = correlationOf(reply);
    this.#waiting.get(correlation)?.resolve(reply);
    this.#waiting.delete(correlation);
  }

  #fail(error: Error): void {
    this.#failure = error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

interface PromiseWithRejection {
  resolve(reply: BatchAppendResp): void;
  reject(error: Error): void;
}

/** What to append, and where. */
export interface BatchAppend {
  readonly stream: string;
  readonly expected: 'any' | 'no-stream' | 'stream-exists' | bigint;
  readonly events: readonly BatchEvent[];
  /** Milliseconds from now on, by the clock of this machine. */
  readonly deadlineMs?: number;
}

/** An event as it goes over the wire; absent fields have plain values. */
export interface BatchEvent {
  readonly id?: string;
  readonly type?: string;
  readonly contentType?: string;
  readonly data?: Uint8Array;
  readonly metadata?: Uint8Array;
}

/** The options of an append: the first message of its correlation id carries them. */
export function optionsOf({ stream, expected, deadlineMs = 10_000 }: Omit<BatchAppend, 'events'>): BatchAppendReq.Options {
  const options = new streams.BatchAppendReq.Options();
  options.setStreamIdentifier(new shared.StreamIdentifier().setStreamName(Buffer.from(stream)));
  options.setDeadline(timestampPb.Timestamp.fromDate(new Date(Date.now() + deadlineMs)));
  const empty = new emptyPb.Empty();
  if (expected === 'any') return options.setAny(empty);
  if (expected === 'no-stream') return options.setNoStream(empty);
  if (expected === 'stream-exists') return options.setStreamExists(empty);
  return options.setStreamPosition(expected.toString());
}

/** One message of an append. */
export function chunkOf(
  correlation: string,
  events: readonly BatchEvent[],
  { options, isFinal }: { readonly options?: BatchAppendReq.Options; readonly isFinal: boolean },
): BatchAppendReq {
  const message = new streams.BatchAppendReq();
  message.setCorrelationId(new shared.UUID().setString(correlation));
  if (options !== undefined) message.setOptions(options);
  message.setProposedMessagesList(events.map(proposed));
  return message.setIsFinal(isFinal);
}

function proposed({ id = randomUUID(), type = 'Raw', contentType = BINARY, data, metadata }: BatchEvent): BatchAppendReq.ProposedMessage {
  const message = new streams.BatchAppendReq.ProposedMessage();
  message.setId(new shared.UUID().setString(id));
  message.getMetadataMap().set('type', type).set('content-type', contentType);
  message.setData(data ?? new Uint8Array());
  return message.setCustomMetadata(metadata ?? new Uint8Array());
}

const BINARY = 'application/octet-stream';

/** The correlation id of a reply. */
export function correlationOf(reply: BatchAppendResp): string {
  return reply.getCorrelationId()?.getString() ?? '';
}

/** What a reply says, in plain values. */
export type BatchOutcome =
  | { readonly kind: 'success'; readonly revision: string | undefined; readonly position: string | undefined }
  | { readonly kind: 'error'; readonly code: number; readonly details: string };

/** Reads a reply. `details` is the type of the error's details, without its package. */
export function outcomeOf(reply: BatchAppendResp): BatchOutcome {
  const error = reply.getError();
  if (error !== undefined) {
    return { kind: 'error', code: error.getCode(), details: (error.getDetails()?.getTypeName() ?? '').replace('event_store.client.', '') };
  }
  const success = reply.getSuccess();
  if (success === undefined) throw new Error('a reply is a success or an error');
  const position = success.getPosition();
  return {
    kind: 'success',
    revision: success.hasCurrentRevision() ? success.getCurrentRevision() : undefined,
    position: position?.getCommitPosition(),
  };
}
