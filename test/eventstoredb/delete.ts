import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { Metadata, ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { mayDo } from './access.ts';
import type { ServerContext } from './context.ts';
import { type CallError, callError } from './errors.ts';
import { admit } from './guard.ts';
import { frozenOut } from './unary.ts';
import { expectedRevision, streamName } from './wire-requests.ts';

type Options = streams.DeleteReq.Options | streams.TombstoneReq.Options | undefined;

/** The service Delete: the stream may come back. */
export function softDelete(context: ServerContext) {
  return (call: ServerUnaryCall<streams.DeleteReq, streams.DeleteResp>, reply: sendUnaryData<streams.DeleteResp>): void => {
    const answer = frozenOut(context, call, reply);
    const removed = remove(context, call.metadata, call.request.getOptions(), 'softDelete');
    if ('error' in removed) answer(removed.error);
    else answer(null, new streams.DeleteResp().setPosition(filled(new streams.DeleteResp.Position(), removed.position)));
  };
}

/** The service Tombstone: the stream is gone for ever. */
export function tombstone(context: ServerContext) {
  return (call: ServerUnaryCall<streams.TombstoneReq, streams.TombstoneResp>, reply: sendUnaryData<streams.TombstoneResp>): void => {
    const answer = frozenOut(context, call, reply);
    const removed = remove(context, call.metadata, call.request.getOptions(), 'tombstone');
    if ('error' in removed) answer(removed.error);
    else answer(null, new streams.TombstoneResp().setPosition(filled(new streams.TombstoneResp.Position(), removed.position)));
  };
}

type Removed = { readonly error: CallError } | { readonly position: number };

function remove(context: ServerContext, headers: Metadata, options: Options, how: 'softDelete' | 'tombstone'): Removed {
  const admitted = admit(context, headers);
  if ('error' in admitted) return admitted;
  const { log } = context;
  const stream = streamName(options?.getStreamIdentifier());
  if (options === undefined || stream === '')
    return { error: callError({ kind: 'bad-request', message: 'There is no stream to delete.' }) };
  if (stream === '$all' || !mayDo(log, admitted.caller, '$d', stream)) return { error: callError({ kind: 'access-denied' }) };
  const outcome = log[how](stream, expectedRevision(options));
  return outcome.kind === 'deleted' ? outcome : { error: callError(outcome) };
}

function filled<P extends streams.DeleteResp.Position | streams.TombstoneResp.Position>(message: P, position: number): P {
  message.setCommitPosition(String(position));
  message.setPreparePosition(String(position));
  return message;
}
