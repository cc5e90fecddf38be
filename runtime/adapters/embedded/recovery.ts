import type { Position } from '../../core/record.ts';
import { type Block, BlockScan, corrupt } from './block-scan.ts';
import { BLOCK_MAGIC } from './format.ts';
import { type FrameInfo, frameInfo } from './frame.ts';
import type { Heads } from './heads.ts';
import type { Segments } from './segments.ts';
import type { Through } from './stream-index.ts';

/**
 * What happens between opening a log and writing to it.
 *
 * Invariants:
 * V1. A bad place with a valid block of this store anywhere behind it, or before a place known to have been durable, is
 *     damage: `store-corrupt`, nothing is changed.
 * V2. A bad place with nothing valid behind it is a write that was never acknowledged: it is cut.
 * V3. The work is proportional to what is not indexed yet, not to history.
 */
export interface RecoveryOptions {
  readonly segments: Segments;
  readonly salt: number;
  /** Where to begin. */
  readonly from: Through;
  /** The log was durable up to here. */
  readonly durable: Position;
}

/** Reads the log from where it is indexed; `visit` is called for every block, in order. Answers where the log ends. Changes nothing. */
export async function scanTail(options: RecoveryOptions, visit: (block: Block) => Promise<void>): Promise<Through> {
  const { segments, salt, from, durable } = options;
  const scan = new BlockScan(segments, salt);
  if (from.lastBlock >= 0 && (await scan.blockAt(from.lastBlock))?.end !== from.end) throw corrupt(segments, from.lastBlock);
  let { end, lastBlock } = from;
  for (;;) {
    const block = await scan.blockAfter(end);
    if (block === undefined) break;
    if (block.previousEnd !== end) throw corrupt(segments, block.position);
    await visit(block);
    lastBlock = block.position;
    end = block.end;
  }
  if (end < durable || (await findBlock(segments, scan, end))) throw corrupt(segments, end);
  return { end, lastBlock };
}

/** Removes what was written behind the end and never acknowledged (V2). Answers how many bytes that were. */
export async function cutTornTail(segments: Segments, end: Position): Promise<number> {
  let torn = 0;
  for await (const { start, bytes } of chunksBehind(segments, end)) {
    const last = lastNonZero(bytes);
    if (last >= 0) torn = start + last + 1 - end;
  }
  if (torn === 0) return 0;
  for (const start of await segments.starts()) if (start > end) await segments.remove(start);
  await segments.truncate(end);
  return torn;
}

/** Brings a head up by a turn of the log; a turn that it knows already changes nothing. Throws `store-corrupt`. */
export function applyFrame(heads: Heads, segments: Segments, info: FrameInfo): void {
  const head = heads.get(info.stream);
  if (info.position <= head.position) return;
  if (info.previous !== head.position || info.firstRevision !== head.revision + 1) throw corrupt(segments, info.position);
  heads.advance(head, info.lastRevision, info.position, info.length);
  head.nextRevision = head.revision;
  head.nextPosition = head.position;
  if (info.blanked > 0) head.forgottenBefore = Math.max(head.forgottenBefore, info.firstRevision + info.blanked);
}

/** All frames of a block. */
export function framesOf(block: Block): readonly FrameInfo[] {
  return block.frames.map((position) => frameInfo(block.extent, position));
}

async function findBlock(segments: Segments, scan: BlockScan, end: Position): Promise<boolean> {
  const magic = Buffer.alloc(4);
  magic.writeUInt32LE(BLOCK_MAGIC);
  for await (const { start, bytes } of chunksBehind(segments, end)) {
    for (let at = bytes.indexOf(magic); at >= 0; at = bytes.indexOf(magic, at + 1)) {
      if ((start + at) % 8 === 0 && (await scan.blockAt(start + at)) !== undefined) return true;
    }
  }
  return false;
}

/** What the files hold behind a position. Chunks are multiples of 8 long, so that nothing aligned is split over two. */
async function* chunksBehind(segments: Segments, end: Position): AsyncGenerator<{ readonly start: Position; readonly bytes: Buffer }> {
  for (const segment of await segments.starts()) {
    const until = segment + (await segments.size(segment));
    for (let at = Math.max(segment, end); at < until && segments.startOf(at) === segment; at += SEARCH_BYTES) {
      yield { start: at, bytes: await segments.read(at, Math.min(SEARCH_BYTES, until - at)) };
    }
  }
}

const SEARCH_BYTES = 1024 * 1024;

function lastNonZero(bytes: Buffer): number {
  let at = bytes.length - 1;
  while (at >= 0 && bytes[at] === 0) at--;
  return at;
}
