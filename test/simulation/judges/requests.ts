import type { ErrorCode } from '../../../runtime/core/errors.ts';
import type { JournalData } from '../../../runtime/core/journal.ts';
import type { NewRecord } from '../../../runtime/core/record.ts';
import type { Attempt, Request } from '../../../runtime/testing/simulation/history.ts';
import { type Evidence, wasForgotten } from '../evidence.ts';
import { effectOf, effectsOf, isTraceable, wasOverruled } from './effects.ts';
import type { Judge } from './judge.ts';

const nameOf = ({ from, number, type, id, name }: Request) => `${from}#${number} ${type}/${id}.${name}`;
const told = ({ attempts }: Request) => attempts.flatMap(({ answers }) => answers);

/** What was answered `done` is in the stream (or an operator skipped it). */
export const noAcknowledgedSignalLost: Judge = {
  name: 'no-acknowledged-signal-lost',
  judge: (evidence) =>
    evidence.requests
      .filter((request) => effectOf(request.name) !== undefined && isTraceable(request))
      .filter((request) => told(request).some(({ kind }) => kind === 'done') && !wasForgotten(evidence, `${request.type}-${request.id}`))
      .filter((request) => effectsOf(evidence, request).length === 0 && !wasOverruled(evidence, request))
      .map((request) => `${nameOf(request)} was answered done and left nothing`),
};

/** No request took effect twice, however often it was sent. */
export const noneTwice: Judge = {
  name: 'none-twice',
  judge: (evidence) => [
    ...evidence.requests
      .filter((request) => isTraceable(request) && effectOf(request.name) !== undefined)
      .map((request) => [request, effectsOf(evidence, request).length] as const)
      .filter(([, count]) => count > 1)
      .map(([request, count]) => `${nameOf(request)} took effect ${count} times`),
    ...wrongSums(evidence),
  ],
};

/** The balance of an account is the sum of the deposits and withdrawals that took effect. */
function wrongSums(evidence: Evidence): string[] {
  const wrong: string[] = [];
  for (const [node, views] of evidence.views) {
    for (const [stream, view] of views) {
      if (typeof view === 'string' || view.type !== 'account') continue;
      const amounts = evidence.requests
        .filter((request) => request.type === 'account' && request.id === view.id && effectsOf(evidence, request).length > 0)
        .map(({ name, payload }) => signed(name, payload));
      const sum = amounts.reduce((total, amount) => total + amount, 0);
      const state = view.state as { readonly balance?: number };
      if ((state.balance ?? 0) !== sum) wrong.push(`${node}: ${stream} has ${state.balance}, bookings add up to ${sum}`);
    }
  }
  return wrong;
}

function signed(name: string, payload: unknown): number {
  const { amount } = payload as { readonly amount?: number };
  return name === 'withdraw' ? -(amount ?? 0) : (amount ?? 0);
}

/** Told with one of these, a request left nothing and never will. */
const DEFINITE: readonly ErrorCode[] = [
  'store-full',
  'overloaded',
  'invalid-payload',
  'parked',
  'paused',
  'unknown-signal',
  'defect',
  'turn-too-large',
  'held-overflow',
];

/** A request that was refused in every attempt left nothing. */
export const refusedLeftNothing: Judge = {
  name: 'refused-left-nothing',
  judge: (evidence) =>
    evidence.requests
      .filter((request) => request.attempts.length > 0 && request.attempts.every(wasRefused) && effectsOf(evidence, request).length > 0)
      .map((request) => `${nameOf(request)} was refused (${JSON.stringify(told(request))}) and took effect`),
};

function wasRefused({ answers, withdrawn }: Attempt): boolean {
  const [answer] = answers;
  if (answer === undefined) return withdrawn === true;
  return answer.kind === 'rejected' || (answer.kind === 'failed' && DEFINITE.includes(answer.code));
}

/** Every attempt is answered once: not twice ever, and not never unless its node crashed. */
export const answeredExactlyOnce: Judge = {
  name: 'answered-exactly-once',
  judge: (evidence) =>
    evidence.requests.flatMap((request) =>
      request.attempts.flatMap(({ answers, node, nodeEnded, withdrawn }) => {
        if (answers.length > 1) return [`${nameOf(request)} was answered ${answers.length} times by ${node}`];
        if (answers.length === 1 && withdrawn !== undefined) return [`${nameOf(request)} was withdrawn and answered by ${node}`];
        // A source hears nothing of an orderly stop: it sends again from where it knows of an end.
        const excused = nodeEnded === 'crashed' || withdrawn !== undefined || (nodeEnded === 'stopped' && request.mark !== undefined);
        return answers.length === 0 && !excused ? [`${nameOf(request)} was never answered by ${node} (${nodeEnded ?? 'running'})`] : [];
      }),
    ),
};

/** What one sender asked of one entity, one after another, took effect in that order. */
export const orderPerEntity: Judge = {
  name: 'order-per-entity',
  judge: (evidence) => {
    const last = new Map<string, { readonly revision: number; readonly request: Request }>();
    const wrong: string[] = [];
    for (const request of evidence.requests) {
      const [effect] = effectsOf(evidence, request);
      // What was rejected, or nobody knows the end of, may come in later by another attempt.
      if (effect === undefined || request.unordered || (request.final?.kind !== 'done' && request.mark === undefined)) continue;
      const slot = `${request.from} ${request.type}/${request.id}`;
      const before = last.get(slot);
      if (before !== undefined && before.request.number < request.number && before.revision >= effect.revision) {
        wrong.push(`${nameOf(request)} (revision ${effect.revision}) overtook ${nameOf(before.request)} (revision ${before.revision})`);
      }
      last.set(slot, { revision: effect.revision, request });
    }
    return wrong;
  },
};

/** A decision that left nothing rests on everything that was acknowledged before it was asked for. */
export const noOpIsCurrent: Judge = {
  name: 'no-op-is-current',
  judge: (evidence) => {
    const acks = evidence.requests.flatMap(({ type, id, attempts }) =>
      attempts.flatMap(({ answers, toldMs }) =>
        answers.flatMap((answer) =>
          answer.kind === 'done' && toldMs !== undefined ? [{ type, id, toldMs, position: answer.position }] : [],
        ),
      ),
    );
    // A run that ended with a rejection tells it for ever.
    const ends = new Set([...evidence.streams.values()].flat().flatMap(({ record, position }) => (isEnd(record) ? [position] : [])));
    return evidence.requests.flatMap((request) =>
      request.attempts.flatMap(({ atMs, answers: [answer] }) => {
        if (answer === undefined || answer.kind === 'failed' || (answer.kind === 'done' && answer.repeated)) return [];
        if (answer.kind === 'rejected' && ends.has(answer.position)) return [];
        const missed = acks.find(
          ({ type, id, toldMs, position }) => type === request.type && id === request.id && toldMs < atMs && position > answer.position,
        );
        return missed === undefined
          ? []
          : [`${nameOf(request)} was decided at ${answer.position}, but ${missed.position} was acknowledged before`];
      }),
    );
  },
};

function isEnd({ type, data }: NewRecord): boolean {
  return type === 'perdure:RunCompleted' && (data as JournalData['RunCompleted']).outcome.kind === 'rejected';
}
