import { failed } from '../answer.ts';
import { errorText } from '../errors.ts';
import type { Image } from '../image.ts';
import { type CancelPayload, type JournalData, journal, type Outcome, type ReplyPayload } from '../journal.ts';
import { LIMITS } from '../limits.ts';
import { boundedSize, plainSize } from '../plain.ts';
import { randomFrom } from '../random.ts';
import { nextAttemptAt } from '../retry.ts';
import { secretText } from '../run/callback-token.ts';
import type { OpenCall, OpenRun } from '../run/open-run.ts';
import type { ActivityFailure } from '../run/outcome.ts';
import { retryOf } from '../run/policy.ts';
import { validate } from '../schema.ts';
import { advanceRun, canGoOn, liveExecution, stallStep } from './advance-run.ts';
import { endRecords } from './conclude.ts';
import { metaOf } from './facts.ts';
import { refused } from './hold.ts';
import type { CallbackInput, HeartbeatInput, OutcomeInput, SignalInput, Step, WaitInput } from './input.ts';
import { defectCode } from './segment.ts';
import { done, nothing, type TurnEnv } from './step.ts';

/**
 * What arrives for runs: replies, requests to stop, outcomes of attempts, waits that are over, completed callbacks.
 *
 * Invariants:
 * V1. What arrives for a run that is not open, or a call that is closed, changes nothing: the first outcome of a call stands.
 * V2. A failure of an attempt that a later one has replaced changes nothing; a success counts whenever it comes.
 * V3. A callback is completed only by whoever knows its secret, once, with what fits its schema.
 */

/** A reply to a call. */
export function* handleReply(image: Image, input: SignalInput, index: number, env: TurnEnv): Generator<void, Step> {
  const { run: id, call, outcome } = input.payload as ReplyPayload;
  const run = image.books.runs.open.get(id);
  if (run?.calls.has(call) !== true) return nothing(image, done(image));
  return yield* advanceRun(image, run, { kind: 'resolved', call, outcome }, env, { index, meta: markOf(input) });
}

/** A caller was cancelled and asks what it called to stop. */
export function* handleCancel(image: Image, input: SignalInput, index: number, env: TurnEnv): Generator<void, Step> {
  const { caller } = input.payload as CancelPayload;
  const { runs } = image.books;
  const isIt = ({ reply }: Pick<OpenRun, 'reply'>) =>
    reply !== undefined && reply.call === caller.call && reply.run === caller.run && reply.id === caller.id && reply.type === caller.type;
  const by = `${caller.type}/${caller.id}`;
  const why = 'its caller was cancelled';
  const queued = runs.queued.find((one) => one.reply !== undefined && isIt({ reply: one.reply }));
  if (queued !== undefined) return cancelQueued(image, queued.id);
  for (const run of runs.open.values()) {
    if (isIt(run) && !run.cancelAsked)
      return yield* advanceRun(image, run, { kind: 'cancelled', by, why, closes: [] }, env, { index, meta: markOf(input) });
  }
  return nothing(image, done(image));
}

/** A queued run that is cancelled before it starts. */
export function cancelQueued(image: Image, id: string): Step {
  const queued = image.books.runs.queued.find((one) => one.id === id);
  if (queued === undefined) return nothing(image, done(image));
  const { name, reply, once } = queued;
  const run = { id, name, of: 'signal' as const, once, meta: { run: id }, reply };
  const answer = failed('cancelled', `run ${id} of ${name} was cancelled before it started`);
  const records = endRecords(run, { kind: 'cancelled' });
  return { records, state: image.state, bytes: 320, decision: done(image), effects: [{ kind: 'ended', run: id, answer }] };
}

/** A sleep, or the time-out of an until or a callback. While its entity holds it stays due. */
export function* handleWait(image: Image, { run: id, call }: WaitInput, index: number, env: TurnEnv): Generator<void, Step> {
  const run = image.books.runs.open.get(id);
  const what = run?.calls.get(call)?.what;
  const dueAt = what === undefined || !('dueAt' in what) ? undefined : what.dueAt;
  if (
    run === undefined ||
    what === undefined ||
    dueAt === undefined ||
    dueAt > env.nowMs ||
    image.books.holding ||
    image.foldError !== undefined
  ) {
    return nothing(image, done(image));
  }
  const outcome: Outcome = what.kind === 'sleep' ? { kind: 'completed', value: null } : { kind: 'timedOut' };
  return yield* advanceRun(image, run, { kind: 'resolved', call, outcome }, env, { index });
}

/** How an attempt ended. */
export function* handleOutcome(image: Image, input: OutcomeInput, index: number, env: TurnEnv): Generator<void, Step> {
  const run = image.books.runs.open.get(input.run);
  const call = run?.calls.get(input.call);
  if (run === undefined || call === undefined) return nothing(image, done(image));
  const { outcome, attempt } = input;
  const resolved = (with_: Outcome) => advanceRun(image, run, { kind: 'resolved', call: input.call, outcome: with_ }, env, { index });
  if (outcome.kind === 'completed' || outcome.kind === 'cancelled') return yield* resolved(outcome);
  if (attempt !== call.attempts + 1) return nothing(image, done(image));
  if (outcome.kind === 'rejected') return yield* resolved(outcome);
  if (call.cancelling) return yield* resolved({ kind: 'cancelled' });
  const failure =
    outcome.kind === 'lost' ? { code: 'attempt-lost', message: outcome.message } : { code: outcome.code, message: outcome.message };
  if (outcome.kind === 'failed' && outcome.isFinal === true) return yield* resolved({ kind: 'failed', ...failure });
  const progress = input.progress ?? call.progress;
  const nextAt = plannedAt(call, attempt, env, index);
  if (typeof nextAt === 'number')
    return attemptFailed(image, run, {
      call: input.call,
      attempt,
      ...failure,
      nextAt,
      incarnation: env.runs.incarnation,
      progress: input.progress,
    });
  const details: ActivityFailure = { attempts: attempt, reason: nextAt, ...(progress === undefined ? {} : { progress }) };
  return yield* resolved({ kind: 'failed', code: 'activity-failed', message: failure.message, details });
}

/** When the next attempt may start, or which bound forbids it. */
function plannedAt({ what, sinceMs }: OpenCall, attempt: number, env: TurnEnv, index: number): number | 'attempts' | 'deadline' {
  const policy = what.kind === 'activity' ? what.policy : {};
  const retry = retryOf(policy);
  if (attempt >= retry.attempts) return 'attempts';
  const deadlineAt = policy.deadlineMs === undefined ? undefined : sinceMs + policy.deadlineMs;
  const random = randomFrom(`${env.turnId}/${index}/retry`).next();
  return nextAttemptAt(retry, attempt, env.nowMs, deadlineAt, random) ?? 'deadline';
}

function attemptFailed(
  image: Image,
  run: OpenRun,
  failure: Omit<JournalData['AttemptFailed'], 'progress'> & { readonly progress: unknown },
): Step {
  const { progress, ...rest } = failure;
  const data = progress === undefined ? rest : { ...rest, progress };
  const bytes = 192 + failure.message.length + (progress === undefined ? 0 : plainSize(progress, 'progress'));
  const effects = [{ kind: 'attempt' as const, run: run.id, call: failure.call }];
  return { records: [journal('AttemptFailed', data, run.meta)], state: image.state, bytes, decision: done(image), effects };
}

/** Progress of an attempt. */
export function handleHeartbeat(image: Image, { run: id, call: number, attempt, progress }: HeartbeatInput): Step {
  const run = image.books.runs.open.get(id);
  const call = run?.calls.get(number);
  if (run === undefined || call === undefined || attempt !== call.attempts + 1) return nothing(image, done(image));
  const record = journal('HeartbeatRecorded', { call: number, attempt, progress }, run.meta);
  return { records: [record], state: image.state, bytes: 96 + plainSize(progress, 'progress'), decision: done(image) };
}

/** Somebody completes or fails a callback (V3). */
export function* handleCallback(image: Image, input: CallbackInput, index: number, env: TurnEnv): Generator<void, Step> {
  const known = callbackId(input.run, input.call, input.secret);
  const revision = image.books.window.find(known);
  if (revision !== undefined) return nothing(image, { kind: 'known', revision });
  const run = image.books.runs.open.get(input.run);
  if (run === undefined) return nothing(image, failed('callback-closed', `run ${input.run} is over`));
  if (env.runs.digest(secretText(run.seed, run.id, input.call)) !== input.secret)
    return nothing(image, failed('callback-forged', 'the token is not genuine'));
  if (run.calls.get(input.call)?.what.kind !== 'callback')
    return nothing(image, failed('callback-closed', 'the run no longer waits for it'));
  if (run.stalled !== undefined) return nothing(image, failed('overloaded', `run ${run.id} is stalled: send it again when it goes on`));
  if (!canGoOn(image, run)) return nothing(image, refused(image));
  const live = yield* liveExecution(image, run, env);
  if (!live.ok)
    return { ...stallStep(image, run, live.reason, []), decision: failed('overloaded', 'the run stalled: send it again when it goes on') };
  const checked = completion(input, live.execution.calls.get(input.call)?.output);
  if ('refused' in checked) return nothing(image, checked.refused);
  const { outcome } = checked;
  const decision = done(image, outcome.kind === 'completed' ? outcome.value : null);
  return yield* advanceRun(image, run, { kind: 'resolved', call: input.call, outcome }, env, {
    index,
    meta: { signal: known, name: 'callback' },
    decision,
  });
}

/** A completed callback is kept in the window under this id, so that the same completion again can be answered, to whoever knows the secret. */
export function callbackId(run: string, call: number, secret: string): string {
  return `perdure:callback:${run}/${call}:${secret}`;
}

/** A completion as its run is told, or why it is refused. */
function completion({ outcome }: CallbackInput, output: Parameters<typeof validate>[0]) {
  if ('error' in outcome) {
    const { code, message } = outcome.error;
    return { outcome: { kind: 'rejected', code, details: null, by: 'callback', message } satisfies Outcome };
  }
  const checked = output === undefined ? ({ ok: true, value: outcome.result } as const) : validate(output, outcome.result);
  if (!checked.ok) return { refused: failed('invalid-payload', 'the result does not fit the schema of the callback', checked.issues) };
  const value = checked.value === undefined ? null : checked.value;
  try {
    boundedSize(value, 'result of the callback', LIMITS.maxActivityBytes);
  } catch (error) {
    return { refused: failed(defectCode(error), errorText(error)) };
  }
  return { outcome: { kind: 'completed', value } satisfies Outcome };
}

function markOf(input: SignalInput) {
  const { mark } = metaOf(input);
  return mark === undefined ? {} : { mark };
}
