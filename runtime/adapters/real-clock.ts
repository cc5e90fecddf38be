import type { Clock } from '../ports/clock.ts';

/** Longest delay of one Node timer; longer waits are cut into pieces. */
const MAX_TIMER_MS = 2_000_000_000;

// Taken when this module loads, before the determinism guard puts itself in front of them.
const { queueMicrotask: queue, setTimeout: realSetTimeout, clearTimeout: realClearTimeout, setImmediate: realSetImmediate } = globalThis;
const realNow = Date.now.bind(Date);

/** How fast time goes while it is ahead of a wall clock that was put back. */
const CATCHING_UP = 1 / 2;

/**
 * Wall time in whole milliseconds, but that it never goes back. Where the wall clock is put forward, time is too. Where it is put back, time goes on from
 * where it was at half its speed, until the wall clock has caught up: what waits for a while then waits twice as long at worst, and not for as long as the
 * clock was wrong; and what is due at a date is right again by itself. `steadyMs` counts on whatever happens to the wall clock.
 */
export function forwardTime(wallMs: () => number, steadyMs: () => number): () => number {
  let last = Number.NEGATIVE_INFINITY;
  let ahead: { readonly from: number; readonly sinceMs: number } | undefined;
  return () => {
    const wall = wallMs();
    if (ahead === undefined) {
      if (wall >= last) {
        last = wall;
        return wall;
      }
      ahead = { from: last, sinceMs: steadyMs() };
    }
    const { from, sinceMs } = ahead;
    const held = Math.floor(from + (steadyMs() - sinceMs) * CATCHING_UP);
    if (wall >= held) ahead = undefined;
    last = Math.max(wall, held);
    return last;
  };
}

/** The clock of the machine, which does not go back while the process lives. */
export const realClock: Clock = {
  now: forwardTime(realNow, performance.now.bind(performance)),
  after: (delayMs, run) => {
    let timer: NodeJS.Timeout;
    const arm = (leftMs: number) => {
      const piece = Math.min(leftMs, MAX_TIMER_MS);
      timer = realSetTimeout(() => (leftMs > piece ? arm(leftMs - piece) : run()), piece);
    };
    arm(Math.max(0, delayMs));
    return () => realClearTimeout(timer);
  },
  soon: (run) => void realSetImmediate(run),
};

/**
 * Calls `run` once, when no microtask is left, however long their chains. Node looks at its queue of ticks only when the queue of microtasks is empty; a
 * tick that was planned outside of a microtask would come before them.
 */
export function realDrain(run: () => void): void {
  queue(() => process.nextTick(run));
}
