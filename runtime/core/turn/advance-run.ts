import type { Image } from '../image.ts';
import { journal, type StallReason } from '../journal.ts';
import { LIMITS } from '../limits.ts';
import { plainSize } from '../plain.ts';
import type { NewRecord, RecordMeta } from '../record.ts';
import type { RunExecution } from '../run/execution.ts';
import type { Deferred, OpenRun, RunInput, Trigger } from '../run/open-run.ts';
import { beginWith, handlerOf, revive, segmentSteps } from '../run/replay.ts';
import { cancelRecords, conclude, stalledAnswer, stallRecord } from './conclude.ts';
import { TurnContext } from './context.ts';
import { metaSize } from './facts.ts';
import type { Decision, Effect, Step } from './input.ts';
import { stepOf } from './start-run.ts';
import { done, type TurnEnv } from './step.ts';

/**
 * The advance of an open run by one trigger: its handler is brought to where it stands (if it is not in memory), then goes on by one segment.
 *
 * Invariants:
 * A1. A trigger that comes while its run cannot go on (the entity holds, or the run is stalled) is recorded `deferred`: what it tells is never lost.
 * A2. A run whose replay diverges stalls alone, and its trigger is deferred, once however often it is tried.
 * A3. A segment is begun by exactly one recorded trigger.
 * A4. A run that is asked to stop asks what it called to stop, whatever its segment comes to.
 */

/** May the run be advanced now (A1)? */
export function canGoOn(image: Image, run: OpenRun): boolean {
  return run.stalled === undefined && !image.books.holding && image.foldError === undefined;
}

/** What one trigger leads to. `meta` is added to its record. */
export function* advanceRun(
  image: Image,
  run: OpenRun,
  trigger: Deferred,
  env: TurnEnv,
  message: { readonly index: number; readonly meta?: RecordMeta; readonly decision?: Decision },
): Generator<void, Step> {
  const decision = message.decision ?? done(image);
  const meta = message.meta === undefined ? run.meta : { ...run.meta, ...message.meta, run: run.id };
  const size = sizeOf(trigger) + metaSize(meta);
  if (!canGoOn(image, run)) {
    const deferred = triggerRecord(trigger, meta, true);
    return { records: [deferred], state: image.state, bytes: size, decision, effects: trigger.kind === 'cancelled' ? abortsOf(run) : [] };
  }
  if (run.inputs.length === LIMITS.manyRunInputs) tellMany(image, run, env);
  const live = yield* liveExecution(image, run, env);
  if (!live.ok) {
    const before = run.deferred.includes(trigger) ? [] : [triggerRecord(trigger, meta, true)];
    return { ...stallStep(image, run, live.reason, before), decision };
  }
  const { execution } = live;
  const actual: Deferred = trigger.kind === 'cancelled' ? { ...trigger, closes: execution.calls.cancellable } : trigger;
  const { step, isOver } = yield* goOn(image, run, execution, { trigger: actual }, message.index, env);
  const isStop = actual.kind === 'cancelled';
  // A run that this ends asks its callees itself.
  const asked = isStop && !isOver ? cancelRecords(image, run, run.calls.values()) : [];
  const effects = isStop ? [...abortsOf(run), ...(step.effects ?? [])] : (step.effects ?? []);
  // Before the trigger: what stands if its segment turns out too large (A4).
  const records = [...asked, triggerRecord(actual, meta, false), ...step.records];
  const { state, defect, asks } = step;
  return { records, state, bytes: step.bytes + size + asked.length * 160, decision, defect, effects, asks, run: run.id };
}

function tellMany({ definition, id }: Image, { id: run, name, inputs }: OpenRun, env: TurnEnv): void {
  const message = `the run has had ${inputs.length} segments, each of which is executed again when it leaves memory: use a timer and a short run per period`;
  env.runs.tell('many-inputs', { type: definition.type, id, run, name, message });
}

/** An operator lets a stalled run go on: with its last segment again, with a trigger of its own, or only by being replayed. */
export function* resumeRun(image: Image, run: OpenRun, by: string, why: string, index: number, env: TurnEnv): Generator<void, Step> {
  const resumed = journal('RunResumed', { by, why }, { ...run.meta, run: run.id });
  const resumes = run.stalled?.resumes ?? 'nothing';
  image.live?.delete(run.id);
  const again = resumes === 'segment' ? run.inputs.at(-1) : undefined;
  const revived = yield* revive(image, run, run.inputs.length - (again === undefined ? 0 : 1), env);
  // It has not gone on: what it is resumed with stays what it was.
  if (!revived.ok) return stallStep(image, run, { ...revived.reason, resumes }, []);
  keep(image, run, revived.execution);
  if (resumes === 'nothing') return { records: [resumed], state: image.state, bytes: 128, decision: done(image), run: run.id };
  const trigger: Trigger = again?.trigger ?? { kind: 'resumed' };
  const { step } = yield* goOn(image, run, revived.execution, { trigger }, index, env);
  return { ...step, records: [resumed, ...step.records], bytes: step.bytes + 128 };
}

/** The execution of a run that waits in memory, or one that is brought to where the run stands (which stays in memory). */
export function* liveExecution(image: Image, run: OpenRun, env: TurnEnv) {
  const live = image.live?.get(run.id);
  if (live !== undefined) return { ok: true as const, execution: live };
  const revived = yield* revive(image, run, run.inputs.length, env);
  if (revived.ok) keep(image, run, revived.execution);
  return revived;
}

/** The step of a run that stops because it could not be replayed (A2). */
export function stallStep(image: Image, run: OpenRun, reason: StallReason, before: readonly NewRecord[]): Step {
  image.live?.delete(run.id);
  const answer = stalledAnswer(image, run, reason);
  return {
    records: [...before, stallRecord(run, reason)],
    state: image.state,
    bytes: 1_024 * (1 + before.length),
    decision: done(image),
    effects: [{ kind: 'ended', run: run.id, answer }],
    defect: new Error(reason.message),
    run: run.id,
  };
}

function* goOn(
  image: Image,
  run: OpenRun,
  execution: RunExecution,
  input: Pick<RunInput, 'trigger'>,
  index: number,
  env: TurnEnv,
): Generator<void, { readonly step: Step; readonly isOver: boolean }> {
  const { definition } = image;
  const handler = handlerOf(definition, run);
  const makeContext = (seed: string) => new TurnContext(image, { meta: run.meta, signalId: run.id, index, seed }, env);
  const { context, state } = yield* segmentSteps(execution, { nowMs: env.nowMs, isReplaying: false, makeContext }, () => {
    if (handler !== undefined) beginWith(execution, handler, definition, input, env);
  });
  const concluded = conclude(image, run, execution, context, state);
  const staysLive = concluded.kind === 'open' || (concluded.kind === 'stalled' && concluded.defect === undefined);
  if (!staysLive) image.live?.delete(run.id);
  const isOver = concluded.kind === 'ended' || concluded.kind === 'rejected';
  return { step: stepOf(concluded, run.id, concluded.records, concluded.bytes, done(image)), isOver };
}

function keep(image: Image, run: OpenRun, execution: RunExecution): void {
  image.live ??= new Map();
  image.live.set(run.id, execution);
}

function triggerRecord(trigger: Deferred, meta: RecordMeta, isDeferred: boolean): NewRecord {
  if (trigger.kind === 'resolved') {
    const { call, outcome } = trigger;
    return journal('Resolved', isDeferred ? { call, outcome, deferred: true } : { call, outcome }, meta);
  }
  const { by, why, closes } = trigger;
  return journal('CancelRequested', isDeferred ? { by, why, closes: [], deferred: true } : { by, why, closes }, meta);
}

function sizeOf(trigger: Deferred): number {
  if (trigger.kind !== 'resolved') return 160;
  const { outcome } = trigger;
  if (outcome.kind === 'completed') return 96 + plainSize(outcome.value, 'value of a reply');
  return 96 + plainSize(JSON.parse(JSON.stringify(outcome)), 'outcome');
}

/** Attempts that are asked to stop: those of compensations are not. */
function abortsOf(run: OpenRun): readonly Effect[] {
  return [...run.calls.values()].flatMap(({ what }) =>
    (what.kind === 'activity' || what.kind === 'query') && what.shielded !== true
      ? [{ kind: 'abort' as const, run: run.id, call: what.call }]
      : [],
  );
}
