import type { Evidence, Placed } from '../evidence.ts';
import type { Trial } from '../knot/outside.ts';
import { grouped, type Judge, same } from './judge.ts';
import { everyCall } from './run-calls.ts';
import { type CallHistory, dataOf, isOf, nameOf, outcomeOf, type RunHistory } from './run-histories.ts';

type ActivityCall = CallHistory & { readonly what: Extract<CallHistory['what'], { kind: 'activity' }> };

/** Calls of activities with the attempts that were made at them. */
function activityCalls(evidence: Evidence): readonly (readonly [RunHistory, ActivityCall, readonly Trial[]])[] {
  const trials = grouped(evidence.trials, ({ activity, tag }) => `${activity} ${tag}`);
  return everyCall(evidence).flatMap(([run, call]) => {
    if (!isActivity(call)) return [];
    const { activity, input } = call.what;
    return [[run, call, trials.get(`${activity} ${(input as { readonly tag: string }).tag}`) ?? []] as const];
  });
}

function isActivity(call: CallHistory): call is ActivityCall {
  return call.what.kind === 'activity';
}

const nameOfCall = (run: RunHistory, { number, what }: ActivityCall) => `${nameOf(run)} call ${number} of ${what.activity}`;

/** Attempts are made only for what is durable: the call, and before each further one the failure or loss of the one before; and not before their time. */
export const attemptsFollowRecords: Judge = {
  name: 'attempts-follow-records',
  judge: (evidence) =>
    activityCalls(evidence).flatMap(([run, call, trials]) =>
      trials.flatMap((trial) => {
        const what = `${nameOfCall(run, call)} attempt ${trial.attempt} on ${trial.node}`;
        if (call.opened.position >= trial.startPosition) return [`${what} started before the call was durable`];
        if (trial.attempt === 1) return [];
        const failure = call.failures.find((placed) => dataOf('AttemptFailed', placed).attempt === trial.attempt - 1);
        if (failure === undefined || failure.position >= trial.startPosition)
          return [`${what} started before attempt ${trial.attempt - 1} was recorded as failed or lost`];
        const { nextAt } = dataOf('AttemptFailed', failure);
        return trial.startMs < nextAt && !evidence.jumped ? [`${what} started ${nextAt - trial.startMs} ms early`] : [];
      }),
    ),
};

/** An attempt is handed the newest progress that was recorded of its call, and at least what the last failure told. */
export const progressIsHandedOn: Judge = {
  name: 'progress-is-handed-on',
  judge: (evidence) =>
    activityCalls(evidence).flatMap(([run, call, trials]) =>
      trials.flatMap(({ attempt, node, progress, startPosition }) => {
        // Another owner may have written more than this one has read.
        if (evidence.scenario.nodes > 1) return [];
        const before = run.records.map(({ placed }) => placed).filter(({ position }) => position < startPosition);
        const told = before.findLast((placed) => progressOf(placed, call.number) !== undefined);
        const recorded = told === undefined ? undefined : progressOf(told, call.number);
        return same(progress ?? null, recorded ?? null)
          ? []
          : [
              `${nameOfCall(run, call)} attempt ${attempt} on ${node} was handed ${JSON.stringify(progress)}, recorded is ${JSON.stringify(recorded)}`,
            ];
      }),
    ),
};

function progressOf(placed: Placed, call: number): unknown {
  if (isOf('HeartbeatRecorded', placed)) {
    const beat = dataOf('HeartbeatRecorded', placed);
    return beat.call === call ? beat.progress : undefined;
  }
  if (!isOf('AttemptFailed', placed)) return undefined;
  const failure = dataOf('AttemptFailed', placed);
  return failure.call === call ? failure.progress : undefined;
}

/** Failures are recorded one after another, none beyond what the policy allows, each of an attempt that failed so; none after the outcome. */
export const failuresAreTrue: Judge = {
  name: 'failures-are-true',
  judge: (evidence) =>
    activityCalls(evidence).flatMap(([run, call, trials]) => {
      const wrong: string[] = [];
      const bound = call.what.policy.retry?.attempts ?? Number.POSITIVE_INFINITY;
      const ends = [...call.resolved, ...call.deferred].map(({ revision }) => revision);
      for (const [at, placed] of call.failures.entries()) {
        const { attempt, code } = dataOf('AttemptFailed', placed);
        const what = `${nameOfCall(run, call)} attempt ${attempt}`;
        if (attempt !== at + 1) wrong.push(`${what}: recorded as failed after ${at} others`);
        if (attempt >= bound) wrong.push(`${what}: another follows, although at most ${bound} may be made`);
        if (ends.some((end) => end < placed.revision)) wrong.push(`${what}: recorded as failed after the outcome`);
        if (code === 'activity-threw' && !trials.some((trial) => trial.attempt === attempt && trial.end === 'threw'))
          wrong.push(`${what}: recorded as failed and did not`);
      }
      if (trials.some(({ attempt }) => attempt > bound)) wrong.push(`${nameOfCall(run, call)}: more than ${bound} attempts were made`);
      return wrong;
    }),
};

/** What a call of an activity comes to, an attempt came to: it returned that, said no, or all that were allowed were made. */
export const activitiesResolveTruly: Judge = {
  name: 'activities-resolve-truly',
  judge: (evidence) =>
    activityCalls(evidence).flatMap(([run, call, trials]) => {
      const what = nameOfCall(run, call);
      return [...call.resolved, ...call.deferred].flatMap((placed) => {
        const { outcome } = dataOf('Resolved', placed);
        switch (outcome.kind) {
          case 'completed': {
            const serial = (outcome.value as { readonly serial?: number } | null)?.serial;
            const isTrue = trials.some((trial) => trial.end === 'returned' && (serial === undefined || trial.serial === serial));
            return isTrue ? [] : [`${what} completed with ${JSON.stringify(outcome.value)}, which no attempt returned`];
          }
          case 'rejected':
            return trials.some(({ end }) => end === 'rejected') ? [] : [`${what} was rejected, and no attempt said so`];
          case 'failed':
            return failedTruly(what, call, outcome);
          case 'cancelled':
            return run.records.some((one) => isOf('CancelRequested', one.placed)) ? [] : [`${what} was cancelled, and its run was not`];
          default:
            return [`${what} came to ${outcome.kind}`];
        }
      });
    }),
};

function failedTruly(
  what: string,
  { failures, what: { policy } }: ActivityCall,
  { code, details }: { readonly code: string; readonly details?: unknown },
): readonly string[] {
  if (code !== 'activity-failed') return [`${what} failed with ${code}`];
  const { attempts, reason } = details as { readonly attempts: number; readonly reason: string };
  if (attempts !== failures.length + 1)
    return [`${what} failed after ${attempts} attempts, ${failures.length} failures are recorded before`];
  if (reason === 'attempts' && attempts !== policy.retry?.attempts)
    return [`${what} was given up after ${attempts} attempts of ${policy.retry?.attempts}`];
  return reason === 'deadline' && policy.deadlineMs === undefined ? [`${what} ran out of a deadline that it does not have`] : [];
}

/** One life of a node never makes two attempts at one call at once, unless it has told the earlier to stop; and no attempt twice. */
export const attemptsDoNotOverlap: Judge = {
  name: 'attempts-do-not-overlap',
  judge: (evidence) => {
    // One whose time has not come by the clock of the next life counts as not made: clocks that go back may hide one.
    const isSure = evidence.scenario.nodes === 1 && !evidence.jumped;
    return activityCalls(evidence).flatMap(([run, call, trials]) => {
      const wrong: string[] = [];
      for (const [at, later] of trials.entries()) {
        for (const earlier of trials.slice(0, at)) {
          const what = `${nameOfCall(run, call)} on ${later.node}`;
          const isTwice = earlier.attempt === later.attempt && (earlier.node === later.node || isSure);
          if (isTwice) wrong.push(`${what}: attempt ${later.attempt} was made twice`);
          const over = Math.min(earlier.endStep ?? Number.POSITIVE_INFINITY, earlier.abortedStep ?? Number.POSITIVE_INFINITY);
          if (earlier.node === later.node && over > later.startStep)
            wrong.push(`${what}: attempt ${later.attempt} started while attempt ${earlier.attempt} was out`);
        }
      }
      return wrong;
    });
  },
};

/** Every attempt at a call carries one key, and no other call's attempts do, but those of a refund, which carry that of its charge. */
export const keysAreStable: Judge = {
  name: 'keys-are-stable',
  judge: (evidence) => {
    const wrong: string[] = [];
    const owners = new Map<string, string>();
    for (const [run, call, trials] of activityCalls(evidence)) {
      const what = nameOfCall(run, call);
      const keys = new Set(trials.map(({ key }) => key));
      const [own] = keys;
      if (keys.size > 1) wrong.push(`${what} was attempted with the keys ${[...keys].join(', ')}`);
      if (own === undefined || call.what.activity === 'refund') continue;
      const other = owners.get(own);
      if (other !== undefined) wrong.push(`${what} has the key of ${other}`);
      owners.set(own, what);
    }
    return wrong;
  },
};

/** What was charged and is undone is refunded under the key of the charge, after the charge had settled; what is not undone is not refunded. */
export const chargesAreRefunded: Judge = {
  name: 'charges-are-refunded',
  judge: (evidence) => {
    const calls = activityCalls(evidence);
    const charges = new Map(calls.filter(([, { what }]) => what.activity === 'charge').map((one) => [tagOf(one[1]), one]));
    return calls.flatMap(([run, refund]): readonly string[] => {
      if (refund.what.activity !== 'refund') return [];
      const charge = charges.get(tagOf(refund));
      if (charge === undefined) return [];
      const [, made, trials] = charge;
      const settled = [...made.deferred, ...made.resolved][0];
      const what = `${nameOf(run)} refund of ${tagOf(refund)}`;
      if (settled === undefined || settled.revision > refund.opened.revision) return [`${what} overtook its charge`];
      const keys = new Set(trials.map(({ key }) => key));
      if (keys.size > 0 && refund.what.key !== [...keys][0])
        return [`${what} carries key ${refund.what.key}, its charge ${[...keys].join()}`];
      const isDone = refund.resolved.length > 0 && outcomeOf(run)?.kind !== 'terminated';
      const account = evidence.accounts.get(refund.what.key ?? '');
      return isDone && account?.refunded !== true ? [`${what} is done and nothing was refunded`] : [];
    });
  },
};

function tagOf({ what }: ActivityCall): string {
  return (what.input as { readonly tag: string }).tag;
}
