import { CANCEL, type CancelPayload, type Outcome, type ReplyPayload } from '../../../runtime/core/journal.ts';
import { type Evidence, type Placed, wasForgotten } from '../evidence.ts';
import { type Judge, same } from './judge.ts';
import { type CallHistory, callKey, dataOf, isOf, nameOf, outcomeOf, type RunHistory, repliesOf, runsOf } from './run-histories.ts';

/** Every call gets exactly one reply: from whoever it was made to, or from the outbox if it reached nobody. */
export const callsGetOneReply: Judge = {
  name: 'calls-get-one-reply',
  judge: (evidence) => {
    const replies = repliesOf(evidence);
    return everyCall(evidence).flatMap(([run, call]) => {
      if (call.what.kind !== 'signal') return [];
      const what = `${nameOf(run)} call ${call.number} of ${call.what.type}/${call.what.id} ${call.what.name}`;
      const sent = replies.get(callKey(run, call.number)) ?? [];
      const fromOutbox = call.resolved.concat(call.deferred).some(isFromOutbox);
      if (sent.length + (fromOutbox ? 1 : 0) > 1)
        return [`${what} got ${sent.length} replies${fromOutbox ? ' and one from the outbox' : ''}`];
      const isGone = wasForgotten(evidence, `${call.what.type}-${call.what.id}`);
      return sent.length === 0 && !fromOutbox && !isGone ? [`${what} got no reply`] : [];
    });
  },
};

function isFromOutbox({ record }: Placed): boolean {
  return record.meta.mark?.source.endsWith('/failed') === true;
}

/** A call is resolved once, with what was replied; what is deferred comes again as it was; nothing is resolved that was not asked for. */
export const resolvedAsReplied: Judge = {
  name: 'resolved-as-replied',
  judge: (evidence) => {
    const replies = repliesOf(evidence);
    return [
      ...everyCall(evidence).flatMap(([run, call]) => resolvedOnce(run, call)),
      ...everyCall(evidence).flatMap(([run, call]) => {
        const [resolved] = [...call.deferred, ...call.resolved];
        if (call.what.kind !== 'signal' || resolved === undefined || isFromOutbox(resolved)) return [];
        const [reply] = replies.get(callKey(run, call.number)) ?? [];
        const { outcome } = dataOf('Resolved', resolved);
        if (reply === undefined) return [`${nameOf(run)} call ${call.number} was resolved without a reply`];
        const { outcome: replied } = dataOf('SignalSent', reply).payload as ReplyPayload;
        return same(outcome, replied)
          ? []
          : [`${nameOf(run)} call ${call.number} was resolved ${JSON.stringify(outcome)}, replied was ${JSON.stringify(replied)}`];
      }),
      ...runsOf(evidence).flatMap(unasked),
    ];
  },
};

function resolvedOnce(run: RunHistory, { number, resolved, deferred, closed }: CallHistory): readonly string[] {
  const what = `${nameOf(run)} call ${number}`;
  const wrong: string[] = [];
  if (resolved.length > 1) wrong.push(`${what} was resolved ${resolved.length} times`);
  if (deferred.length > 1) wrong.push(`${what} was resolved and deferred ${deferred.length} times`);
  if (closed !== undefined && resolved.length > 0) wrong.push(`${what} was closed by a cancellation and resolved`);
  const [one] = resolved;
  const [other] = deferred;
  if (one !== undefined && other !== undefined && !same(dataOf('Resolved', one).outcome, dataOf('Resolved', other).outcome))
    wrong.push(`${what} was deferred with another outcome than it was resolved with`);
  if (
    other !== undefined &&
    one === undefined &&
    outcomeOf(run)?.kind === 'completed' &&
    run.records.some(({ placed }) => isOf('RunResumed', placed)) === false &&
    !endedBeforeIt(run, other)
  )
    wrong.push(`${what} was deferred and never told`);
  return wrong;
}

/** A run may end by another of its deferred triggers. */
function endedBeforeIt(run: RunHistory, deferred: Placed): boolean {
  const end = run.completed[0]?.revision ?? Number.POSITIVE_INFINITY;
  return run.records.some(
    ({ placed }) =>
      (isOf('Resolved', placed) || isOf('CancelRequested', placed)) && placed.revision > deferred.revision && placed.revision < end,
  );
}

function unasked(run: RunHistory): readonly string[] {
  return run.records
    .filter(({ placed }) => isOf('Resolved', placed) && !run.calls.has(dataOf('Resolved', placed).call))
    .map(({ placed }) => `${nameOf(run)} has an outcome of call ${dataOf('Resolved', placed).call}, which it never made`);
}

/** What a callee that opened a run replies is how that run ended. */
export const repliesAreOutcomes: Judge = {
  name: 'replies-are-outcomes',
  judge: (evidence) => {
    const replies = repliesOf(evidence);
    return runsOf(evidence).flatMap((run) => {
      const origin = run.started === undefined ? run.received && dataOf('SignalReceived', run.received) : dataOf('RunStarted', run.started);
      const reply = origin?.reply;
      const outcome = outcomeOf(run);
      if (reply === undefined || outcome === undefined) return [];
      const sent = replies.get(callKey({ type: reply.type, entity: reply.id, id: reply.run }, reply.call)) ?? [];
      const told = sent.map((placed) => (dataOf('SignalSent', placed).payload as ReplyPayload).outcome);
      return told.length === 1 && same(told[0], outcome)
        ? []
        : [`${nameOf(run)} ended ${JSON.stringify(outcome)} and replied ${JSON.stringify(told)}`];
    });
  },
};

/** When a run ends or is cancelled, what it called and still waits for is asked to stop, but no compensation ever is. */
export const calleesAreAskedToStop: Judge = {
  name: 'callees-are-asked-to-stop',
  judge: (evidence) => {
    const asked = new Set<string>();
    for (const placed of [...evidence.streams.values()].flat()) {
      if (!isOf('SignalSent', placed) || dataOf('SignalSent', placed).name !== CANCEL) continue;
      const { caller } = dataOf('SignalSent', placed).payload as CancelPayload;
      asked.add(callKey({ type: caller.type, entity: caller.id, id: caller.run }, caller.call));
    }
    return everyCall(evidence).flatMap(([run, call]) => {
      const { what } = call;
      if (what.kind !== 'signal') return [];
      const wasAsked = asked.has(callKey(run, call.number));
      const name = `${nameOf(run)} call ${call.number} of ${what.type}/${what.id} ${what.name}`;
      if (what.shielded === true && wasAsked && outcomeKind(run) !== 'terminated' && outcomeKind(run) !== 'failed')
        return [`${name} is a compensation and was asked to stop`];
      const isLeft = call.resolved.length === 0 && call.deferred.length === 0 && run.completed.length > 0;
      return isLeft && what.shielded !== true && !wasAsked ? [`${name} was left and not asked to stop`] : [];
    });
  },
};

function outcomeKind(run: RunHistory): Outcome['kind'] | undefined {
  return outcomeOf(run)?.kind;
}

/** Every call of every run. */
export function everyCall(evidence: Evidence): readonly (readonly [RunHistory, CallHistory])[] {
  return runsOf(evidence).flatMap((run) => [...run.calls.values()].map((call) => [run, call] as const));
}
