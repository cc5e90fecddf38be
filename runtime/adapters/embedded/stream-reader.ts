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
      const placed = await this.#step(window, stream, upper.position, wanted);
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
    const [first] = await this.#step(new Window(this.#options), head.stream, this.#markAfter(head, revision).position, revision);
    return first?.info.firstRevision === revision ? first.info : undefined;
  }

  /** Frames of a stream that hold revisions < `before`, page by page, for `forget`. */
  async *framesBefore(head: Head, before: Revision): AsyncGenerator<readonly Placed[]> {
    const window = new Window(this.#options);
    for (let next = 0; next < before; ) {
      const upper = this.#markAfter(head, next);
      const placed = await this.#step(window, head.stream, upper.position, next);
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
  async #step(window: Window, stream: StreamName, position: Position, from: Revision): Promise<readonly Placed[]> {
    const found: Placed[] = [];
    for (let at = position; at >= 0; ) {
      const placed = window.held(at, stream) ?? (await window.fetched(at, stream));
      found.push(placed);
      if (placed.info.firstRevision <= from) break;
      at = placed.info.previous;
    }
    return found.reverse();
  }
}

/** The part of the log read last: a stream's turns often lie close together. */
class Window {
  readonly #options: StreamReaderOptions;
  #extent: Extent = { start: 0, bytes: Buffer.alloc(0) };
  #size = MIN_WINDOW;
  /** Frames found in the window since it was read. */
  #hits = 0;

  constructor(options: StreamReaderOptions) {
    this.#options = options;
  }

  /** The frame at a position if the window holds it, whole and valid. */
  held(position: Position, stream: StreamName): Placed | undefined {
    const { start, bytes } = this.#extent;
    if (position < start || position >= start + bytes.length) return undefined;
    if (checkFrame(this.#extent, position, this.#options.salt)?.kind !== 'valid') return undefined;
    this.#hits++;
    return { info: frameInfo(this.#extent, position, stream), extent: this.#extent };
  }

  /** Reads the frame at a position. What looks bad is read again once no rewrite is under way (T2). */
  async fetched(position: Position, stream: StreamName): Promise<Placed> {
    const { salt, segments, rewriting } = this.#options;
    this.#size = this.#hits >= DENSE ? MAX_WINDOW : MIN_WINDOW;
    this.#hits = 0;
    const start = Math.max(segments.startOf(position), position - this.#size / 2);
    await this.#load(start, position - start + this.#size / 2);
    for (let attempt = 0; ; attempt++) {
      const frame = checkFrame(this.#extent, position, salt);
      if (frame?.kind === 'valid') return { info: frameInfo(this.#extent, position, stream), extent: this.#extent };
      if (attempt === ATTEMPTS) throw corrupt(segments, position);
      if (frame === undefined) await rewriting();
      await this.#load(position, Math.max(MIN_WINDOW, frame?.length ?? 0));
    }
  }

  async #load(start: Position, length: number): Promise<void> {
    this.#extent = { start, bytes: await this.#options.segments.read(start, length) };
  }
}

/** A frame may need its header, then its length, then one more look. */
const ATTEMPTS = 3;
