import type { OpenRun } from './open-run.ts';

/**
 * The open runs of one entity that may have something to do although nothing arrives for them: with deferred triggers, or open `until`s. Few, or none, of
 * however many are open.
 */
export class Attention {
  readonly #runs = new Set<OpenRun>();
  /** These in run order, undefined if that is not known. */
  #inOrder: OpenRun[] | undefined;

  /** Is there one that can go on at once: with deferred triggers, and not stalled? */
  get hasDeferred(): boolean {
    for (const run of this.#runs) if (run.deferred.length > 0 && run.stalled === undefined) return true;
    return false;
  }

  /** All of them, in the order in which they were started. */
  inOrder(): readonly OpenRun[] {
    this.#inOrder ??= [...this.#runs].sort((a, b) => a.startRevision - b.startRevision);
    return this.#inOrder;
  }

  /** What a run waits for has changed, or it is open no longer. */
  heed(run: OpenRun): void {
    const isIn = !run.isOver && (run.untils > 0 || run.deferred.length > 0);
    if (this.#runs.has(run) === isIn) return;
    const isNewest = (this.#inOrder?.at(-1)?.startRevision ?? -1) < run.startRevision;
    if (isIn) this.#runs.add(run);
    else this.#runs.delete(run);
    // Most that begin to wait are the newest.
    if (isIn && isNewest) this.#inOrder?.push(run);
    else this.#inOrder = undefined;
  }

  /** No run is open any more. */
  clear(): void {
    this.#runs.clear();
    this.#inOrder = undefined;
  }
}
