// Taken when this module loads, before the determinism guard puts itself in front of it.
const { queueMicrotask: queue } = globalThis;

/**
 * Resolves when no microtask is left, however long their chains. Node looks at its queue of ticks when that of microtasks is empty; a tick that was
 * planned outside of a microtask would come before them.
 */
export function drained(): Promise<void> {
  return new Promise((resolve) => queue(() => process.nextTick(resolve)));
}
