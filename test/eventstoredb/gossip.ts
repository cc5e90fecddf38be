import { randomUUID } from 'node:crypto';
import gossip from '@eventstore/db-client/generated/gossip_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import type { ServerContext } from './context.ts';
import { frozenOut } from './unary.ts';

const { VNodeState } = gossip.MemberInfo;

/** The service: this server, and the leader if it is another. */
export function readGossip(context: ServerContext) {
  const instanceId = randomUUID();
  return (call: ServerUnaryCall<shared.Empty, gossip.ClusterInfo>, reply: sendUnaryData<gossip.ClusterInfo>): void => {
    const { isReady, leader } = context.state;
    const state = !isReady ? VNodeState.DISCOVERLEADER : leader === undefined ? VNodeState.LEADER : VNodeState.FOLLOWER;
    const cluster = new gossip.ClusterInfo();
    cluster.addMembers(member(context, instanceId, state, { host: '127.0.0.1', port: context.port() }));
    if (leader !== undefined) cluster.addMembers(member(context, randomUUID(), VNodeState.LEADER, leader));
    frozenOut(context, call, reply)(null, cluster);
  };
}

function member(
  { log }: ServerContext,
  instanceId: string,
  state: gossip.MemberInfo.VNodeState,
  { host, port }: { readonly host: string; readonly port: number },
): gossip.MemberInfo {
  const info = new gossip.MemberInfo().setInstanceId(new shared.UUID().setString(instanceId));
  info
    .setTimeStamp(String(BigInt(log.nowMs()) * 10_000n))
    .setState(state)
    .setIsAlive(true);
  return info.setHttpEndPoint(new gossip.EndPoint().setAddress(host).setPort(port));
}
