import { PerdureError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { RunExecution } from './execution.ts';

/**
 * `map`: the same work for many items, a bounded number at once.
 *
 * Invariants:
 * P1. Items start in their order; at most `concurrency` are under way, and at most `maxMapStarts` start in one segment: the others wait for the next turn.
 * P2. After a failure nothing new starts; the failure is told at once, what is under way goes on.
 */
export async function mapItems<X, O>(
  execution: RunExecution,
  items: Iterable<X>,
  work: (item: X, index: number) => Promise<O>,
  concurrency: number,
): Promise<O[]> {
  if (!(Number.isSafeInteger(concurrency) && concurrency >= 1 && concurrency <= LIMITS.maxCallsPerRun)) {
    throw execution.segments.spoilt(
      new PerdureError('invalid-definition', `concurrency of map is a whole number from 1 to ${LIMITS.maxCallsPerRun}`),
    );
  }
  const iterator = items[Symbol.iterator]();
  const results: O[] = [];
  let started = 0;
  let isOver = false;
  const lane = async (): Promise<void> => {
    for (;;) {
      while (!isOver && execution.mapping.starts >= LIMITS.maxMapStarts) await nextTurn(execution);
      if (isOver) return;
      const next = iterator.next();
      if (next.done === true) {
        isOver = true;
        return;
      }
      const index = started;
      started += 1;
      execution.mapping.starts += 1;
      try {
        results[index] = await work(next.value, index);
      } catch (error) {
        isOver = true;
        throw error;
      }
    }
  };
  const lanes: Promise<void>[] = [];
  // A lane that finds nothing left ends the making of lanes: few items do not make a thousand of them.
  while (!isOver && lanes.length < concurrency) lanes.push(lane());
  await Promise.all(lanes);
  return results;
}

/** A sleep of no time, shared by all that wait for the next turn. */
function nextTurn(execution: RunExecution): Promise<unknown> {
  if (execution.mapping.turnBreak === undefined) {
    const { nowMs } = execution.segments.scope;
    const { promise } = execution.wait(
      { kind: 'sleep', name: 'map' },
      (call) => ({ scheduled: { kind: 'sleep', call, dueAt: nowMs } }),
      16,
    );
    execution.mapping.turnBreak = promise.finally(() => {
      execution.mapping.turnBreak = undefined;
    });
  }
  return execution.mapping.turnBreak;
}
