import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { PerdureError } from '../../core/errors.ts';
import type { Position, Revision, StreamName } from '../../core/record.ts';
import type { Tail } from '../shared/tail.ts';
import { blankFrame } from './frame.ts';
import type { Heads } from './heads.ts';
import type { LogFiles } from './log-files.ts';
import type { Segments } from './segments.ts';
import type { StreamIndex } from './stream-index.ts';
import type { StreamReader } from './stream-reader.ts';

/**
 * Forgetting: unreadable at once, then gone from the files.
 *
 * Invariants:
 * O1. Before a byte is blanked the index durably says that the records are forgotten, and that blanking is under way: after
 *     a crash it goes on at the next start.
 * O2. Frames are rewritten in place through a redo file that is durable first: applying it again is harmless, so a torn rewrite
 *     is mended at the next start.
 * O3. A frame keeps its length, stream, revision and turn id: chains and re-sent commits are not affected.
 */
export interface ForgetterOptions {
  readonly files: LogFiles;
  readonly segments: Segments;
  readonly index: StreamIndex;
  readonly heads: Heads;
  readonly reader: StreamReader;
  readonly tail: Tail;
  readonly salt: number;
  readonly redo: string;
  /** Streams whose forgetting is under way; kept by the forgetter, read by subscriptions. */
  readonly forgotten: Map<StreamName, Revision>;
}

interface Patch {
  readonly position: Position;
  readonly bytes: Buffer;
}

const PATCH_BYTES = 4 * 1024 * 1024;

export class Forgetter {
  readonly #options: ForgetterOptions;
  #queue: Promise<void> = Promise.resolve();
  #rewriting: Promise<void> | undefined;

  constructor(options: ForgetterOptions) {
    this.#options = options;
  }

  /** The rewrite of frames under way, if any. */
  get rewriting(): Promise<void> | undefined {
    return this.#rewriting;
  }

  /** Forgets the records of a stream that exist and lie before a revision; one at a time. */
  forget(stream: StreamName, before: Revision): Promise<void> {
    const done = this.#queue.then(() => this.#forget(stream, before));
    this.#queue = done.catch(() => undefined);
    return done;
  }

  /** Ends what a crash interrupted. */
  async resume(): Promise<void> {
    for (const { stream, before } of this.#options.index.forgettings()) await this.forget(stream, before);
  }

  /** Waits for what is under way. */
  idle(): Promise<void> {
    return this.#queue;
  }

  async #forget(stream: StreamName, before: Revision): Promise<void> {
    const { heads, index, forgotten, tail } = this.#options;
    const head = heads.get(stream);
    const first = Math.max(head.forgottenBefore, Math.min(before, head.revision + 1));
    head.forgottenBefore = first;
    forgotten.set(stream, first);
    tail.clear();
    heads.touch(head);
    await index.beginForget(head, tail.end);
    await this.#blank(stream, first);
    await index.endForget(stream);
    forgotten.delete(stream);
  }

  async #blank(stream: StreamName, before: Revision): Promise<void> {
    const { reader, heads, salt } = this.#options;
    let patches: Patch[] = [];
    let bytes = 0;
    for await (const frames of reader.framesBefore(heads.get(stream), before)) {
      for (const { info, extent } of frames) {
        const count = Math.min(before, info.lastRevision + 1) - info.firstRevision;
        if (count <= info.blanked) continue;
        patches.push({ position: info.position, bytes: blankFrame(extent, info, count, salt) });
        bytes += info.length;
      }
      if (bytes < PATCH_BYTES) continue;
      await this.#rewrite(patches);
      patches = [];
      bytes = 0;
    }
    if (patches.length > 0) await this.#rewrite(patches);
  }

  async #rewrite(patches: readonly Patch[]): Promise<void> {
    const { files, redo, salt, segments } = this.#options;
    await files.replace(redo, encodeRedo(patches, salt));
    this.#rewriting = apply(segments, patches);
    try {
      await this.#rewriting;
    } finally {
      this.#rewriting = undefined;
    }
    await files.remove(redo);
  }
}

/** Applies a redo file that a crash left behind (O2), before anything reads the log. Throws `store-corrupt` if it cannot be read. */
export async function applyRedo(files: LogFiles, segments: Segments, redo: string, salt: number): Promise<void> {
  const names = await files.list(dirname(redo));
  if (!names.includes('redo')) return;
  const file = await files.open(redo, false);
  let bytes: Buffer;
  try {
    bytes = Buffer.alloc(await file.size());
    await file.read(bytes, 0);
  } finally {
    await file.close();
  }
  await apply(segments, decodeRedo(bytes, salt, redo));
  await files.remove(redo);
}

async function apply(segments: Segments, patches: readonly Patch[]): Promise<void> {
  for (const { position, bytes } of patches) await segments.rewrite(bytes, position);
}

function encodeRedo(patches: readonly Patch[], salt: number): Buffer {
  const parts: Buffer[] = [];
  for (const { position, bytes } of patches) {
    const header = Buffer.alloc(12);
    header.writeDoubleLE(position, 0);
    header.writeUInt32LE(bytes.length, 8);
    parts.push(header, bytes);
  }
  const body = Buffer.concat(parts);
  const crc = Buffer.alloc(4);
  crc.writeUInt32LE(crc32(body, salt));
  return Buffer.concat([crc, body]);
}

function decodeRedo(bytes: Buffer, salt: number, path: string): Patch[] {
  const body = bytes.subarray(4);
  if (bytes.length < 4 || crc32(body, salt) !== bytes.readUInt32LE(0)) throw new PerdureError('store-corrupt', `${path} is damaged.`);
  const patches: Patch[] = [];
  for (let at = 0; at < body.length; ) {
    const length = body.readUInt32LE(at + 8);
    patches.push({ position: body.readDoubleLE(at), bytes: body.subarray(at + 12, at + 12 + length) });
    at += 12 + length;
  }
  return patches;
}
