import { crc32 } from 'node:zlib';
import { PerdureError } from '../../core/errors.ts';
import type { Position } from '../../core/record.ts';
import { BLOCK_HEADER, BLOCK_MAGIC, seedOf } from './format.ts';
import { checkFrame, type Extent } from './frame.ts';
import type { Segments } from './segments.ts';

/**
 * Reads blocks in the order of the log, in big chunks.
 *
 * Invariants:
 * N1. A block is handed out only if its header and every frame of it are valid (F3).
 * N2. After a block ending at P comes the block at P or, if there is none, the one at the start of the next segment
 *     that says the block before it ended at P; so a hole is never stepped over.
 */
export interface Block {
  readonly position: Position;
  /** Position behind the block. */
  readonly end: Position;
  readonly previousEnd: Position;
  readonly extent: Extent;
  /** Positions of its frames. */
  readonly frames: readonly Position[];
}

const CHUNK_BYTES = 1024 * 1024;

export class BlockScan {
  readonly #segments: Segments;
  readonly #salt: number;
  #extent: Extent = { start: 0, bytes: Buffer.alloc(0) };

  constructor(segments: Segments, salt: number) {
    this.#segments = segments;
    this.#salt = salt;
  }

  /** The valid block at a position, or undefined (N1). */
  async blockAt(position: Position): Promise<Block | undefined> {
    const head = await this.#hold(position, BLOCK_HEADER);
    if (head === undefined) return undefined;
    const at = position - head.start;
    const { bytes } = head;
    if (bytes.readUInt32LE(at) !== BLOCK_MAGIC || bytes.readDoubleLE(at + 16) !== position) return undefined;
    if (bytes.readUInt32LE(at + 4) !== crc32(bytes.subarray(at + 8, at + BLOCK_HEADER), seedOf(this.#salt, position))) return undefined;
    const end = position + BLOCK_HEADER + bytes.readUInt32LE(at + 8);
    const turns = bytes.readUInt32LE(at + 12);
    const previousEnd = bytes.readDoubleLE(at + 24);
    const extent = await this.#hold(position, end - position);
    if (extent === undefined) return undefined;
    const frames = this.#frames(extent, position + BLOCK_HEADER, end);
    return frames?.length === turns ? { position, end, previousEnd, extent, frames } : undefined;
  }

  /** The block that comes after the place `end` where another ended (N2), or undefined. */
  async blockAfter(end: Position): Promise<Block | undefined> {
    const here = await this.blockAt(end);
    if (here !== undefined) return here;
    const rolled = await this.blockAt(this.#segments.endOf(end));
    return rolled?.previousEnd === end ? rolled : undefined;
  }

  /**
   * Blocks from the first one that ends after `from`, up to the position `end`, which must be where a block ends. `hint` is
   * the position of the block that holds `from`, if known; without it the segment of `from` is searched from its start.
   * Throws `store-corrupt` naming file and position.
   */
  async *blocks(from: Position, end: Position, hint = from): AsyncGenerator<Block> {
    let at = hint;
    let block = await this.blockAfter(hint);
    if (block === undefined) {
      at = this.#segments.startOf(from);
      block = await this.blockAt(at);
    }
    while (at < end) {
      if (block === undefined) throw corrupt(this.#segments, at);
      at = block.end;
      if (at > from) yield block;
      if (at < end) block = await this.blockAfter(at);
    }
  }

  #frames(extent: Extent, from: Position, end: Position): Position[] | undefined {
    const frames: Position[] = [];
    for (let at = from; at < end; ) {
      const frame = checkFrame(extent, at, this.#salt);
      if (frame?.kind !== 'valid' || at + frame.length > end) return undefined;
      frames.push(at);
      at += frame.length;
    }
    return frames;
  }

  /** An extent that holds `length` bytes from `position` on, or undefined if the segment ends before. */
  async #hold(position: Position, length: number): Promise<Extent | undefined> {
    const { start, bytes } = this.#extent;
    if (position >= start && position + length <= start + bytes.length) return this.#extent;
    if (position + length > this.#segments.endOf(position)) return undefined;
    const read = await this.#segments.read(position, Math.max(length, CHUNK_BYTES)).catch(ifMissing);
    if (read === undefined || read.length < length) return undefined;
    this.#extent = { start: position, bytes: read };
    return this.#extent;
  }
}

/** The error of a damaged place in the log. */
export function corrupt(segments: Segments, position: Position): PerdureError {
  const file = segments.fileOf(position);
  const offset = position - segments.startOf(position);
  return new PerdureError('store-corrupt', `The log is damaged in ${file} at byte ${offset} (position ${position}).`, {
    file,
    offset,
    position,
  });
}

function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}
