import { randomUUID } from 'node:crypto';
import { PerdureError } from '../../core/errors.ts';
import type { Revision, StreamName } from '../../core/record.ts';
import { blobStream } from './names.ts';
import type { Reads } from './reads.ts';
import { type PayloadFormat, unpackData } from './record-codec.ts';
import { bytesEvent, type SystemAppends } from './system-appends.ts';

/** Payloads above this many bytes stand beside the stream, in a stream of blobs, so that a batch stays far below the server's limit of an append. */
export const MAX_INLINE_BYTES = 64 * 1024;
/** Most of a blob that one event holds: with all there is beside it, it stays below 1 MiB. */
const PART_BYTES = 900 * 1024;

/**
 * Large payloads. One that is written twice, because its turn was sent again after a crash, is there twice and means nothing.
 *
 * Invariants:
 * B1. A payload is made of its own parts only: those of another one, which somebody writes for the same stream at the same time, may stand between them.
 * B2. It begins at its revision: where that was forgotten, no later one is taken for it.
 */
export class Blobs {
  readonly #appends: SystemAppends;
  readonly #reads: Reads;

  constructor(appends: SystemAppends, reads: Reads) {
    this.#appends = appends;
    this.#reads = reads;
  }

  /** Stores packed data; gives the revision that it is found by. Throws `store-failed`. */
  async put(stream: StreamName, packed: Uint8Array, format: PayloadFormat): Promise<Revision> {
    const parts = Math.ceil(packed.length / PART_BYTES);
    const blob = randomUUID();
    let first: Revision | undefined;
    for (let part = 0; part < parts; part += 1) {
      const bytes = packed.subarray(part * PART_BYTES, (part + 1) * PART_BYTES);
      const revision = await this.#appends.add(blobStream(stream), [
        bytesEvent('perdure.blob', bytes, { blob, format, part, parts } satisfies Part),
      ]);
      first ??= revision;
    }
    return first ?? -1;
  }

  /** Data by its revision. Throws `store-failed`, `store-corrupt` if it is not there. */
  async get(stream: StreamName, revision: Revision): Promise<unknown> {
    const found: Uint8Array[] = [];
    let blob: string | undefined;
    for await (const { revision: at, data, metadata } of this.#reads.stream(blobStream(stream), revision)) {
      const about = metadata as Part;
      if (found.length === 0 && Number(at) !== revision) break;
      if (!(data instanceof Uint8Array) || about.part !== found.length || (found.length > 0 && about.blob !== blob)) continue;
      blob = about.blob;
      found.push(data);
      if (found.length === about.parts) return unpackData(Buffer.concat(found), about.format);
    }
    throw new PerdureError('store-corrupt', `a payload of ${stream} is not at revision ${revision} of its blobs`);
  }
}

interface Part {
  /** The payload that it is a part of. */
  readonly blob: string;
  readonly format: PayloadFormat;
  readonly part: number;
  readonly parts: number;
}
