import type { Clock } from '../ports/clock.ts';

/** Longest delay of one Node timer; longer waits are cut into pieces. */
const MAX_TIMER_MS = 2_000_000_000;

// Taken when this module loads, before the determinism guard puts itself in front of them.
const { queueMicrotask: queue, setTimeout: realSetTimeout, clearTimeout: realClearTimeout, setImmediate: realSetImmediate } = globalThis;
const realNow = Date.now.bind(Date);

/** The clock of the machine. */
export const realClock: Clock = {
  now: realNow,
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
