import type { Image } from '../image.ts';
import { LIMITS } from '../limits.ts';
import type { OpenRun } from '../run/open-run.ts';
import { advanceRun, canGoOn, liveExecution, resumeRun, stallStep } from './advance-run.ts';
import type { FollowUp, Step } from './input.ts';
import { cancelQueued } from './run-inputs.ts';
import type { TurnEnv } from './step.ts';

/**
 * What runs do when a message was handled: cancellations and resumptions that it asked for, triggers that were deferred, and predicates that became true.
 *
 * Invariants:
 * L1. In this order: what was asked for, deferred triggers in the order in which they came, then `until`s in run order.
 * L2. Predicates are evaluated on the state that every message before left, and never in a replay.
 * L3. A run waiting in `until` is in memory before its entity handles a message: its predicate is at hand when the state has changed.
 */

/** Brings the runs that wait in `until` into memory (L3); gives the steps of those that cannot be. */
export function* reviveWaiting(image: Image, env: TurnEnv): Generator<void, readonly Step[]> {
  const steps: Step[] = [];
  for (const run of [...image.books.runs.open.values()]) {
    if (run.untils === 0 || !canGoOn(image, run) || image.live?.has(run.id) === true) continue;
    const live = yield* liveExecution(image, run, env);
    if (!live.ok) steps.push(stallStep(image, run, live.reason, []));
  }
  return steps;
}

/** Segments of each run in this turn. */
export type Advanced = Map<string, number>;

/** The next step that follows, `more` if a run has had its share of this turn, undefined if nothing does. */
export function* nextFollowing(
  image: Image,
  asked: FollowUp[],
  advanced: Advanced,
  index: number,
  env: TurnEnv,
): Generator<void, Step | 'more' | undefined> {
  const followUp = asked.shift();
  if (followUp !== undefined) return yield* carriedOut(image, followUp, index, env);
  for (const run of image.books.runs.open.values()) {
    if (!canGoOn(image, run)) continue;
    const trigger = run.deferred[0] ?? satisfied(image, run);
    if (trigger === undefined) continue;
    if (trigger instanceof Error)
      return stallStep(image, run, { resumes: 'nothing', code: 'defect', message: `until: ${trigger.message}` }, []);
    const count = (advanced.get(run.id) ?? 0) + 1;
    if (count > LIMITS.maxSegmentsPerTurn) return 'more';
    advanced.set(run.id, count);
    return yield* advanceRun(image, run, trigger, env, { index });
  }
  return undefined;
}

function* carriedOut(image: Image, { kind, run: id, by, why }: FollowUp, index: number, env: TurnEnv): Generator<void, Step | undefined> {
  const run: OpenRun | undefined = image.books.runs.open.get(id);
  if (run === undefined) return kind === 'cancel' ? cancelQueued(image, id) : unchanged(image);
  if (kind === 'resume') return run.stalled === undefined ? unchanged(image) : yield* resumeRun(image, run, by, why, index, env);
  return run.cancelAsked ? unchanged(image) : yield* advanceRun(image, run, { kind: 'cancelled', by, why, closes: [] }, env, { index });
}

function unchanged(image: Image): Step {
  return { records: [], state: image.state, bytes: 0, decision: { kind: 'known', revision: image.books.revision } };
}

/** The trigger of the first `until` whose predicate holds; what a predicate threw. */
function satisfied(image: Image, run: OpenRun) {
  if (run.untils === 0) return undefined;
  for (const { predicate, call } of image.live?.get(run.id)?.pending.values() ?? []) {
    if (predicate === undefined) continue;
    try {
      if (predicate(image.state)) return { kind: 'resolved' as const, call, outcome: { kind: 'completed' as const, value: null } };
    } catch (error) {
      return new Error(String(error));
    }
  }
  return undefined;
}
