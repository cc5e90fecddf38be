import { type Answer, failed } from '../answer.ts';
import type { MessageDeclaration } from '../definition/erased.ts';
import type { AnyDurableHandler } from '../definition/types.ts';
import type { Image } from '../image.ts';
import { type CallOrigin, journal, type RunOrigin } from '../journal.ts';
import { LIMITS } from '../limits.ts';
import { plainSize } from '../plain.ts';
import type { NewRecord, RecordMeta, Revision } from '../record.ts';
import { Rejection } from '../rejection.ts';
import { RunExecution } from '../run/execution.ts';
import { beginWith, chainOf, segmentSteps } from '../run/replay.ts';
import { type Issue, validate } from '../schema.ts';
import { type Belonging, type Concluded, conclude, endRecords, stalledAnswer, stallRecord } from './conclude.ts';
import { TurnContext } from './context.ts';
import { failedOutcome, metaSize, REPLY_OVERHEAD, replyRecord } from './facts.ts';
import type { Decision, Step } from './input.ts';
import { rejectedAnswer } from './segment.ts';
import { done, nothing, type TurnEnv } from './step.ts';

/**
 * The start of a run: from a signal, an update, a call, the firing of a timer, or from the queue of serial runs.
 *
 * Invariants:
 * O1. A first segment that rejects opens no run and leaves nothing but facts, and a reply to a call.
 * O2. A serial run starts only when no other serial run of its entity is open and none waits before it; it waits in the stream.
 * O3. A message whose chain names this entity would wait for itself: it is rejected with `call-cycle`.
 * O4. What waited, what fired and what was held is never refused: it is recorded, and nobody would send it again. Nor is it lost if the code at hand has no
 *     durable handler for it.
 */
export interface RunRequest {
  readonly id: string;
  readonly name: string;
  readonly of: 'signal' | 'timer';
  readonly handler: AnyDurableHandler;
  readonly serial: boolean;
  /** Undefined for timers, whose input is their key. */
  readonly declaration: MessageDeclaration | undefined;
  readonly payload: unknown;
  /** Metadata of the message. */
  readonly meta: RecordMeta;
  readonly origin: CallOrigin;
  /** Records that stand before the run whatever becomes of it. */
  readonly facts: readonly NewRecord[];
  /** Does its sender wait for the outcome? */
  readonly wantsOutcome: boolean;
  readonly index: number;
  /** Set for one that waited: where, and its input is parsed. */
  readonly received?: Revision | undefined;
}

export type RunStart = { readonly kind: 'step'; readonly step: Step } | { readonly kind: 'invalid'; readonly issues: readonly Issue[] };

/** Starts a run, or queues it. `invalid` if the payload does not fit: nothing was done. */
export function* startRun(image: Image, request: RunRequest, env: TurnEnv): Generator<void, RunStart> {
  const { declaration, received } = request;
  const checked =
    declaration === undefined || received !== undefined
      ? ({ ok: true, value: request.payload } as const)
      : validate(declaration.input, request.payload);
  if (!checked.ok) return { kind: 'invalid', issues: checked.issues };
  const input = checked.value === undefined ? null : checked.value;
  const step =
    refusal(image, request) ?? (mustWait(image, request) ? queued(image, request, input) : yield* begun(image, request, input, env));
  return { kind: 'step', step };
}

function refusal(image: Image, request: RunRequest): Step | undefined {
  const { definition, id, books } = image;
  const own = `${definition.type}/${id}`;
  const { chain = [] } = request.origin;
  if (request.serial && chain.includes(own)) {
    const circle = [...chain.slice(chain.indexOf(own)), own].join(' -> ');
    return rejectedStep(image, request, new Rejection('call-cycle', { circle }, own, `serial runs would wait for each other: ${circle}`));
  }
  // O4.
  if (request.received !== undefined || request.facts.length > 0) return undefined;
  const { runs } = books;
  if (runs.open.size >= LIMITS.maxRunsPerEntity || runs.queued.length >= LIMITS.maxQueuedRuns) {
    return overloaded(image, request, `${own} has ${runs.open.size} open runs and ${runs.queued.length} that wait`);
  }
  return undefined;
}

/** A call gets its reply, with its mark: told by whoever delivers it, the answer could be lost in a crash after a later message was handled. */
function overloaded(image: Image, { origin, meta: { mark } }: RunRequest, message: string): Step {
  if (origin.reply === undefined) return nothing(image, failed('overloaded', message));
  const reply = replyRecord(origin.reply, failedOutcome('overloaded', message), mark === undefined ? {} : { mark });
  return { records: [reply], state: image.state, bytes: REPLY_OVERHEAD + 512, decision: done(image) };
}

/** O2. */
function mustWait(image: Image, { serial, received }: RunRequest): boolean {
  const { runs } = image.books;
  return serial && received === undefined && (runs.serial !== undefined || runs.queued.length > 0);
}

function queued(image: Image, request: RunRequest, input: unknown): Step {
  const { id, facts, meta, wantsOutcome } = request;
  const record = journal('SignalReceived', { ...originOf(request), input }, runRecordMeta(request));
  return {
    records: [...facts, record],
    state: image.state,
    bytes: plainSize(input, `input of ${request.name}`) + metaSize(meta) + 128,
    decision: wantsOutcome ? { kind: 'joined', run: id } : done(image),
  };
}

function* begun(image: Image, request: RunRequest, input: unknown, env: TurnEnv): Generator<void, Step> {
  const { definition } = image;
  const { id, name, of, serial, origin, meta, received } = request;
  const started = journal(
    'RunStarted',
    received === undefined ? { ...originOf(request), input } : { ...originOf(request), input, received },
    runRecordMeta(request),
  );
  const run: Belonging = {
    id,
    name,
    of,
    once: meta.once === true,
    meta: ownMeta(meta, id),
    reply: origin.reply,
  };
  const chain = chainOf(definition, image.id, { serial, ...origin });
  const identity = { type: definition.type, entityId: image.id, id, name, seed: env.turnId, meta: run.meta, chain, versions: NO_VERSIONS };
  const execution = new RunExecution(identity, env.runs);
  const makeContext = (seed: string) => new TurnContext(image, { meta: run.meta, signalId: id, index: request.index, seed }, env);
  const { context, state } = yield* segmentSteps(execution, { nowMs: env.nowMs, isReplaying: false, makeContext }, () =>
    beginWith(execution, request.handler, definition, { trigger: { kind: 'started', input } }, env),
  );
  const concluded = conclude(image, run, execution, context, state);
  if (concluded.kind === 'rejected' && concluded.rejection !== undefined && received === undefined)
    return rejectedStep(image, request, concluded.rejection);
  if (concluded.kind === 'open' || (concluded.kind === 'stalled' && concluded.defect === undefined)) {
    image.live ??= new Map();
    image.live.set(id, execution);
  }
  const bytes = plainSize(input, `input of ${name}`) + metaSize(meta) + 160 + concluded.bytes;
  return stepOf(concluded, id, [...request.facts, started, ...concluded.records], bytes, decisionOf(image, request, concluded));
}
const NO_VERSIONS: ReadonlyMap<string, number> = new Map();

/** The step of a run that waited and has no durable handler now: it is open, stalled, and starts when it is resumed by code that has one (O4). */
export function startedStalled(
  image: Image,
  { id, received, meta }: Pick<RunRequest, 'id' | 'meta'> & { readonly received: Revision },
  origin: RunOrigin & { readonly input: unknown },
): Step {
  const { definition } = image;
  const message = `${definition.type} has no durable handler for '${origin.name}'`;
  const reason = { resumes: 'segment', code: 'unknown-signal', message } as const;
  const run = { id, name: origin.name, meta: ownMeta(meta, id) };
  const records = [journal('RunStarted', { ...origin, received }, { ...meta, run: id }), stallRecord(run, reason)];
  const bytes = plainSize(origin.input, `input of ${origin.name}`) + metaSize(meta) + 1_024;
  const answer = stalledAnswer(image, run, reason);
  return {
    records,
    state: image.state,
    bytes,
    decision: done(image),
    effects: [{ kind: 'ended', run: id, answer }],
    defect: new Error(message),
    run: id,
  };
}

/** The step that a segment's conclusion comes to. */
export function stepOf(
  { state, effects, asks, defect }: Concluded,
  run: string,
  records: readonly NewRecord[],
  bytes: number,
  decision: Decision,
): Step {
  return { records, state, bytes, decision, defect, effects, asks, run };
}

function decisionOf(image: Image, { id, wantsOutcome }: RunRequest, { kind, answer }: Concluded): Decision {
  if (!wantsOutcome) return done(image);
  return kind === 'open' || answer === undefined ? { kind: 'joined', run: id } : answer;
}

/** O1. */
function rejectedStep(image: Image, request: RunRequest, rejection: Rejection): Step {
  const { facts, meta, origin, name } = request;
  const answer: Answer = rejectedAnswer(rejection, image);
  if (request.received !== undefined) {
    const run: Belonging = {
      id: request.id,
      name,
      of: request.of,
      once: meta.once === true,
      meta: ownMeta(meta, request.id),
      reply: origin.reply,
    };
    const outcome = {
      kind: 'rejected' as const,
      code: rejection.code,
      details: rejection.details ?? null,
      by: rejection.by,
      message: rejection.message,
    };
    return {
      records: [...facts, ...endRecords(run, outcome)],
      state: image.state,
      bytes: 512,
      decision: answer,
      effects: [{ kind: 'ended', run: request.id, answer }],
    };
  }
  if (origin.reply === undefined) return { records: facts, state: image.state, bytes: facts.length * 64, decision: answer };
  const outcome =
    answer.kind === 'rejected'
      ? { kind: 'rejected' as const, code: answer.code, details: answer.details, by: answer.by, message: answer.message }
      : failedOutcome('call-failed', `${name} was not taken`);
  const { mark } = meta;
  return {
    // Not the id, and not that it is accepted once: it was not.
    records: [...facts, replyRecord(origin.reply, outcome, mark === undefined ? {} : { mark })],
    state: image.state,
    bytes: REPLY_OVERHEAD + 512,
    decision: answer,
  };
}

function originOf({ name, of, serial, origin }: RunRequest): RunOrigin {
  const { reply, chain } = origin;
  if (!serial && reply === undefined && chain === undefined) return { name, of };
  return { name, of, ...(serial ? { serial } : {}), ...(reply === undefined ? {} : { reply }), ...(chain === undefined ? {} : { chain }) };
}

/** The id of a run is always kept, whoever made it: its outcome can be asked for. */
function runRecordMeta({ id, name, meta }: RunRequest): RecordMeta {
  return { ...meta, run: id, signal: id, name };
}

function ownMeta({ correlation, traceparent, baggage }: RecordMeta, run: string): RecordMeta {
  if (correlation === undefined && traceparent === undefined && baggage === undefined) return { run };
  return {
    run,
    ...(correlation === undefined ? {} : { correlation }),
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(baggage === undefined ? {} : { baggage }),
  };
}
