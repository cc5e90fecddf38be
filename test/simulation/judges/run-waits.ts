import { emptyImage, foldTurn } from '../../../runtime/core/image.ts';
import { addressOf } from '../../../runtime/core/record.ts';
import { readCallbackToken } from '../../../runtime/core/run/callback-token.ts';
import { viewOf } from '../../../runtime/host/view.ts';
import { DEFINITIONS } from '../casts.ts';
import type { Evidence } from '../evidence.ts';
import type { Notice } from '../knot/model.ts';
import { type Judge, same } from './judge.ts';
import { everyCall } from './run-calls.ts';
import { callKey, dataOf, nameOf, type RunHistory, runsOf } from './run-histories.ts';

/** How late a wait may end when nothing goes wrong; far beyond it, the clocks were moved on meanwhile. */
const LATE_MS = 2_000;
const MOVED_MS = 86_400_000;

/** Sleeps and time-outs never end early, and soon after they are due. */
export const waitsEndInTime: Judge = {
  name: 'waits-end-in-time',
  judge: (evidence) => {
    const isUndisturbed = evidence.faults.size === 0 && !evidence.scenario.pressure;
    return everyCall(evidence).flatMap(([run, { number, what, resolved, deferred }]) => {
      const [placed] = [...deferred, ...resolved];
      if (placed === undefined || (what.kind !== 'sleep' && what.kind !== 'until' && what.kind !== 'callback')) return [];
      const { outcome } = dataOf('Resolved', placed);
      if (what.kind !== 'sleep' && outcome.kind !== 'timedOut') return [];
      const name = `${nameOf(run)} ${what.kind} ${number}`;
      if (what.dueAt === undefined) return [`${name} timed out without a time-out`];
      const late = placed.turn.time - what.dueAt;
      if (late < 0) return [`${name} ended ${-late} ms early`];
      return isUndisturbed && late > LATE_MS && late < MOVED_MS ? [`${name} ended ${late} ms late`] : [];
    });
  },
};

function noticesOf(run: RunHistory): readonly { readonly notice: Notice; readonly segment: number; readonly revision: number }[] {
  return run.records.flatMap(({ placed, segment }) =>
    placed.record.type === 'Noticed' ? [{ notice: placed.record.data as Notice, segment, revision: placed.revision }] : [],
  );
}

/** What an `until` resolves with is the state at that moment, and it satisfies. */
export const untilsSeeWhatSatisfies: Judge = {
  name: 'untils-see-what-satisfies',
  judge: (evidence) =>
    runsOf(evidence).flatMap((run) =>
      noticesOf(run).flatMap(({ notice, segment }) => {
        if (notice.what !== 'satisfied') return [];
        const trigger = run.records.find((record) => record.segment === segment)?.placed.revision ?? -1;
        const bumps = (evidence.streams.get(run.stream) ?? []).filter(
          ({ record, revision }) => record.type === 'Bumped' && revision < trigger,
        ).length;
        const what = `${nameOf(run)} until at ${notice.path}`;
        if (notice.bumps < notice.goal) return [`${what} got ${notice.bumps} and waited for ${notice.goal}`];
        // A wait that ended in an earlier segment may be noticed later: the state only grows.
        return notice.bumps > bumps ? [`${what} got ${notice.bumps}, the stream had ${bumps}`] : [];
      }),
    ),
};

/** A cancellation reaches a run once: all its waits at one moment, or instead of the next thing that it starts; and only if it was asked for. */
export const cancelledOnce: Judge = {
  name: 'cancelled-once',
  judge: (evidence) =>
    runsOf(evidence).flatMap((run) => {
      const wrong: string[] = [];
      if (run.cancels.length > 1) wrong.push(`${nameOf(run)} was asked to stop ${run.cancels.length} times`);
      const told = noticesOf(run).filter(({ notice }) => notice.what === 'cancelled');
      if (told.length > 0 && run.cancels.length === 0) wrong.push(`${nameOf(run)} got a CancelledError and was not cancelled`);
      // A call that was cancelled tells so whenever it settles; that is its true outcome.
      const settled = [...run.calls.values()].filter(({ resolved }) =>
        resolved.some((placed) => dataOf('Resolved', placed).outcome.kind === 'cancelled'),
      );
      const closed = run.cancels.flatMap((placed) => dataOf('CancelRequested', placed).closes).length;
      if (told.length > settled.length + Math.max(1, closed))
        wrong.push(`${nameOf(run)} got ${told.length} CancelledErrors: ${settled.length} calls were cancelled, ${closed} waits closed`);
      return wrong;
    }),
};

/** A callback is completed once, by whoever has its token, with what the stream says; forgers never are believed; who was told `taken` was. */
export const callbacksCompletedOnce: Judge = {
  name: 'callbacks-completed-once',
  judge: (evidence) => {
    const calls = new Map(everyCall(evidence).map(([run, call]) => [callKey(run, call.number), call]));
    return evidence.completions.flatMap(({ token, isForged, isSent, outcome, told }) => {
      if (told === undefined) return !isSent ? [] : [`a completion of ${token} was never answered`];
      if (isForged) return told === 'taken' ? [`a forged completion of ${token} was taken`] : [];
      if (told !== 'taken')
        return ['callback-completed', 'callback-closed', 'forgotten'].includes(told) ? [] : [`a completion was refused with ${told}`];
      const { address } = readCallbackToken(token) ?? {};
      const call =
        address === undefined ? undefined : calls.get(callKey({ type: address.type, entity: address.id, id: address.run }, address.call));
      const [resolved] = call?.resolved ?? [];
      if (resolved === undefined) return [`a completion of ${token} was taken and is not in the stream`];
      const recorded = dataOf('Resolved', resolved).outcome;
      const isSame =
        'result' in outcome
          ? recorded.kind === 'completed' && same(recorded.value, outcome.result)
          : recorded.kind === 'rejected' && recorded.code === outcome.error.code && recorded.message === outcome.error.message;
      return isSame ? [] : [`a completion ${JSON.stringify(outcome)} was taken, the stream has ${JSON.stringify(recorded)}`];
    });
  },
};

/** What a node showed of an entity in between is what its stream folds to at that revision. */
export const looksAreFolds: Judge = {
  name: 'looks-are-folds',
  judge: (evidence) => evidence.looks.flatMap(({ node, view }) => compared(evidence, node, view)),
};

function compared({ turns }: Evidence, node: string, view: Evidence['looks'][number]['view']): readonly string[] {
  const stream = `${view.type}-${view.id}`;
  const definition = DEFINITIONS.find(({ type }) => type === addressOf(stream)?.type);
  if (definition === undefined) return [`${stream} is of no known type`];
  const image = emptyImage(definition, view.id);
  for (const turn of turns) if (turn.stream === stream && turn.firstRevision <= view.revision) foldTurn(image, turn, (state) => state);
  const folded = viewOf(image);
  return same(view, folded) ? [] : [`${node} showed ${JSON.stringify(view)}, the stream folds to ${JSON.stringify(folded)}`];
}
