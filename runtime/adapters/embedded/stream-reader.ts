import type { Position, Revision, StoredTurn, StreamName } from '../../core/record.ts';
import { corrupt } from './block-scan.ts';
import { checkFrame, type Extent, type FrameInfo, frameInfo, readTurn } from './frame.ts';
import type { Head, Mark } from './heads.ts';
import type { Segments } from './segments.ts';

/**
 * Reads streams: from mark to mark, within a step backwards along the chain of previous turns.
 *
 * Invariants:
 * T1. Only durable turns are read, and each frame is verified in its place (F5); a bad one is `store-corrupt`, named.
 * T2. A frame that is being blanked may look bad for a moment: it is read again once the rewrite is over.
 * T3. A page holds at most the turns between two marks.
 */
export interface StreamReaderOptions {
  readonly segments: Segments;
  readonly salt: number;
  readonly head: (stream: StreamName) => Head;
  /** The first indexed mark whose last revision is >= `revision`. */
  readonly mark: (stream: StreamName, revision: Revision) => Mark | undefined;
  /** The rewrite of frames under way, if any. */
  readonly rewriting: () => Promise<unknown> | undefined;
}

interface Placed {
  readonly info: FrameInfo;
  readonly extent: Extent;
}

/** Read ahead of a frame: little when turns lie apart, more the closer they lie. */
const MIN_WINDOW = 4 * 1024;
const MAX_WINDOW = 256 * 1024;
/** Frames found in one window that make the next one larger. */
const DENSE = 4;

export class StreamReader {
  readonly #options: StreamReaderOptions;

  constructor(options: StreamReaderOptions) {
    this.#options = options;
  }

  /** Turns of a stream that hold revisions >= `from`, without what is forgotten, in pages (T3). */
  async *pages(stream: StreamName, from: Revision): AsyncGenerator<readonly StoredTurn[]> {
    const window = new Window(this.#options);
    for (let next = from; ; ) {
      const head = this.#options.head(stream);
      const wanted = Math.max(next, head.forgottenBefore);
      if (wanted > head.revision) return;
      const upper = this.#markAfter(head, wanted);
      const placed = await this.#step(window, upper.position, wanted);
      const turns: StoredTurn[] = [];
      for (const { info, extent } of placed) {
        const turn = readTurn(extent, info, this.#options.head(stream).forgottenBefore);
        if (turn !== undefined) turns.push(turn);
      }
      next = upper.lastRevision + 1;
      if (turns.length > 0) yield turns;
    }
  }

  /** The turn of a stream that begins at a revision, if one does. */
  async turnAt(head: Head, revision: Revision): Promise<FrameInfo | undefined> {
    if (revision < 0 || revision > head.revision) return undefined;
    const [first] = await this.#step(new Window(this.#options), this.#markAfter(head, revision).position, revision);
    return first?.info.firstRevision === revision ? first.info : undefined;
  }

  /** Frames of a stream that hold revisions < `before`, page by page, for `forget`. */
  async *framesBefore(head: Head, before: Revision): AsyncGenerator<readonly Placed[]> {
    const window = new Window(this.#options);
    for (let next = 0; next < before; ) {
      const upper = this.#markAfter(head, next);
      const placed = await this.#step(window, upper.position, next);
      yield placed.filter(({ info }) => info.firstRevision < before);
      next = upper.lastRevision + 1;
    }
  }

  #markAfter(head: Head, revision: Revision): Mark {
    const indexed = this.#options.mark(head.stream, revision);
    const fresh = head.marks.find((mark) => mark.lastRevision >= revision);
    const last = { lastRevision: head.revision, position: head.position };
    return [indexed, fresh].reduce<Mark>((best, mark) => (mark !== undefined && mark.lastRevision < best.lastRevision ? mark : best), last);
  }

  /** The turn at `position` and those before it, back to the one that holds `from`; in order. */
  async #step(window: Window, position: Position, from: Revision): Promise<readonly Placed[]> {
    const found: Placed[] = [];
    for (let at = position; at >= 0; ) {
      const placed = await window.frame(at);
      found.push(placed);
      if (placed.info.firstRevision <= from) break;
      at = placed.info.previous;
    }
    return found.reverse();
  }
}

class Window {
  readonly #options: StreamReaderOptions;
  #extent: Extent = { start: 0, bytes: Buffer.alloc(0) };
  #size = MIN_WINDOW;
  /** Frames found in the window since it was read. */
  #hits = 0;

  constructor(options: StreamReaderOptions) {
    this.#options = options;
  }

  async frame(position: Position): Promise<Placed> {
    const { salt, segments, rewriting } = this.#options;
    const { start, bytes } = this.#extent;
    const near = position >= start && position < start + bytes.length;
    if (near) this.#hits++;
    else {
      this.#size = this.#hits >= DENSE ? Math.min(this.#size * 4, MAX_WINDOW) : MIN_WINDOW;
      this.#hits = 0;
      await this.#read(position);
    }
    for (let attempt = 0; ; attempt++) {
      const frame = checkFrame(this.#extent, position, salt);
      if (frame?.kind === 'valid') return { info: frameInfo(this.#extent, position), extent: this.#extent };
      if (frame?.kind === 'short' && attempt < ATTEMPTS) await this.#load(position, frame.length);
      else if (rewriting() !== undefined && attempt < ATTEMPTS) {
        await rewriting();
        await this.#read(position);
      } else throw corrupt(segments, position);
    }
  }

  /** Reads around a place: as much as promises to be of use before it, and a little behind. */
  async #read(position: Position): Promise<void> {
    const { segments } = this.#options;
    const start = Math.max(segments.startOf(position), position - this.#size + MIN_WINDOW / 2);
    await this.#load(Math.min(start, position), position - Math.min(start, position) + MIN_WINDOW / 2);
  }

  async #load(start: Position, length: number): Promise<void> {
    this.#extent = { start, bytes: await this.#options.segments.read(start, length) };
  }
}

const ATTEMPTS = 4;
