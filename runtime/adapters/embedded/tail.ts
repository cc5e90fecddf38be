import type { Commit, Position, StoredTurn } from '../../core/record.ts';

/**
 * The newest durable blocks in memory, for subscriptions that keep up, and the bell that wakes them.
 *
 * Invariants:
 * G1. The blocks kept are the newest ones without a gap: if the tail covers a position it has every turn from there on.
 * G2. Bounded in bytes and blocks; nothing is kept while nobody is subscribed.
 */
export interface TailBlock {
  readonly end: Position;
  /** Its turns, in order. */
  readonly turns: readonly StoredTurn[];
}

const MAX_TAIL_BYTES = 8 * 1024 * 1024;
const MAX_TAIL_BLOCKS = 1_024;

export class Tail {
  #blocks: KeptBlock[] = [];
  #bytes = 0;
  /** Every turn from here on is in the blocks. */
  #from: Position;
  #end: Position;
  readonly #waiting = new Set<() => void>();
  #subscribers = 0;

  constructor(end: Position) {
    this.#from = end;
    this.#end = end;
  }

  /** Position behind the last durable block. */
  get end(): Position {
    return this.#end;
  }

  subscribed(): void {
    this.#subscribers++;
  }

  unsubscribed(): void {
    this.#subscribers--;
    if (this.#subscribers === 0) this.clear();
  }

  /** A block became durable. */
  push(commits: readonly Commit[], positions: readonly Position[], start: Position, end: Position): void {
    this.#end = end;
    if (this.#subscribers === 0) {
      this.#from = end;
      return;
    }
    this.#blocks.push(new KeptBlock(commits, positions, start, end));
    this.#bytes += end - start;
    while (this.#bytes > MAX_TAIL_BYTES || this.#blocks.length > MAX_TAIL_BLOCKS) this.#drop();
    this.ring();
  }

  /** The blocks from the one that holds `position` on, or undefined if it has left the tail (G1). */
  blocksFrom(position: Position): readonly TailBlock[] | undefined {
    if (position < this.#from) return undefined;
    let first = this.#blocks.length;
    while (first > 0 && (this.#blocks[first - 1]?.end ?? 0) > position) first--;
    return this.#blocks.slice(first);
  }

  /** Forgets the blocks: whoever has not read them reads them from disk. */
  clear(): void {
    this.#blocks = [];
    this.#bytes = 0;
    this.#from = this.#end;
  }

  /** Calls `wake` once, when the next block is durable or the bell is rung. */
  wait(wake: () => void): void {
    this.#waiting.add(wake);
  }

  ring(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  #drop(): void {
    const dropped = this.#blocks.shift();
    if (dropped === undefined) return;
    this.#bytes -= dropped.end - dropped.start;
    this.#from = dropped.end;
  }
}

class KeptBlock implements TailBlock {
  readonly #commits: readonly Commit[];
  readonly #positions: readonly Position[];
  readonly start: Position;
  readonly end: Position;
  #turns: readonly StoredTurn[] | undefined;

  constructor(commits: readonly Commit[], positions: readonly Position[], start: Position, end: Position) {
    this.#commits = commits;
    this.#positions = positions;
    this.start = start;
    this.end = end;
  }

  /** Made when the first subscriber asks, shared by all. */
  get turns(): readonly StoredTurn[] {
    this.#turns ??= this.#commits.map((commit, index) => ({
      stream: commit.stream,
      firstRevision: commit.expectedRevision + 1,
      position: this.#positions[index] ?? -1,
      turnId: commit.turnId,
      time: commit.time,
      records: commit.records,
    }));
    return this.#turns;
  }
}
