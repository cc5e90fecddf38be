/**
 * The promise of something that a run waits for: it knows whether anybody does. A rejection that nobody takes is no unhandled one: the run that does not
 * await a call is told so when it ends.
 */
export class Awaited<T> extends Promise<T> {
  /** What `then` makes is an ordinary promise. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  readonly #seen: { isAwaited: boolean };

  constructor(executor: (resolve: (value: T | PromiseLike<T>) => void, reject: (reason: unknown) => void) => void) {
    super(executor);
    this.#seen = { isAwaited: false };
    Promise.prototype.then.call(this, undefined, () => undefined);
  }

  /** Did somebody wait for it? */
  get isAwaited(): boolean {
    return this.#seen.isAwaited;
  }

  // biome-ignore lint/suspicious/noThenProperty: it is a promise
  override then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#seen.isAwaited = true;
    return super.then(fulfilled, rejected);
  }
}
