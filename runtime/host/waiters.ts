import type { Answer } from '../core/answer.ts';
import type { StreamName } from '../core/record.ts';

/** Told how a run ended, or that it stalled. */
export type Waiting = (answer: Answer) => void;

/**
 * Who waits for the outcome of runs on this node. Apart from mailboxes: a run may take years, and its entity leaves memory meanwhile.
 *
 * Invariants:
 * W1. Whoever waits is told once: when the run ends or stalls, or when waiting is given up.
 * W2. After `close` nobody waits: who comes then is told at once.
 */
export class Waiters {
  readonly #byStream = new Map<StreamName, Map<string, Waiting[]>>();
  #count = 0;
  #closed: Answer | undefined;

  /** How many wait. */
  get count(): number {
    return this.#count;
  }

  /** Runs of an entity that are waited for. */
  runsOf(stream: StreamName): readonly string[] {
    return [...(this.#byStream.get(stream)?.keys() ?? [])];
  }

  /** Adds one that waits; the returned function gives up. */
  add(stream: StreamName, run: string, waiting: Waiting): () => void {
    if (this.#closed !== undefined) {
      waiting(this.#closed);
      return () => undefined;
    }
    let byRun = this.#byStream.get(stream);
    if (byRun === undefined) {
      byRun = new Map();
      this.#byStream.set(stream, byRun);
    }
    const known = byRun.get(run);
    if (known === undefined) byRun.set(run, [waiting]);
    else known.push(waiting);
    this.#count += 1;
    return () => this.#remove(stream, run, waiting);
  }

  /** A run has ended or stalled. */
  tell(stream: StreamName, run: string, answer: Answer): void {
    const waiting = this.#byStream.get(stream)?.get(run);
    if (waiting === undefined) return;
    this.#keep(stream, run, []);
    this.#count -= waiting.length;
    for (const one of waiting) one(answer);
  }

  /** Nobody will be told of any run any more, but this (W2). */
  close(answer: Answer): void {
    this.#closed = answer;
    const all = [...this.#byStream.values()].flatMap((byRun) => [...byRun.values()].flat());
    this.#byStream.clear();
    this.#count = 0;
    for (const one of all) one(answer);
  }

  #remove(stream: StreamName, run: string, waiting: Waiting): void {
    const known = this.#byStream.get(stream)?.get(run) ?? [];
    const left = known.filter((one) => one !== waiting);
    if (left.length === known.length) return;
    this.#count -= 1;
    this.#keep(stream, run, left);
  }

  #keep(stream: StreamName, run: string, waiting: Waiting[]): void {
    const byRun = this.#byStream.get(stream);
    if (byRun === undefined) return;
    if (waiting.length > 0) byRun.set(run, waiting);
    else byRun.delete(run);
    if (byRun.size === 0) this.#byStream.delete(stream);
  }
}
