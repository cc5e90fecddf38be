/**
 * A binary min-heap in a plain array (Williams 1964, "Algorithm 232: Heapsort"), with the order passed in so that it costs no object of its own.
 *
 * Invariants:
 * P1. After every `heapPush` and `heapPop` no item is before its parent (`(at - 1) >> 1`), so `heap[0]` is before or equal to every other. A sorted array is a heap.
 * P2. `before` is a strict order; items that it does not tell apart come out in any order.
 */

/** Adds an item, in O(log n). */
export function heapPush<T>(heap: T[], item: T, before: (a: T, b: T) => boolean): void {
  let at = heap.push(item) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent];
    if (above === undefined || !before(item, above)) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = item;
}

/** Takes the first item out, in O(log n); undefined if there is none. */
export function heapPop<T>(heap: T[], before: (a: T, b: T) => boolean): T | undefined {
  const top = heap[0];
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return top;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    const right = heap[child + 1];
    let next = heap[child];
    if (next === undefined) break;
    if (right !== undefined && before(right, next)) {
      next = right;
      child += 1;
    }
    if (!before(next, last)) break;
    heap[at] = next;
    at = child;
  }
  heap[at] = last;
  return top;
}
