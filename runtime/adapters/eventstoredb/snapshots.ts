import { randomUUID } from 'node:crypto';
import type { StreamName } from '../../core/record.ts';
import { snapshotStream } from './names.ts';
import type { Reads } from './reads.ts';
import { bytesEvent, type SystemAppends } from './system-appends.ts';

/** Most of a snapshot that one event holds. */
const PART_BYTES = 900 * 1024;
/** Events of a stream of snapshots that the server keeps. */
const KEPT = 4;
/** How often the server is told so again, in events: it forgets it when the stream is deleted. */
const TELL_EVERY = 64;

/**
 * Snapshots, newest last, in a stream of their own for each entity; large ones in parts.
 *
 * Invariants:
 * N1. A snapshot is read only if all its parts are there: what is left of one that was cut off by a crash is passed over.
 */
export class Snapshots {
  readonly #appends: SystemAppends;
  readonly #reads: Reads;

  constructor(appends: SystemAppends, reads: Reads) {
    this.#appends = appends;
    this.#reads = reads;
  }

  /** The newest whole snapshot, undefined if there is none. Throws `store-failed`. */
  async load(stream: StreamName): Promise<Uint8Array | undefined> {
    const last = await this.#reads.last(snapshotStream(stream));
    if (last === undefined) return undefined;
    if (last.data instanceof Uint8Array && (last.metadata as Part).parts === 1) return Uint8Array.prototype.slice.call(last.data);
    return this.#inParts(stream);
  }

  async #inParts(stream: StreamName): Promise<Uint8Array | undefined> {
    const parts: Uint8Array[] = [];
    let wanted: Part | undefined;
    for await (const { data, metadata } of this.#reads.backwards(snapshotStream(stream), 2 ** 16)) {
      const about = metadata as Part;
      if (!(data instanceof Uint8Array)) continue;
      if (about.part === about.parts - 1) {
        parts.length = 0;
        wanted = about;
      }
      if (wanted === undefined || about.snapshot !== wanted.snapshot || about.part !== wanted.parts - 1 - parts.length) continue;
      parts.unshift(data);
      if (parts.length === wanted.parts) return Uint8Array.prototype.slice.call(Buffer.concat(parts));
    }
    return undefined;
  }

  /** Saves a snapshot. Throws `store-failed`. */
  async save(stream: StreamName, bytes: Uint8Array): Promise<void> {
    const name = snapshotStream(stream);
    const parts = Math.max(1, Math.ceil(bytes.length / PART_BYTES));
    const snapshot = randomUUID();
    for (let part = 0; part < parts; part += 1) {
      const about: Part = { snapshot, part, parts };
      const piece = bytes.slice(part * PART_BYTES, (part + 1) * PART_BYTES);
      const revision = await this.#appends.add(name, [bytesEvent('perdure.snapshot', piece, about)]);
      // A multi-part one needs room for itself and the one before it.
      if (revision % TELL_EVERY === 0 || (parts > 1 && part === 0))
        await this.#appends.setMetadata(name, { $maxCount: Math.max(KEPT, 2 * parts) });
    }
  }

  /** Makes every snapshot of a stream unreadable. Throws `store-failed`. */
  async remove(stream: StreamName): Promise<void> {
    const name = snapshotStream(stream);
    const last = await this.#reads.last(name);
    if (last !== undefined) await this.#appends.setMetadata(name, { $tb: Number(last.revision) + 1, $maxCount: KEPT });
  }
}

interface Part {
  readonly snapshot: string;
  readonly part: number;
  readonly parts: number;
}
