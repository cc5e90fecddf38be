import { crc32 } from 'node:zlib';
import type { Commit, Position } from '../../core/record.ts';
import { align, BLOCK_HEADER, BLOCK_MAGIC, FRAME, FRAME_HEADER, seedOf } from './format.ts';
import { packRecord } from './record-codec.ts';

/**
 * Assembles one block in a buffer that is used again and again. See format.ts for the layout.
 *
 * Invariants:
 * B1. A turn that does not fit, or cannot be packed, leaves the block as it was.
 */
export class BlockBuilder {
  readonly #salt: number;
  #bytes: Buffer;
  #view: DataView;
  #capacity = 0;
  #position = 0;
  #end = BLOCK_HEADER;
  #turns = 0;

  /** `salt` is the store's. */
  constructor(salt: number) {
    this.#salt = salt;
    this.#bytes = Buffer.alloc(256 * 1024);
    this.#view = viewOf(this.#bytes);
  }

  /** Starts an empty block at `position` that may take up to `capacity` bytes. */
  start(position: Position, capacity: number): void {
    this.#position = position;
    this.#capacity = capacity;
    this.#end = BLOCK_HEADER;
    this.#turns = 0;
  }

  get position(): Position {
    return this.#position;
  }

  get turns(): number {
    return this.#turns;
  }

  /** Position after the block. */
  get endPosition(): Position {
    return this.#position + this.#end;
  }

  /**
   * Adds a turn; `previous` is the position of its stream's turn before. Answers the turn's position, or -1 if it does not
   * fit (B1). Throws what the packing throws.
   */
  add(commit: Commit, previous: Position): Position {
    const start = this.#end;
    const records = commit.records;
    this.#reserve(start + FRAME_HEADER + 3 * (commit.turnId.length + commit.stream.length));
    const turnIdBytes = this.#writeText(commit.turnId, start + FRAME_HEADER);
    const streamBytes = this.#writeText(commit.stream, start + FRAME_HEADER + turnIdBytes);
    let at = start + FRAME_HEADER + turnIdBytes + streamBytes;
    for (let index = 0; index < records.length; index++) {
      const record = records[index];
      if (record === undefined) continue;
      const packed = packRecord(record);
      if (at + 4 + packed.length > this.#capacity) return -1;
      this.#reserve(at + 4 + packed.length + 8);
      this.#view.setUint32(at, packed.length, true);
      this.#bytes.set(packed, at + 4);
      at += 4 + packed.length;
    }
    const end = align(at);
    if (end > this.#capacity) return -1;
    this.#bytes.fill(0, at, end);
    const view = this.#view;
    view.setUint32(start + FRAME.length, end - start, true);
    view.setFloat64(start + FRAME.revision, commit.expectedRevision + 1, true);
    view.setFloat64(start + FRAME.previous, previous, true);
    view.setFloat64(start + FRAME.time, commit.time, true);
    view.setUint32(start + FRAME.records, records.length, true);
    view.setUint32(start + FRAME.turnIdBytes, turnIdBytes, true);
    view.setUint32(start + FRAME.streamBytes, streamBytes, true);
    const position = this.#position + start;
    view.setUint32(start + FRAME.crc, crc32(this.#bytes.subarray(start + FRAME.revision, end), seedOf(this.#salt, position)), true);
    this.#end = end;
    this.#turns++;
    return position;
  }

  /** Completes the header and answers the block's bytes; they hold until the builder starts again. */
  seal(previousEnd: Position): Buffer {
    const view = this.#view;
    view.setUint32(0, BLOCK_MAGIC, true);
    view.setUint32(8, this.#end - BLOCK_HEADER, true);
    view.setUint32(12, this.#turns, true);
    view.setFloat64(16, this.#position, true);
    view.setFloat64(24, previousEnd, true);
    view.setUint32(4, crc32(this.#bytes.subarray(8, BLOCK_HEADER), seedOf(this.#salt, this.#position)), true);
    return this.#bytes.subarray(0, this.#end);
  }

  #writeText(text: string, at: number): number {
    const bytes = this.#bytes;
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (code > 0x7f) return bytes.write(text, at, 'utf8');
      bytes[at + index] = code;
    }
    return text.length;
  }

  #reserve(size: number): void {
    if (size <= this.#bytes.length) return;
    const grown = Buffer.alloc(Math.max(size, this.#bytes.length * 2));
    this.#bytes.copy(grown);
    this.#bytes = grown;
    this.#view = viewOf(grown);
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
