import { crc32 } from 'node:zlib';
import type { Position, Revision, StoredTurn, StreamName } from '../../core/record.ts';
import { BLANKED, FRAME, FRAME_HEADER, seedOf } from './format.ts';
import { unpackRecord } from './record-codec.ts';

/**
 * Reads frames: one turn each, see format.ts.
 *
 * Invariants:
 * F5. Nothing is read out of a frame whose checksum was not verified in its place.
 */
export interface FrameInfo {
  readonly position: Position;
  readonly stream: StreamName;
  readonly firstRevision: Revision;
  readonly lastRevision: Revision;
  /** Position of the stream's turn before, -1 if there is none. */
  readonly previous: Position;
  readonly turnId: string;
  readonly time: number;
  /** Bytes of the frame. */
  readonly length: number;
  /** Records at the front whose bytes were blanked. */
  readonly blanked: number;
}

/** A buffer that holds the log's bytes `[start, start + bytes.length)`. */
export interface Extent {
  readonly start: Position;
  readonly bytes: Buffer;
}

/** Length of the frame at `position` if the extent holds all of it and it is valid (F5), the bytes needed if not held, or -1. */
export function checkFrame(extent: Extent, position: Position, salt: number): { kind: 'valid' | 'short'; length: number } | undefined {
  const { bytes, start } = extent;
  const at = position - start;
  if (at + FRAME_HEADER > bytes.length) return { kind: 'short', length: FRAME_HEADER };
  const length = bytes.readUInt32LE(at);
  if (length < FRAME_HEADER || length % 8 !== 0) return undefined;
  if (at + length > bytes.length) return { kind: 'short', length };
  const crc = crc32(bytes.subarray(at + FRAME.revision, at + length), seedOf(salt, position));
  return crc === bytes.readUInt32LE(at + FRAME.crc) ? { kind: 'valid', length } : undefined;
}

/** What a verified frame says of its turn, without its records. `known` is its stream, if the reader came along the stream's chain. */
export function frameInfo(extent: Extent, position: Position, known?: StreamName): FrameInfo {
  const { bytes } = extent;
  const at = position - extent.start;
  const records = bytes.readUInt32LE(at + FRAME.records);
  const idEnd = at + FRAME_HEADER + bytes.readUInt32LE(at + FRAME.turnIdBytes);
  const nameEnd = idEnd + bytes.readUInt32LE(at + FRAME.streamBytes);
  const firstRevision = bytes.readDoubleLE(at + FRAME.revision);
  return {
    position,
    stream: known ?? bytes.toString('utf8', idEnd, nameEnd),
    firstRevision,
    lastRevision: firstRevision + records - 1,
    previous: bytes.readDoubleLE(at + FRAME.previous),
    turnId: bytes.toString('utf8', at + FRAME_HEADER, idEnd),
    time: bytes.readDoubleLE(at + FRAME.time),
    length: bytes.readUInt32LE(at),
    blanked: countBlanked(bytes, nameEnd, records),
  };
}

function countBlanked(bytes: Buffer, recordsAt: number, records: number): number {
  let at = recordsAt;
  let blanked = 0;
  while (blanked < records) {
    const length = bytes.readUInt32LE(at);
    if ((length & BLANKED) === 0) break;
    at += 4 + (length & ~BLANKED);
    blanked++;
  }
  return blanked;
}

/** The turn of a verified frame without the records that lie before revision `from` or are blanked; undefined if none is left. */
export function readTurn(extent: Extent, info: FrameInfo, from: Revision): StoredTurn | undefined {
  const { bytes } = extent;
  const skip = Math.max(info.blanked, from - info.firstRevision);
  if (info.firstRevision + skip > info.lastRevision) return undefined;
  const frame = info.position - extent.start;
  let at = frame + FRAME_HEADER + bytes.readUInt32LE(frame + FRAME.turnIdBytes) + bytes.readUInt32LE(frame + FRAME.streamBytes);
  const records: StoredTurn['records'][number][] = [];
  for (let index = 0; index <= info.lastRevision - info.firstRevision; index++) {
    const length = bytes.readUInt32LE(at) & ~BLANKED;
    at += 4;
    if (index >= skip) records.push(unpackRecord(bytes, at, at + length));
    at += length;
  }
  return {
    stream: info.stream,
    firstRevision: info.firstRevision + skip,
    position: info.position + skip,
    turnId: info.turnId,
    time: info.time,
    records,
  };
}

/** The same frame with the first `count` records blanked: same length, new checksum. */
export function blankFrame(extent: Extent, info: FrameInfo, count: number, salt: number): Buffer {
  const at = info.position - extent.start;
  const frame = Buffer.from(extent.bytes.subarray(at, at + info.length));
  let next = FRAME_HEADER + frame.readUInt32LE(FRAME.turnIdBytes) + frame.readUInt32LE(FRAME.streamBytes);
  for (let index = 0; index < count; index++) {
    const length = frame.readUInt32LE(next) & ~BLANKED;
    frame.writeUInt32LE((length | BLANKED) >>> 0, next);
    frame.fill(0, next + 4, next + 4 + length);
    next += 4 + length;
  }
  frame.writeUInt32LE(crc32(frame.subarray(FRAME.revision), seedOf(salt, info.position)), FRAME.crc);
  return frame;
}
