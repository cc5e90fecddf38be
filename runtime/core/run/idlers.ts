/** Who waits for the end of a drain, until a condition holds then. */
export class Idlers {
  #waiting: { readonly isReady: () => boolean; readonly resolve: () => void }[] = [];

  /** Resolves at the end of the first drain after which the condition holds. */
  until(isReady: () => boolean): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ isReady, resolve }));
  }

  /** After a drain: wakes whose condition holds. True if somebody was woken, so there is more to drain. */
  wake(): boolean {
    if (this.#waiting.length === 0) return false;
    const ready = this.#waiting.filter(({ isReady }) => isReady());
    if (ready.length === 0) return false;
    this.#waiting = this.#waiting.filter((one) => !ready.includes(one));
    for (const { resolve } of ready) resolve();
    return true;
  }
}
