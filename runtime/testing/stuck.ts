import type { EntityView, OwedView } from '../host/surface.ts';

/** Entities named in one message. */
const MAX_NAMED = 20;

/** Why a wait can have no end: what stands open, entity by entity. `open`: entities that owe something, wait or stand still. */
export function stuck(what: string, why: string, open: readonly EntityView[], nowMs: number): Error {
  const lines = open.slice(0, MAX_NAMED).flatMap(linesOf);
  if (open.length > MAX_NAMED) lines.push(`and ${open.length - MAX_NAMED} more`);
  if (lines.length === 0) lines.push('no entity owes anything, runs, is parked or paused');
  return new Error([`${what}: ${why} (it is ${new Date(nowMs).toISOString()})`, ...lines].join('\n  '));
}

function linesOf({ type, id, runs, owes, parked, paused }: EntityView): readonly string[] {
  const whose = `${type}/${id}`;
  return [
    ...(parked === null
      ? []
      : [`${whose} is parked (${parked.reason}) at '${parked.signal ?? ''}', ${parked.held} held: ${parked.message}`]),
    ...(paused === null ? [] : [`${whose} is paused by ${paused.by}: ${paused.why}`]),
    ...runs.map(({ name, signalId, status, problem }) => `${whose} run '${name}' (${signalId}) is ${status}${problemOf(problem)}`),
    ...owes.map((owed) => `${whose} owes ${owedOf(owed)}`),
  ];
}

function owedOf({ kind, name, dueAt, failures, lastFailure }: OwedView): string {
  const due = dueAt === null ? 'without a time' : `due ${new Date(dueAt).toISOString()}`;
  const failed = failures === undefined || failures === 0 ? '' : `, failed ${failures} times`;
  return `${kind} '${name}', ${due}${failed}${problemOf(lastFailure)}`;
}

function problemOf(problem: OwedView['lastFailure']): string {
  return problem === undefined ? '' : `: ${problem.code}: ${problem.message}`;
}
