import { field, type HistoryEvent } from './http.ts';

/**
 * What the history of an entity at rest says of its runs, judged by rules of its own.
 *
 * Invariants:
 * R1. No revision is missing.
 * R2. Every run that was started ended once, and nothing ended that was not started.
 * R3. What a run waited for was resolved at most once, and no resolution came of something that it did not wait for.
 */
export function runProblems(address: string, history: readonly HistoryEvent[]): readonly string[] {
  const problems: string[] = [];
  const started = new Map<string, number>();
  const ended = new Map<string, number>();
  const calls = new Set<string>();
  const resolved = new Map<string, number>();
  for (const [n, { revision, type, data, metadata }] of history.entries()) {
    if (revision !== n) problems.push(`${address}: revision ${n} is missing`);
    const run = String(metadata['run']);
    const call = field(data, 'call');
    if (type === 'perdure:RunStarted') count(started, run);
    else if (type === 'perdure:RunCompleted') count(ended, run);
    else if (type === 'perdure:Scheduled' || (type === 'perdure:SignalSent' && call !== undefined)) calls.add(`${run} ${String(call)}`);
    else if (type === 'perdure:Resolved') count(resolved, `${run} ${String(call)}`);
  }
  for (const [run, times] of started)
    if (times !== 1 || ended.get(run) !== 1)
      problems.push(`${address}: run ${run} started ${times} times, ended ${ended.get(run) ?? 0} times`);
  for (const run of ended.keys()) if (!started.has(run)) problems.push(`${address}: run ${run} ended without a start`);
  for (const [call, times] of resolved) {
    if (times > 1) problems.push(`${address}: call ${call} was resolved ${times} times`);
    if (!calls.has(call)) problems.push(`${address}: call ${call} was resolved and never made`);
  }
  return problems;
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** How a task of a batch ended: with a value, or without one after so many attempts that were lost before the last. */
export interface TaskEnd {
  readonly n: number;
  readonly value: number | undefined;
  readonly lostAttempts: number;
}

/** The ends of the tasks that a batch did itself, in the order of its calls. */
export function taskEnds(history: readonly HistoryEvent[]): readonly TaskEnd[] {
  const ends = new Map<unknown, { n: number; value: number | undefined; lostAttempts: number }>();
  for (const { type, data } of history) {
    const end = ends.get(field(data, 'call'));
    if (type === 'perdure:Scheduled' && field(data, 'activity') === 'work') {
      ends.set(field(data, 'call'), { n: Number(field(field(data, 'input'), 'n')), value: undefined, lostAttempts: 0 });
    } else if (type === 'perdure:AttemptFailed' && end !== undefined && field(data, 'code') === 'attempt-lost') end.lostAttempts += 1;
    else if (type === 'perdure:Resolved' && end !== undefined) {
      const value = field(field(data, 'outcome'), 'value');
      end.value = typeof value === 'number' ? value : undefined;
    }
  }
  return [...ends.values()];
}
