import type { Answer } from '../core/answer.ts';
import type { StreamName } from '../core/record.ts';

/** Told how a run ended, or that it stalled. */
export type Waiting = (answer: Answer) => void;

/**
 * Who waits for the outcome of runs on this node. Apart from mailboxes: a run may take years, and its entity leaves memory meanwhile.
 *
 * Invariants:
 * W1. Whoever waits is told once: when the run ends or stalls, or when waiting is given up.
 */
export class Waiters {
  readonly #byRun = new Map<string, Waiting[]>();
  #count = 0;

  /** How many wait. */
  get count(): number {
    return this.#count;
  }

  /** Adds one that waits; the returned function gives up. */
  add(stream: StreamName, run: string, waiting: Waiting): () => void {
    const key = keyOf(stream, run);
    const known = this.#byRun.get(key);
    if (known === undefined) this.#byRun.set(key, [waiting]);
    else known.push(waiting);
    this.#count += 1;
    return () => this.#remove(key, waiting);
  }

  /** A run has ended or stalled. */
  tell(stream: StreamName, run: string, answer: Answer): void {
    const key = keyOf(stream, run);
    const waiting = this.#byRun.get(key);
    if (waiting === undefined) return;
    this.#byRun.delete(key);
    this.#count -= waiting.length;
    for (const one of waiting) one(answer);
  }

  /** Nobody will be told of any run any more, but this. */
  tellAll(answer: Answer): void {
    const all = [...this.#byRun.values()];
    this.#byRun.clear();
    this.#count = 0;
    for (const waiting of all) for (const one of waiting) one(answer);
  }

  #remove(key: string, waiting: Waiting): void {
    const known = this.#byRun.get(key);
    const left = known?.filter((one) => one !== waiting);
    if (known === undefined || left === undefined || left.length === known.length) return;
    this.#count -= 1;
    if (left.length === 0) this.#byRun.delete(key);
    else this.#byRun.set(key, left);
  }
}

function keyOf(stream: StreamName, run: string): string {
  return `${stream}\n${run}`;
}
