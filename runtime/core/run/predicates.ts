/**
 * What the `until`s of one execution wait for.
 *
 * Invariants:
 * T1. A predicate is a function of the state and of what its handler knows: on the same state it is asked again only after a segment of its run.
 */
export class Predicates {
  readonly #open = new Map<number, (state: unknown) => boolean>();
  /** The state on which all were false. */
  #askedOn: unknown = NEVER;

  add(call: number, predicate: (state: unknown) => boolean): void {
    this.#open.set(call, predicate);
  }

  delete(call: number): void {
    this.#open.delete(call);
  }

  /** A segment of the run begins (T1). */
  renew(): void {
    this.#askedOn = NEVER;
  }

  /** The first call whose predicate holds, undefined if none does. Throws what a predicate throws. */
  first(state: unknown): number | undefined {
    if (state === this.#askedOn) return undefined;
    for (const [call, predicate] of this.#open) if (predicate(state)) return call;
    this.#askedOn = state;
    return undefined;
  }
}

const NEVER = Symbol('never');
