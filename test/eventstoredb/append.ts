import shared from '@eventstore/db-client/generated/shared_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { ServerReadableStream, sendUnaryData } from '@grpc/grpc-js';
import type { ServerContext } from './context.ts';
import { callError, expectedNumber } from './errors.ts';
import { admit } from './guard.ts';
import type { AppendOutcome } from './log.ts';
import { plannedAppend } from './planned-append.ts';
import type { ProposedEvent } from './record.ts';
import type { Refusal } from './refusals.ts';
import { frozenOut } from './unary.ts';
import { expectedRevision, proposedEvent, streamName } from './wire-requests.ts';

type Call = ServerReadableStream<streams.AppendReq, streams.AppendResp>;
type Reply = sendUnaryData<streams.AppendResp>;

/** The service: one append on a call of its own, as clients of old servers and with other credentials make it. */
export function append(context: ServerContext): (call: Call, reply: Reply) => void {
  return (call, reply) => {
    const answer = frozenOut(context, call, reply);
    const admitted = admit(context, call.metadata);
    let options: streams.AppendReq.Options | undefined;
    let missing: Refusal | undefined;
    const events: ProposedEvent[] = [];
    call.on('data', (part: streams.AppendReq) => {
      options ??= part.getOptions();
      const message = part.getProposedMessage();
      if (message === undefined) return;
      missing ??= missingProperty(message);
      events.push(proposedEvent(message));
    });
    call.on('end', () => {
      if ('error' in admitted) return answer(admitted.error);
      if (missing !== undefined) return answer(callError(missing));
      if (options === undefined) return answer(callError({ kind: 'bad-request', message: 'An append begins with its options.' }));
      const stream = streamName(options.getStreamIdentifier());
      const request = { caller: admitted.caller, stream, expected: expectedRevision(options), events };
      plannedAppend(context, request, { answer: (outcome) => respond(answer, outcome), failCall: answer });
    });
  };
}

function missingProperty(message: streams.AppendReq.ProposedMessage): Refusal | undefined {
  const properties = message.getMetadataMap();
  const property = ['type', 'content-type'].find((key) => !properties.has(key));
  return property === undefined ? undefined : { kind: 'missing-required-metadata-property', property };
}

function respond(answer: Reply, outcome: AppendOutcome): void {
  if (outcome.kind === 'appended' || outcome.kind === 'idempotent') answer(null, new streams.AppendResp().setSuccess(success(outcome)));
  else if (outcome.kind === 'wrong-expected-version') answer(null, new streams.AppendResp().setWrongExpectedVersion(wrongVersion(outcome)));
  else answer(callError(outcome));
}

function success({ revision, position }: { readonly revision: bigint | undefined; readonly position: number | undefined }) {
  const message = new streams.AppendResp.Success();
  if (revision === undefined) message.setNoStream(new shared.Empty());
  else message.setCurrentRevision(String(revision));
  if (position === undefined) message.setNoPosition(new shared.Empty());
  else message.setPosition(positionOf(position));
  return message;
}

function positionOf(position: number): streams.AppendResp.Position {
  return new streams.AppendResp.Position().setCommitPosition(String(position)).setPreparePosition(String(position));
}

/** An answer, not an error of the call; clients before 20.10 read the fields that carry 20.6.0 in their names. */
function wrongVersion({
  expected,
  current,
}: Extract<Refusal, { kind: 'wrong-expected-version' }>): streams.AppendResp.WrongExpectedVersion {
  const wrong = new streams.AppendResp.WrongExpectedVersion();
  if (current < 0n) wrong.setCurrentNoStream(new shared.Empty()).setNoStream2060(new shared.Empty());
  else wrong.setCurrentRevision(String(current)).setCurrentRevision2060(Number(current));
  if (expected === 'any') return wrong.setExpectedAny(new shared.Empty()).setAny2060(new shared.Empty());
  if (expected === 'stream-exists') return wrong.setExpectedStreamExists(new shared.Empty()).setStreamExists2060(new shared.Empty());
  if (expected === 'no-stream') return wrong.setExpectedNoStream(new shared.Empty());
  return wrong.setExpectedRevision(String(expected)).setExpectedRevision2060(Number(expectedNumber(expected)));
}
