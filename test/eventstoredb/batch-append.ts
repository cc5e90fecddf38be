import shared from '@eventstore/db-client/generated/shared_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import emptyPb from 'google-protobuf/google/protobuf/empty_pb.js';
import type { Caller } from './access.ts';
import type { ServerContext } from './context.ts';
import { batchError, type CallError } from './errors.ts';
import type { OpenCall } from './fault-state.ts';
import { admit } from './guard.ts';
import type { AppendOutcome } from './log.ts';
import { plannedAppend } from './planned-append.ts';
import type { ProposedEvent } from './record.ts';
import { expectedPosition, guid, proposedEvent, streamName } from './wire-requests.ts';

type Call = ServerDuplexStream<streams.BatchAppendReq, streams.BatchAppendResp>;

/** An append of which not all chunks have come. */
interface Chunked {
  readonly options: streams.BatchAppendReq.Options;
  readonly events: ProposedEvent[];
}

/** Appends that a call may have begun and not finished. */
const MAX_CHUNKED = 1_024;

/** The service: many appends on one call, made in the order in which their last chunks come. */
export function batchAppend(context: ServerContext): (call: Call) => void {
  return (call) => {
    const admitted = admit(context, call.metadata, true);
    if ('error' in admitted) call.emit('error', admitted.error);
    else new BatchCall(context, call, admitted.caller);
  };
}

/**
 * One BatchAppend call.
 *
 * Invariants:
 * B1. Nothing is read while an answer waits for the client to read, or the server is frozen.
 * B2. Nothing is written after the call ended, was cancelled or failed.
 */
class BatchCall implements OpenCall {
  readonly #context: ServerContext;
  readonly #call: Call;
  readonly #caller: Caller;
  readonly #chunked = new Map<string, Chunked>();
  readonly #held: (() => void)[] = [];
  #isOver = false;

  constructor(context: ServerContext, call: Call, caller: Caller) {
    this.#context = context;
    this.#call = call;
    this.#caller = caller;
    context.state.openAppends.add(this);
    call.on('data', (chunk: streams.BatchAppendReq) => this.#unlessFrozen(() => this.#take(chunk)));
    call.on('drain', () => this.wake());
    call.on('end', () => this.#unlessFrozen(() => this.end()));
    for (const last of ['cancelled', 'close', 'error']) call.on(last, () => this.#leave());
  }

  end(): void {
    if (this.#leave()) this.#call.end();
  }

  wake(): void {
    const { isFrozen } = this.#context.state;
    if (isFrozen || this.#isOver) return;
    for (const held of this.#held.splice(0)) held();
    if (!this.#call.writableNeedDrain) this.#call.resume();
  }

  /** True the first time. */
  #leave(): boolean {
    const isFirst = !this.#isOver;
    this.#isOver = true;
    this.#context.state.openAppends.delete(this);
    return isFirst;
  }

  #unlessFrozen(act: () => void): void {
    if (this.#isOver) return;
    if (this.#context.state.isFrozen) {
      this.#held.push(act);
      this.#call.pause();
    } else {
      act();
    }
  }

  #take(chunk: streams.BatchAppendReq): void {
    const id = guid(chunk.getCorrelationId());
    const options = chunk.getOptions();
    if (options !== undefined) this.#chunked.set(id, { options, events: [] });
    const append = this.#chunked.get(id);
    if (append === undefined || this.#chunked.size > MAX_CHUNKED) {
      this.#write(answerTo(chunk, undefined, { kind: 'bad-request', message: 'An append begins with its options.' }));
      return;
    }
    for (const message of chunk.getProposedMessagesList()) append.events.push(proposedEvent(message));
    if (!chunk.getIsFinal()) return;
    this.#chunked.delete(id);
    this.#make(chunk, append);
  }

  #make(chunk: streams.BatchAppendReq, { options, events }: Chunked): void {
    const stream = streamName(options.getStreamIdentifier());
    const request = { caller: this.#caller, stream, expected: expectedPosition(options), events };
    const answers = {
      answer: (outcome: AppendOutcome) => this.#unlessFrozen(() => this.#write(answerTo(chunk, options, outcome))),
      failCall: (error: CallError) => {
        if (this.#leave()) this.#call.emit('error', error);
      },
    };
    const deadlineMs = options.getDeadline()?.toDate().getTime();
    plannedAppend(this.#context, request, answers, deadlineMs === undefined ? undefined : deadlineMs - this.#context.log.nowMs());
  }

  #write(answer: streams.BatchAppendResp): void {
    if (!this.#isOver && !this.#call.write(answer)) this.#call.pause();
  }
}

function answerTo(
  chunk: streams.BatchAppendReq,
  options: streams.BatchAppendReq.Options | undefined,
  outcome: AppendOutcome,
): streams.BatchAppendResp {
  const answer = new streams.BatchAppendResp().setCorrelationId(chunk.getCorrelationId());
  answer.setStreamIdentifier(options?.getStreamIdentifier() ?? new shared.StreamIdentifier());
  if (options?.hasNoStream() === true) answer.setNoStream(new emptyPb.Empty());
  if (options?.hasAny() === true) answer.setAny(new emptyPb.Empty());
  if (options?.hasStreamExists() === true) answer.setStreamExists(new emptyPb.Empty());
  if (options?.hasStreamPosition() === true) answer.setStreamPosition(options.getStreamPosition());
  if (outcome.kind !== 'appended' && outcome.kind !== 'idempotent') return answer.setError(batchError(outcome));
  const success = new streams.BatchAppendResp.Success();
  if (outcome.revision === undefined) success.setNoStream(new emptyPb.Empty());
  else success.setCurrentRevision(String(outcome.revision));
  if (outcome.position === undefined) success.setNoPosition(new emptyPb.Empty());
  else success.setPosition(allPosition(outcome.position));
  return answer.setSuccess(success);
}

function allPosition(position: number): shared.AllStreamPosition {
  return new shared.AllStreamPosition().setCommitPosition(String(position)).setPreparePosition(String(position));
}
