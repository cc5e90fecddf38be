import { RunExecution } from '../../../runtime/core/run/execution.ts';
import { PendingCalls } from '../../../runtime/core/run/pending-calls.ts';
import { RunTable } from '../../../runtime/core/run/run-table.ts';
import { Runs } from '../../../runtime/core/run/runs.ts';
import { SagaScope } from '../../../runtime/core/run/saga.ts';
import { AttemptReports } from '../../../runtime/host/attempt-reports.ts';
import { Reads } from '../../../runtime/host/reads.ts';
import { Waiters } from '../../../runtime/host/waiters.ts';
import { FORGED } from '../knot/callback-senders.ts';
import { charge, chore, type Errand, refund } from '../knot/model.ts';
import { Outside } from '../knot/outside.ts';
import { answering, replaced } from './replaced.ts';

/** What is undone first was registered first. */
export const undoesInOrder = () =>
  replaced(
    SagaScope.prototype,
    'end',
    (end) =>
      function (this: SagaScope) {
        return [...end.call(this)].reverse();
      },
  );

/** A saga is undone as soon as its body throws. */
export const undoesAtOnce = () => answering(SagaScope.prototype, 'isSettled', () => true);

/** What was registered last is not undone. */
export const leavesLastUndone = () =>
  replaced(
    SagaScope.prototype,
    'end',
    (end) =>
      function (this: SagaScope) {
        return end.call(this).slice(1);
      },
  );

/** A refund does not carry the key of its charge. */
export const refundsUnderKeysOfTheirOwn = () =>
  replaced(
    SagaScope.prototype,
    'end',
    (end) =>
      function (this: SagaScope) {
        return end.call(this).map((step) => ({ ...step, stepCall: undefined }));
      },
  );

/** The failure of an attempt counts for the next one, too. */
export const takesSupersededFailures = () =>
  replaced(
    AttemptReports.prototype,
    'send',
    (send) =>
      function (this: AttemptReports, stream, input, settled, tries) {
        send.call(this, stream, input, settled, tries);
        if (input.outcome.kind === 'failed') send.call(this, stream, { ...input, attempt: input.attempt + 1 }, () => undefined);
      },
  );

/** What nobody knows the end of is taken for done. */
export const takesLostForDone = () =>
  replaced(
    AttemptReports.prototype,
    'send',
    (send) =>
      function (this: AttemptReports, stream, input, settled, tries) {
        const value = { serial: 0, attempt: input.attempt };
        const outcome = input.outcome.kind === 'lost' ? ({ kind: 'completed', value } as const) : input.outcome;
        send.call(this, stream, { ...input, outcome }, settled, tries);
      },
  );

/** An outcome that comes while its run cannot go on is forgotten. */
export const forgetsDeferred = () =>
  replaced(
    Runs.prototype,
    'resolved',
    (resolved) =>
      function (this: Runs, data, meta, at) {
        resolved.call(this, data, meta, at);
        if (data.deferred) this.of(meta)?.deferred.pop();
      },
  );

/** Serial runs do not wait for each other. */
export const ignoresSerial = () => answering(RunTable.prototype, 'serial', () => undefined);

/** A wait for the state ends whatever the state. */
export const satisfiedByAnything = () =>
  replaced(
    PendingCalls.prototype,
    'add',
    (add) =>
      function (this: PendingCalls, call, { predicate, ...waiting }) {
        return add.call(this, call, predicate === undefined ? waiting : { ...waiting, predicate: () => true });
      },
  );

/** When a run is executed again, what it waits for is asked of the state anew. */
export const asksPredicatesInReplay = () =>
  replaced(
    RunExecution.prototype,
    'wait',
    (wait) =>
      function (this: RunExecution, waiting, record, bytes, shielded) {
        const begun = wait.call(this, waiting, record, bytes, shielded);
        const { call } = begun;
        if (this.segments.isReplaying && call !== undefined && waiting.predicate?.(this.segments.context.state()) === true)
          this.calls.take(call)?.resolve(this.segments.context.state());
        return begun;
      },
  );

/** A run whose waits were cancelled is told of it once more. */
export const cancelsTwice = () =>
  replaced(
    RunExecution.prototype,
    'deliver',
    (deliver) =>
      function (this: RunExecution, trigger) {
        deliver.call(this, trigger);
        if (trigger.kind === 'cancelled') this.cancellation.isDue = true;
      },
  );

/** Whoever has the place of a callback may complete it. */
export const believesForgers = () =>
  replaced(
    Reads.prototype,
    'callback',
    (callback) =>
      function (this: Reads, { token, outcome }) {
        return callback.call(this, { token: token.endsWith(FORGED) ? token.slice(0, -FORGED.length) : token, outcome });
      },
  );

/** Who waits for a run is told that it returned nothing. */
export const tellsNothing = () =>
  replaced(
    Waiters.prototype,
    'tell',
    (tell) =>
      function (this: Waiters, stream, run, answer) {
        tell.call(this, stream, run, answer.kind === 'done' ? { ...answer, result: null } : answer);
      },
  );

/** Each attempt has a key of its own. */
export const keysPerAttempt = () =>
  replaced(
    Outside.prototype,
    'activities',
    (activities) =>
      function (this: Outside, life) {
        return activities.call(this, life).map((one) => {
          const declared = [chore, charge, refund].find(({ activity }) => activity === one.activity);
          const work = one.work as (errand: Errand, info: { attempt: number; idempotencyKey: string }) => never;
          if (declared === undefined) return one;
          return declared.implement((errand: Errand, info) =>
            work(errand, { ...info, idempotencyKey: `${info.idempotencyKey}.${info.attempt}` }),
          );
        });
      },
  );
