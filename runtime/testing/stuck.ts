import type { EntityView } from '../host/surface.ts';

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
    ...runs.map(({ name, signalId, status, ...rest }) => `${whose} run '${name}' (${signalId}) is ${status}${problemOf(rest)}`),
    ...owes.map(({ kind, name, dueAt, ...rest }) => `${whose} owes ${kind} '${name}', ${dueOf(dueAt)}${failureOf(rest)}`),
  ];
}

function dueOf(dueAt: number | null): string {
  return dueAt === null ? 'without a time' : `due ${new Date(dueAt).toISOString()}`;
}

function problemOf(rest: object): string {
  const problem: unknown = Reflect.get(rest, 'problem');
  return problem === undefined || problem === null ? '' : `: ${JSON.stringify(problem)}`;
}

function failureOf(rest: object): string {
  const failure: unknown = Reflect.get(rest, 'lastFailure');
  const attempt: unknown = Reflect.get(rest, 'attempt');
  const tried = attempt === undefined ? '' : `, attempt ${String(attempt)}`;
  return failure === undefined || failure === null ? tried : `${tried}, last failure: ${JSON.stringify(failure)}`;
}
