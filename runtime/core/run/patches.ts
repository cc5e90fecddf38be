/** Which lines `patched(change)` a run goes through as they were before the change, and which as the first to do so. */
export class Patches {
  readonly #unpatched = new Set<string>();
  readonly #patched = new Set<string>();

  /**
   * How a line is gone through: the `old` way, the `new` way, or the new way for the `first` time, which is to be marked. `first` is the segment that did so
   * by the run's history.
   */
  pass(change: string, first: number | undefined, segment: number, isReplaying: boolean): 'old' | 'new' | 'first' {
    if (this.#patched.has(change) || (first !== undefined && first <= segment)) return 'new';
    if (isReplaying || this.#unpatched.has(change)) {
      this.#unpatched.add(change);
      return 'old';
    }
    this.#patched.add(change);
    return 'first';
  }
}
