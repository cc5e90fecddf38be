import features from '@eventstore/db-client/generated/serverfeatures_pb.js';
import type shared from '@eventstore/db-client/generated/shared_pb.js';
import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import type { ServerContext } from './context.ts';
import { frozenOut } from './unary.ts';

const VERSION = '24.10.0';
const STREAMS = 'event_store.client.streams.streams';
const GOSSIP = 'event_store.client.gossip.gossip';

/** The service: which methods there are, in lower case as the server lists them. */
export function getSupportedMethods(context: ServerContext) {
  return (call: ServerUnaryCall<shared.Empty, features.SupportedMethods>, reply: sendUnaryData<features.SupportedMethods>): void => {
    const methods = new features.SupportedMethods().setEventStoreServerVersion(VERSION);
    methods.addMethods(method(STREAMS, 'read', ['position', 'events']));
    for (const name of ['append', 'delete', 'tombstone']) methods.addMethods(method(STREAMS, name, []));
    if (context.switches.batchAppend) methods.addMethods(method(STREAMS, 'batchappend', ['deadline_duration']));
    methods.addMethods(method(GOSSIP, 'read', []));
    frozenOut(context, call, reply)(null, methods);
  };
}

function method(service: string, name: string, list: string[]): features.SupportedMethod {
  return new features.SupportedMethod().setServiceName(service).setMethodName(name).setFeaturesList(list);
}
