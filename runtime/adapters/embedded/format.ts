/**
 * The on-disk format of the embedded store's log. All integers are little endian, all places 8-byte aligned.
 *
 * A *position* is a byte offset in the whole log; segment n holds positions `[n * segmentBytes, (n + 1) * segmentBytes)`.
 * A *block* is what one write makes durable: a header and the frames of its turns. A *frame* is one turn.
 *
 * Invariants:
 * F1. A block lies within one segment. Its header names its own position and the end of the block before it, so a place
 *     that holds something else (a misdirected write, another store's file) is not taken for a block.
 * F2. Every byte of a block is under a CRC-32 seeded with the store's salt: the header under the header's, each frame under its own.
 *     Frames are checked alone, so that one turn can be read without reading its block.
 * F3. A block is valid if its header and all its frames are.
 * F4. A frame is at least as long as its turn has records: `position + i` of record i stays below the next turn's position.
 */
export const FORMAT = 1;

/** Block header: magic u32, crc u32, bytes of frames u32, number of turns u32, position f64, end of the block before f64. */
export const BLOCK_HEADER = 32;
export const BLOCK_MAGIC = 0x314b4250;

/** Frame header, followed by turn id, stream name, records and padding. */
export const FRAME_HEADER = 44;
export const FRAME = {
  /** Bytes of the frame, padding included. */
  length: 0,
  /** CRC-32 of the bytes behind it. */
  crc: 4,
  /** Revision of the first record. */
  revision: 8,
  /** Position of the stream's turn before, -1 if there is none. */
  previous: 16,
  time: 24,
  records: 32,
  turnIdBytes: 36,
  streamBytes: 40,
} as const;

/** Set in a record's length when its bytes were blanked by `forget`. */
export const BLANKED = 0x80000000;

/** Bytes of one block at most. */
export const MAX_BLOCK_BYTES = 8 * 1024 * 1024;
export const SEGMENT_BYTES = 64 * 1024 * 1024;
/** Zeroed space that is kept ready behind the tail, and by how much it grows. */
export const AHEAD_BYTES = 4 * 1024 * 1024;
export const EXTEND_BYTES = 16 * 1024 * 1024;

/** Every so many turns, or bytes, of a stream the index keeps the position of one. */
export const MARK_TURNS = 128;
export const MARK_BYTES = 1024 * 1024;

/** The next multiple of 8. */
export function align(bytes: number): number {
  return (bytes + 7) & ~7;
}

/** Seed of a checksum: the store's salt and the place, so that a block or frame is valid in its own place only (F1, F2). */
export function seedOf(salt: number, position: number): number {
  return (salt ^ (position >>> 0) ^ Math.imul(Math.floor(position / 2 ** 32), 0x9e3779b1)) >>> 0;
}
