import { type Answer, failed } from '../answer.ts';
import type { EntityDefinition } from '../definition/erased.ts';
import { type ErrorCode, errorText, isPerdureError, PerdureError } from '../errors.ts';
import type { Image } from '../image.ts';
import {
  CANCEL,
  journal,
  type Outcome,
  type ReplyAddress,
  type RunAsk,
  type SentSignal,
  type StallReason,
  timerRecord,
} from '../journal.ts';
import { LIMITS } from '../limits.ts';
import { plainSize, wellFormed } from '../plain.ts';
import type { NewRecord, RecordMeta } from '../record.ts';
import { flawOf, isRejection, type Rejection } from '../rejection.ts';
import type { RunExecution } from '../run/execution.ts';
import { firstIssue, validate } from '../schema.ts';
import type { TurnContext } from './context.ts';
import { metaSize, REPLY_OVERHEAD, replyRecord } from './facts.ts';
import type { Effect } from './input.ts';
import { defectCode } from './segment.ts';
import { done } from './step.ts';

/**
 * What a segment of a durable handler comes to when its drain is over.
 *
 * Invariants:
 * Z1. A rejection and a defect discard what the segment asked for; everything else keeps it. So does a rejection that waited for other sagas of the run:
 *     what they asked for stands.
 * Z2. A run that ends closes all that it waits for: what it called is asked to stop, and nobody waits for the rest. Its caller gets one reply.
 * Z3. A defect, and a run that waits for nothing of the runtime's, stalls the run and nothing else.
 */

/** The run that a segment belongs to. */
export interface Belonging {
  readonly id: string;
  readonly name: string;
  readonly of: 'signal' | 'timer';
  readonly once: boolean;
  readonly meta: RecordMeta;
  readonly reply: ReplyAddress | undefined;
}

export interface Concluded {
  readonly kind: 'open' | 'ended' | 'rejected' | 'stalled';
  readonly records: readonly NewRecord[];
  readonly state: unknown;
  readonly bytes: number;
  readonly effects: readonly Effect[];
  readonly asks: readonly RunAsk[];
  /** What those who wait for the run are told, if it ended or stalled. */
  readonly answer: Answer | undefined;
  readonly defect?: unknown;
  readonly rejection?: Rejection;
}

/** Reads the outcome of a segment off its execution and context. Changes neither. */
export function conclude(image: Image, run: Belonging, execution: RunExecution, context: TurnContext, state: unknown): Concluded {
  const poison = context.poison ?? execution.segments.poison;
  if (poison !== undefined) return stalled(image, run, 'segment', poison);
  const { settled } = execution;
  if (settled === undefined) {
    if (execution.calls.size === 0) return stalled(image, run, 'segment', foreignAwait());
    return open(image, run, execution, context, state);
  }
  if (settled.kind === 'threw' && isRejection(settled.error)) {
    const flaw = flawOf(settled.error);
    if (flaw !== undefined) return stalled(image, run, 'segment', flaw);
    const outcome = rejectedOutcome(image, settled.error);
    return settled.hasWaited
      ? ended(image, run, execution, context, state, outcome)
      : rejected(image, run, execution, settled.error, outcome);
  }
  if (settled.kind === 'threw' && !isPerdureError(settled.error, 'cancelled')) return stalled(image, run, 'segment', settled.error);
  try {
    const outcome: Outcome =
      settled.kind === 'threw' ? { kind: 'cancelled' } : { kind: 'completed', value: resultOf(image.definition, run, settled.value) };
    return ended(image, run, execution, context, state, outcome);
  } catch (error) {
    return stalled(image, run, 'segment', error);
  }
}

/** The end of a run that no code decides: terminated, or its entity is forgotten. */
export function endRecords(run: Belonging, outcome: Outcome): readonly NewRecord[] {
  const { id: signal, name, once, meta, reply } = run;
  const own = { ...meta, run: signal, signal, name };
  const completed = journal('RunCompleted', { outcome }, once ? { ...own, once } : own);
  return reply === undefined ? [completed] : [replyRecord(reply, outcome, meta), completed];
}

/** What those who wait for a run are told of its outcome. */
export function answerOf(image: Image, run: { readonly id: string; readonly name: string }, outcome: Outcome): Answer {
  switch (outcome.kind) {
    case 'completed':
      return done(image, outcome.value);
    case 'rejected':
      return { ...outcome, details: outcome.details ?? null, position: image.position };
    case 'failed':
      return failed(outcome.code as ErrorCode, outcome.message, outcome.details);
    case 'terminated':
      return failed(
        'terminated',
        `run ${run.id} of ${run.name} was terminated by ${outcome.by}${outcome.why === '' ? '' : `: ${outcome.why}`}`,
      );
    case 'cancelled':
    case 'timedOut':
      return failed('cancelled', `run ${run.id} of ${run.name} was cancelled`);
  }
}

/** Messages that ask what a run called to stop; compensations are not asked. */
export function cancelRecords(
  image: Image,
  run: { readonly id: string; readonly meta: RecordMeta },
  sent: Iterable<{ readonly what: { readonly kind: string } }>,
): readonly NewRecord[] {
  const { type } = image.definition;
  const records: NewRecord[] = [];
  for (const { what } of sent) {
    if (!isSent(what) || what.shielded === true) continue;
    const caller = { type, id: image.id, run: run.id, call: what.call };
    records.push(journal('SignalSent', { type: what.type, id: what.id, name: CANCEL, payload: { caller } }, run.meta));
  }
  return records;
}

interface Sent {
  readonly kind: 'signal';
  readonly call: number;
  readonly type: string;
  readonly id: string;
  readonly shielded?: true;
}
function isSent(what: { readonly kind: string }): what is Sent {
  return what.kind === 'signal';
}

/** The record of a run that stops; its message is bounded, and plain whatever user code threw. */
export function stallRecord(run: { readonly id: string; readonly meta: RecordMeta }, reason: StallReason): NewRecord {
  return journal('RunStalled', { ...reason, message: wellFormed(reason.message.slice(0, MAX_REASON)) }, { ...run.meta, run: run.id });
}
const MAX_REASON = 2_000;

/** What those who wait for a run are told when it stalls. */
export function stalledAnswer(image: Image, run: { readonly id: string; readonly name: string }, reason: StallReason): Answer {
  const { code, message } = reason;
  return failed('run-stalled', `run ${run.id} of ${image.definition.type}.${run.name} stalled: ${message}`, { run: run.id, code });
}

function open(image: Image, run: Belonging, execution: RunExecution, context: TurnContext, state: unknown): Concluded {
  const asked = askedFor(run, context);
  const { stall } = execution;
  const records = stall === undefined ? asked.records : [...asked.records, stallRecord(run, stall)];
  const answer = stall === undefined ? undefined : stalledAnswer(image, run, stall);
  const effects = [...asked.effects, ...attemptsOf(run, context.records), ...told(run, answer)];
  const kind = stall === undefined ? 'open' : 'stalled';
  return {
    kind,
    records,
    state,
    bytes: asked.bytes + (stall === undefined ? 0 : 256),
    effects,
    asks: cancelsOf(image, context),
    answer,
  };
}

function ended(image: Image, run: Belonging, execution: RunExecution, context: TurnContext, state: unknown, outcome: Outcome): Concluded {
  const asked = askedFor(run, context);
  const closing = closingRecords(image, run, execution, context.records);
  const value = outcome.kind === 'completed' ? plainSize(outcome.value, 'result') : 0;
  if (value > LIMITS.maxTurnBytes) throw new PerdureError('turn-too-large', 'result is larger than a turn may be');
  const records = [...asked.records, ...closing, ...endRecords(run, outcome)];
  const answer = answerOf(image, run, outcome);
  const bytes = asked.bytes + closing.length * REPLY_OVERHEAD + value * (run.reply === undefined ? 1 : 2) + REPLY_OVERHEAD;
  tellAbandoned(image, run, execution);
  return {
    kind: 'ended',
    records,
    state,
    bytes,
    effects: [...asked.effects, ...aborts(image, run), ...told(run, answer)],
    asks: cancelsOf(image, context),
    answer,
  };
}

type RejectedOutcome = Extract<Outcome, { kind: 'rejected' }>;

function rejectedOutcome(image: Image, { code, details = null, message, by: said }: Rejection): RejectedOutcome {
  const { type } = image.definition;
  // Its own "no" names the entity that said it; a callee's keeps its origin.
  const by = said === type || said === '' ? `${type}/${image.id}` : said;
  return { kind: 'rejected', code, details, by, message };
}

function rejected(image: Image, run: Belonging, execution: RunExecution, rejection: Rejection, outcome: RejectedOutcome): Concluded {
  const answer = answerOf(image, run, outcome);
  const records = [...closingRecords(image, run, execution, NONE), ...endRecords(run, outcome)];
  const effects = [...aborts(image, run), ...told(run, answer)];
  const bytes = records.length * REPLY_OVERHEAD + plainSize(outcome.details, 'details') * 2;
  return { kind: 'rejected', records, state: image.state, bytes, effects, asks: NONE, answer, rejection };
}

function stalled(image: Image, run: Belonging, resumes: StallReason['resumes'], error: unknown): Concluded {
  const code = defectCode(error);
  const reason: StallReason = { resumes, code, message: isPerdureError(error) ? error.message : errorText(error) };
  const answer = stalledAnswer(image, run, reason);
  const records = [stallRecord(run, reason)];
  return { kind: 'stalled', records, state: image.state, bytes: 512, effects: told(run, answer), asks: NONE, answer, defect: error };
}

const NONE: readonly never[] = [];

function foreignAwait(): PerdureError {
  return new PerdureError(
    'determinism',
    "the handler awaits something that is not the runtime's (a promise of a timer, a file, a request): nothing of the run would wake it; use run.sleep, run.callback or an activity",
  );
}

/** The records that user code asked for, with timer changes in their places. */
function askedFor(
  run: Belonging,
  context: TurnContext,
): { readonly records: readonly NewRecord[]; readonly bytes: number; readonly effects: readonly Effect[] } {
  const { records, lastEvent, timerChanges: timers, logged } = context;
  const effects = logged.map((line): Effect => ({ kind: 'logged', run: run.id, line }));
  const bytes = context.bytes + records.length * metaSize(run.meta) + (timers?.length ?? 0) * 64;
  if (timers === undefined) return { records, bytes, effects };
  const event = records[lastEvent];
  if (event === undefined)
    return { records: [...records, ...timers.map((change) => ({ ...timerRecord(change), meta: run.meta }))], bytes, effects };
  return { records: records.with(lastEvent, { ...event, meta: { ...event.meta, timers } }), bytes, effects };
}

function attemptsOf(run: Belonging, records: readonly NewRecord[]): readonly Effect[] {
  return records.flatMap(({ type, data }) => {
    if (type !== SCHEDULED) return [];
    const { kind, call } = data as { readonly kind: string; readonly call: number };
    return kind === 'activity' || kind === 'query' ? [{ kind: 'attempt' as const, run: run.id, call }] : [];
  });
}
const SCHEDULED = 'perdure:Scheduled';

/** Asks what the run called and nobody waits for any more to stop; `records` are those of its last segment, as far as they stand. */
function closingRecords(image: Image, run: Belonging, execution: RunExecution, records: readonly NewRecord[]): readonly NewRecord[] {
  const before = [...(image.books.runs.open.get(run.id)?.calls.values() ?? NONE)];
  const now = records.flatMap(({ type, data }) => (type === SENT ? [{ what: { kind: 'signal', ...(data as SentSignal) } }] : []));
  return cancelRecords(
    image,
    run,
    [...before, ...now].filter(({ what }) => what.call !== undefined && execution.calls.has(what.call)),
  );
}
const SENT = 'perdure:SignalSent';

function aborts(image: Image, run: Belonging): readonly Effect[] {
  const calls = image.books.runs.open.get(run.id)?.calls.values() ?? NONE;
  return [...calls].flatMap(({ what }) =>
    what.kind === 'activity' || what.kind === 'query' ? [{ kind: 'abort' as const, run: run.id, call: what.call }] : [],
  );
}

function told(run: Belonging, answer: Answer | undefined): readonly Effect[] {
  return answer === undefined ? NONE : [{ kind: 'ended', run: run.id, answer }];
}

/** What the handler asked to cancel: the runs that are open before its own message. */
export function cancelsOf({ definition, id, books }: Image, { cancels }: { readonly cancels: readonly string[] }): readonly RunAsk[] {
  if (cancels.length === 0) return NONE;
  const by = `${definition.type}/${id}`;
  return cancels.map((name) => ({ kind: 'cancel', by, why: 'a handler asked for it', name, upTo: books.revision }));
}

function tellAbandoned({ definition, id }: Image, run: Belonging, execution: RunExecution): void {
  for (const { name, call } of execution.calls.abandoned) {
    execution.host.tell('call-abandoned', { type: definition.type, id, run: run.id, call, name });
  }
}

/** The result of a run as its schema has it. Throws `result-invalid`. */
function resultOf(definition: EntityDefinition, run: Belonging, returned: unknown): unknown {
  const output = run.of === 'signal' ? definition.declarations.get(run.name)?.output : undefined;
  if (output === undefined) return null;
  const checked = validate(output, returned);
  if (checked.ok) return checked.value === undefined ? null : checked.value;
  throw new PerdureError('result-invalid', `the result does not fit its schema: ${firstIssue(checked.issues)}`, checked.issues);
}
