import type { Position, Revision, StreamName } from '../../core/record.ts';
import { MARK_BYTES, MARK_TURNS } from './format.ts';

/**
 * What is known of streams in memory: a bounded cache over the index that also holds all that is not in it yet.
 *
 * Invariants:
 * H1. `next…` is where the stream will stand when all that was placed in blocks is durable; the rest is durable.
 * H2. A head whose state is not in the index, or is about to change, is never dropped.
 * H3. Memory is bounded by the cache's size plus what changed since the last flush, not by streams or events.
 */
export interface Head {
  readonly stream: StreamName;
  /** Revision of the last durable record, -1 if there is none. */
  revision: Revision;
  /** Position of the last durable turn, -1 if there is none. */
  position: Position;
  nextRevision: Revision;
  nextPosition: Position;
  /** Records before this revision are forgotten. */
  forgottenBefore: Revision;
  /** Turns and bytes since the last mark. */
  turnsSinceMark: number;
  bytesSinceMark: number;
  /** Marks that are not in the index yet, in order. */
  marks: Mark[];
  /** Waits for the next flush. */
  dirty: boolean;
  /** Is being flushed. */
  flushing: boolean;
}

/** A turn of a stream whose position the index keeps. */
export interface Mark {
  readonly lastRevision: Revision;
  readonly position: Position;
}

/** What the index keeps of a stream. */
export type StoredHead = Pick<Head, 'revision' | 'position' | 'forgottenBefore' | 'turnsSinceMark' | 'bytesSinceMark'>;

const EMPTY: StoredHead = { revision: -1, position: -1, forgottenBefore: 0, turnsSinceMark: 0, bytesSinceMark: 0 };

export class Heads {
  readonly #load: (stream: StreamName) => StoredHead | undefined;
  readonly #generationSize: number;
  /** Size of the young generation at which it becomes the old one: grows with what H2 keeps, or each look-up would rotate. */
  #rotateAt: number;
  #young = new Map<StreamName, Head>();
  #old = new Map<StreamName, Head>();
  #dirty: Head[] = [];

  /** `load` looks a stream up in the index; `size` is the number of heads kept besides those H2 keeps. */
  constructor(load: (stream: StreamName) => StoredHead | undefined, size: number) {
    this.#load = load;
    this.#generationSize = Math.ceil(size / 2);
    this.#rotateAt = this.#generationSize;
  }

  get dirtyCount(): number {
    return this.#dirty.length;
  }

  /** The head of a stream, an empty one if the stream has no record. */
  get(stream: StreamName): Head {
    const young = this.#young.get(stream);
    if (young !== undefined) return young;
    const head = this.#old.get(stream) ?? this.#fresh(stream);
    this.#young.set(stream, head);
    if (this.#young.size > this.#rotateAt) this.#rotate();
    return head;
  }

  /** A turn of the stream became durable. */
  advance(head: Head, lastRevision: Revision, position: Position, bytes: number): void {
    head.revision = lastRevision;
    head.position = position;
    head.turnsSinceMark++;
    head.bytesSinceMark += bytes;
    if (head.turnsSinceMark >= MARK_TURNS || head.bytesSinceMark >= MARK_BYTES) {
      head.marks.push({ lastRevision, position });
      head.turnsSinceMark = 0;
      head.bytesSinceMark = 0;
    }
    this.touch(head);
  }

  /** Its state must go into the index with the next flush. */
  touch(head: Head): void {
    if (head.dirty) return;
    head.dirty = true;
    this.#dirty.push(head);
  }

  /** Hands over what changed since the last time; `flushed` must follow. */
  takeDirty(): readonly Head[] {
    const taken = this.#dirty;
    this.#dirty = [];
    for (const head of taken) {
      head.dirty = false;
      head.flushing = true;
    }
    return taken;
  }

  /** What `takeDirty` gave is in the index, or (`failed`) is not and must be taken again. */
  flushed(heads: readonly Head[], failed: boolean): void {
    for (const head of heads) {
      head.flushing = false;
      if (failed) this.touch(head);
    }
  }

  #fresh(stream: StreamName): Head {
    const stored = this.#load(stream) ?? EMPTY;
    const next = { nextRevision: stored.revision, nextPosition: stored.position };
    return { stream, ...stored, ...next, marks: [], dirty: false, flushing: false };
  }

  #rotate(): void {
    const leaving = this.#old;
    this.#old = this.#young;
    this.#young = new Map();
    for (const [stream, head] of leaving) {
      const kept = head.dirty || head.flushing || head.nextRevision !== head.revision;
      if (kept && !this.#old.has(stream)) this.#young.set(stream, head);
    }
    this.#rotateAt = this.#generationSize + 2 * this.#young.size;
  }
}
