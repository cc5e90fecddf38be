import { EventStoreDBClient } from '@eventstore/db-client';
import streamsGrpc from '@eventstore/db-client/generated/streams_grpc_pb.js';
import type streamsPb from '@eventstore/db-client/generated/streams_pb.js';
import { errorText, PerdureError } from '../../core/errors.ts';

/**
 * The connections to one store: the real client twice, once for appends and once for all that reads, so that neither waits behind the other.
 *
 * Of the appending one only the connection is used (channel, discovery, TLS, credentials, redirection to the leader): what the client does with appends
 * hangs, ends the process or answers for others when a connection breaks. The members that give access to it are not part of the client's surface, so
 * its version is fixed and `openConnection` checks that they are there.
 */
export interface Connection {
  readonly reads: EventStoreDBClient;
  /** Opens a call for appends; it reports its end itself (`error`, `end`). Rejects if there is nothing to connect to. */
  openAppends(): Promise<AppendCall>;
  /** Ends every call. */
  close(): Promise<void>;
}

/** A call that carries appends and their answers, as gRPC's duplex stream does. */
export interface AppendCall {
  write(request: streamsPb.BatchAppendReq): boolean;
  cancel(): void;
  on(event: 'data', listener: (answer: streamsPb.BatchAppendResp) => void): AppendCall;
  on(event: 'error', listener: (error: Error) => void): AppendCall;
  on(event: 'end', listener: () => void): AppendCall;
}

type MakeCall = (client: { batchAppend(...args: unknown[]): AppendCall }) => AppendCall;
type StreamCreator = (client: unknown, name: string, make: MakeCall) => () => Promise<AppendCall>;
type CallArguments = (options: { readonly requiresLeader: boolean }, call: { readonly deadline: number }) => unknown[];

/** Connects (lazily) to `url`, an `esdb://` connection string. Throws `invalid-config` for one that is not understood. */
export function openConnection(url: string): Connection {
  const appends = clientOf(url);
  const reads = clientOf(url);
  const creator = member<StreamCreator>(appends, 'GRPCStreamCreator');
  const callArguments = member<CallArguments>(appends, 'callArguments');
  // Answers come when they come: an append has a time of its own.
  const make: MakeCall = (client) => client.batchAppend(...callArguments({ requiresLeader: true }, { deadline: Number.POSITIVE_INFINITY }));
  return {
    reads,
    openAppends: creator.call(appends, streamsGrpc.StreamsClient, 'append', make),
    close: async () => {
      await Promise.all([appends, reads].map(closed));
    },
  };
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
