import { EventStoreDBClient } from '@eventstore/db-client';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import { errorText, PerdureError } from '../../core/errors.ts';
import { type AppendAnswer, appendAnswer } from './append-result.ts';
import { type ReadAnswer, readAnswer } from './recorded-event.ts';

/**
 * The connections to one store: the real client twice, once for appends and once for all that reads, so that neither waits behind the other.
 *
 * For appends and reads only its connection is used (channel, discovery, TLS, credentials, redirection to the leader): what the client does with appends
 * hangs, ends the process or answers for others when a connection breaks, and it resets its call whenever it reads a stream that is not there. The
 * members that give access to it are not part of the client's surface, so its version is fixed and `openConnection` checks that they are there.
 */
export interface Connection {
  /** Opens a call for appends; it reports its end itself (`error`, `end`). Rejects if there is nothing to connect to. */
  openAppends(): Promise<AppendCall>;
  /** Opens a call that reads; iterating it reports its end and its error. Rejects if there is nothing to connect to. */
  openRead(request: streamsPb.ReadReq): Promise<ReadCall>;
  /** Ends every call. */
  close(): Promise<void>;
}

/** A call that carries appends (each a `BatchAppendReq` as bytes) and their answers, as gRPC's duplex stream does. */
export interface AppendCall {
  write(request: Buffer): boolean;
  cancel(): void;
  on(event: 'data', listener: (answer: AppendAnswer) => void): AppendCall;
  on(event: 'error', listener: (error: Error) => void): AppendCall;
  on(event: 'end', listener: () => void): AppendCall;
}

/** A call that reads, as gRPC's readable stream does. */
export interface ReadCall extends AsyncIterable<ReadAnswer> {
  cancel(): void;
  on(event: 'data', listener: (answer: ReadAnswer) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

interface Calls {
  makeBidiStreamRequest(
    path: string,
    serialize: (request: Buffer) => Buffer,
    deserialize: (bytes: Buffer) => AppendAnswer,
    ...args: unknown[]
  ): AppendCall;
  makeServerStreamRequest(
    path: string,
    serialize: (request: Buffer) => Buffer,
    deserialize: (bytes: Buffer) => ReadAnswer,
    ...args: unknown[]
  ): ReadCall;
}
type StreamCreator = <C>(client: unknown, name: string, make: (client: Calls) => C) => () => Promise<C>;
type CallArguments = (options: { readonly requiresLeader: boolean }, call: { readonly deadline: number }) => unknown[];

const READ = '/event_store.client.streams.Streams/Read';
const BATCH_APPEND = '/event_store.client.streams.Streams/BatchAppend';

function asItIs(bytes: Buffer): Buffer {
  return bytes;
}

/** Connects (lazily) to `url`, an `esdb://` connection string. Throws `invalid-config` for one that is not understood. */
export function openConnection(url: string): Connection {
  const appends = clientOf(url);
  const reads = clientOf(url);
  return {
    openAppends: opener(appends, 'append', (calls, args) => calls.makeBidiStreamRequest(BATCH_APPEND, asItIs, appendAnswer, ...args)),
    openRead: (request) =>
      opener(reads, 'read', (calls, args) =>
        calls.makeServerStreamRequest(READ, asItIs, readAnswer, Buffer.from(request.serializeBinary()), ...args),
      )(),
    close: async () => {
      await Promise.all([appends, reads].map(closed));
    },
  };
}

/** Opens calls that go to the leader and have no time limit: answers come when they come. */
function opener<C>(client: EventStoreDBClient, name: string, make: (calls: Calls, args: unknown[]) => C): () => Promise<C> {
  const creator = member<StreamCreator>(client, 'GRPCStreamCreator');
  const callArguments = member<CallArguments>(client, 'callArguments');
  return creator.call(client, streamsGrpc.StreamsClient, name, (calls) =>
    make(calls, callArguments({ requiresLeader: true }, { deadline: Number.POSITIVE_INFINITY })),
  ) as () => Promise<C>;
}

/** Ends what a client has open, and its channel: the client itself leaves that to the end of the process, and waits for calls that ended before. */
async function closed(client: EventStoreDBClient): Promise<void> {
  void client.dispose();
  const channel = await member<() => Promise<{ close(): void }>>(client, 'getChannel')
    .call(client)
    // Nothing was found to connect to: there is nothing to close.
    .catch(() => undefined);
  channel?.close();
}

function clientOf(url: string): EventStoreDBClient {
  try {
    // KurrentDB is the same store under its newer name; this client knows the older one.
    return EventStoreDBClient.connectionString(url.replace(/^kurrentdb(\+discover)?:/, 'esdb$1:'));
  } catch (error) {
    throw new PerdureError('invalid-config', `PERDURE_EVENTSTORE_URL is no connection string of EventStoreDB: ${errorText(error)}`);
  }
}

function member<T>(client: EventStoreDBClient, name: string): T {
  const found: unknown = Reflect.get(client, name);
  if (typeof found !== 'function')
    throw new PerdureError('invariant-violated', `the client of EventStoreDB has no ${name}: use the version that package.json names`);
  return found as T;
}
