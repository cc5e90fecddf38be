import { ERRORS, isPerdureError } from '../../core/errors.ts';
import type { Commit, Position } from '../../core/record.ts';
import type { Settled } from '../../ports/event-store.ts';
import { BLOCK_HEADER } from './format.ts';
import type { Head, Heads } from './heads.ts';
import { createBatch, discard, type LogBatch, refusal } from './log-batch.ts';
import type { Segments } from './segments.ts';

/** `full`: the block is, the commit goes into a later one. `late`: the stream is not where the commit expects it. */
export type Placement = 'placed' | 'full' | 'late' | { readonly code: string; readonly message: string };

export interface BlockPlacerOptions {
  readonly segments: Segments;
  readonly heads: Heads;
  readonly salt: number;
  readonly maxBlockBytes: number;
}

/**
 * Puts commits into the block that is written next; two batches take turns, one is placed while the other is written.
 *
 * Invariants:
 * A1. A commit is placed only right behind its stream's last turn, durable or placed.
 * A2. A block begins right behind the one before it, or with the next segment if it does not fit (F1).
 */
export class BlockPlacer {
  readonly #options: BlockPlacerOptions;
  #batch: LogBatch;
  #other: LogBatch;

  /** `end` is where the log ends. */
  constructor(options: BlockPlacerOptions, end: Position) {
    this.#options = options;
    this.#batch = createBatch(options.salt);
    this.#other = createBatch(options.salt);
    this.#start(end, 0);
  }

  get isEmpty(): boolean {
    return this.#batch.commits.length === 0;
  }

  place(commit: Commit, settled: Settled): Placement {
    const problem = refusal(commit);
    if (problem !== undefined) return problem;
    const head = this.#options.heads.get(commit.stream);
    if (head.nextRevision !== commit.expectedRevision) return 'late';
    let position: Position;
    try {
      position = this.#fit(commit, head);
    } catch (error) {
      return { code: isPerdureError(error) ? error.code : 'payload-not-plain', message: String(error) };
    }
    const batch = this.#batch;
    if (position < 0) return batch.commits.length > 0 ? 'full' : TOO_LARGE;
    head.nextRevision = commit.expectedRevision + commit.records.length;
    head.nextPosition = position;
    batch.commits.push(commit);
    batch.settled.push(settled);
    batch.heads.push(head);
    batch.positions.push(position);
    return 'placed';
  }

  /** Hands over what was placed and goes on behind it. The batch is the caller's until the next call. */
  next(): LogBatch {
    const batch = this.#batch;
    this.#batch = this.#other;
    this.#other = batch;
    discard(this.#batch);
    this.#start(batch.builder.endPosition, 0);
    return batch;
  }

  /** Takes back what was placed and what was handed over last: their streams stand where they are durable. Answers the former. */
  restart(end: Position): Pick<LogBatch, 'commits' | 'settled'> {
    const { commits, settled } = this.#batch;
    for (const { heads } of [this.#batch, this.#other]) {
      for (const head of heads) {
        head.nextRevision = head.revision;
        head.nextPosition = head.position;
      }
    }
    discard(this.#batch);
    this.#start(end, 0);
    return { commits, settled };
  }

  #fit(commit: Commit, head: Head): Position {
    const { builder, commits } = this.#batch;
    const position = builder.add(commit, head.nextPosition);
    if (position >= 0 || commits.length > 0) return position;
    this.#start(builder.position, this.#options.maxBlockBytes);
    return builder.add(commit, head.nextPosition);
  }

  /** Lets the block begin at `end`, or in the next segment if fewer than `needed` bytes are left in this one (A2). */
  #start(end: Position, needed: number): void {
    const { segments, maxBlockBytes } = this.#options;
    const left = segments.endOf(end) - end;
    const roll = left < Math.max(needed, 2 * BLOCK_HEADER) && segments.startOf(end) !== end;
    const position = roll ? segments.endOf(end) : end;
    this.#batch.builder.start(position, Math.min(maxBlockBytes, segments.endOf(position) - position));
  }
}

const TOO_LARGE: Placement = { code: 'turn-too-large', message: ERRORS['turn-too-large'].message };
