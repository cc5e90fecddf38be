import type { Heads } from './heads.ts';
import type { StreamIndex, Through } from './stream-index.ts';

/**
 * Carries what changed into the index, off the commit path.
 *
 * Invariants:
 * K1. At most one flush at a time; what changes meanwhile waits for the next.
 * K2. What waits is bounded: from `maxDirty` heads on writing is held back until a flush has ended; if that fails, writes are refused.
 */
export interface IndexFlusherOptions {
  readonly index: Pick<StreamIndex, 'write'>;
  readonly heads: Heads;
  readonly through: () => Through;
  /** Time from a change to its flush. */
  readonly intervalMs: number;
  readonly notice: (message: string) => void;
}

/** Also what one transaction holds at most: lmdb keeps a copy of every page that it touches, and does not give the memory back. */
const FLUSH_DIRTY = 16_384;
export const MAX_DIRTY = 131_072;

export class IndexFlusher {
  readonly #options: IndexFlusherOptions;
  #flushing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  /** The last flush failed: the next waits for its time, so that a full disk is not hammered. */
  #failing = false;

  constructor(options: IndexFlusherOptions) {
    this.#options = options;
  }

  /** Something changed. */
  changed(): void {
    if (this.#closed || this.#flushing !== undefined) return;
    if (this.#options.heads.dirtyCount >= FLUSH_DIRTY && !this.#failing) this.#background();
    else this.#timer ??= setTimeout(() => this.#background(), this.#options.intervalMs).unref();
  }

  /** Undefined if writing may go on at once, else awaited before it does (K2). Rejects with the code of a full disk. */
  admitted(): Promise<void> | undefined {
    return this.#options.heads.dirtyCount < MAX_DIRTY ? undefined : this.flush().catch(indexFull);
  }

  /** Flushes what has changed up to now; resolves when it is durable. */
  async flush(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing.catch(() => undefined);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flushing = this.#write().finally(() => {
      this.#flushing = undefined;
    });
    await this.#flushing;
    if (this.#options.heads.dirtyCount > 0) this.changed();
  }

  /** Flushes for the last time. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.flush();
  }

  #background(): void {
    this.#timer = undefined;
    this.flush().catch((error: unknown) => {
      this.#options.notice(`the index could not be written, it is tried again: ${String(error)}`);
      this.changed();
    });
  }

  async #write(): Promise<void> {
    const { heads, index, through } = this.#options;
    const upTo = through();
    const taken = heads.takeDirty();
    try {
      await index.write(taken, upTo, () => through().end);
    } catch (error) {
      heads.flushed(taken, true);
      this.#failing = true;
      throw error;
    }
    this.#failing = false;
    heads.flushed(taken, false);
  }
}

function indexFull(cause: unknown): never {
  throw Object.assign(new Error('the index cannot be written', { cause }), { code: 'ENOSPC' });
}
