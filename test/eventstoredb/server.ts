import gossipServices from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import featureServices from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import streamServices from '@eventstore/db-client/generated/streams_grpc_pb.js';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { append } from './append.ts';
import { batchAppend } from './batch-append.ts';
import type { ServerContext } from './context.ts';
import { softDelete, tombstone } from './delete.ts';
import { FaultState } from './fault-state.ts';
import { Faults } from './faults.ts';
import { readGossip } from './gossip.ts';
import { Log } from './log.ts';
import { addNoise } from './noise.ts';
import { read } from './read.ts';
import { getSupportedMethods } from './server-features.ts';
import { Sockets } from './sockets.ts';
import { DEFAULT_SWITCHES, type Switches } from './switches.ts';

/**
 * A TEST FIXTURE: an EventStoreDB server as far as the protocol shows one. It keeps nothing: what is written to it is gone with its process.
 *
 * Invariants:
 * T1. What it answers follows from its log and what it was asked alone, but for the faults that were armed.
 * T2. A restart keeps port and log, and loses connections and the cache of recent event ids.
 */
export interface EventStoreServer {
  readonly port: number;
  /** `esdb://127.0.0.1:{port}?tls=false` */
  readonly url: string;
  readonly log: Log;
  readonly faults: Faults;
  /** Kills every connection and listens again on the same port with the same log; the cache of recent event ids is lost. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface EventStoreServerOptions {
  /** 0 or absent: any. */
  readonly port?: number;
  readonly switches?: Partial<Switches>;
  /** Contents to go on with. */
  readonly log?: Log;
  /** Names to passwords; absent: insecure, everybody may do everything. */
  readonly users?: Readonly<Record<string, string>>;
  /** PEM. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

export type { Switches };

/** What the server takes in one message. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024 - 10_000;

/** Starts a server on 127.0.0.1. Rejects with the error of the socket if the port is taken. */
export async function startEventStore(options: EventStoreServerOptions = {}): Promise<EventStoreServer> {
  const log = options.log ?? new Log();
  if (options.log === undefined) addNoise(log);
  const state = new FaultState();
  let port = options.port ?? 0;
  const switches = { ...DEFAULT_SWITCHES, ...options.switches };
  const grpc = grpcServer({ log, switches, state, users: options.users, port: () => port });
  const injector = grpc.createConnectionInjector(credentials(options.tls));
  const sockets = new Sockets((socket) => injector.injectConnection(socket));
  port = await sockets.listen(port);
  return {
    port,
    url: `esdb://127.0.0.1:${port}?tls=${options.tls !== undefined}`,
    log,
    faults: new Faults(state, log, sockets),
    async restart() {
      await sockets.close();
      log.forgetRecentIds();
      await sockets.listen(port);
    },
    async stop() {
      await sockets.close();
      injector.destroy();
      grpc.forceShutdown();
    },
  };
}

function grpcServer(context: ServerContext): Server {
  const grpc = new Server({ 'grpc.max_receive_message_length': MAX_MESSAGE_BYTES, 'grpc.max_send_message_length': -1 });
  grpc.addService(featureServices.ServerFeaturesService, { getSupportedMethods: getSupportedMethods(context) });
  grpc.addService(gossipServices.GossipService, { read: readGossip(context) });
  grpc.addService(streamServices.StreamsService, {
    read: read(context),
    append: append(context),
    batchAppend: batchAppend(context),
    delete: softDelete(context),
    tombstone: tombstone(context),
  });
  return grpc;
}

function credentials(tls: EventStoreServerOptions['tls']): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  return ServerCredentials.createSsl(null, [{ cert_chain: Buffer.from(tls.cert), private_key: Buffer.from(tls.key) }]);
}
