import type { Revision, StoredTurn, StreamName } from '../../core/record.ts';
import { trimmed } from '../shared/tail.ts';
import { blobStream, FORGOTTEN_STREAM } from './names.ts';
import type { Reads } from './reads.ts';
import { blobOf } from './record-codec.ts';
import type { Snapshots } from './snapshots.ts';
import { jsonEvent, type SystemAppends } from './system-appends.ts';

/**
 * Streams whose first records are forgotten: unreadable in their stream by its metadata at once, and in the log, which shows them until a scavenge, by
 * this list.
 *
 * Invariants:
 * F1. What is on the list is handed out by nobody; the list is written before the stream is cut.
 */
export class Forgotten {
  readonly #appends: SystemAppends;
  readonly #reads: Reads;
  readonly #snapshots: Snapshots;
  readonly #before = new Map<StreamName, Revision>();

  constructor(appends: SystemAppends, reads: Reads, snapshots: Snapshots) {
    this.#appends = appends;
    this.#reads = reads;
    this.#snapshots = snapshots;
  }

  /** Reads the list. Throws `store-failed`. */
  async load(): Promise<void> {
    for await (const { data } of this.#reads.stream(FORGOTTEN_STREAM, 0)) this.note(data);
  }

  /** An entry of the list, made here or by another node. What is none is passed over: anybody can append there. */
  note(entry: unknown): void {
    if (!isEntry(entry)) return;
    const { stream, before } = entry;
    if (before > this.beforeOf(stream)) this.#before.set(stream, before);
  }

  /** First revision of a stream that may be read. */
  beforeOf(stream: StreamName): Revision {
    return this.#before.get(stream) ?? 0;
  }

  /** What is left of a turn. */
  trim(turn: StoredTurn): StoredTurn | undefined {
    return this.#before.size === 0 ? turn : trimmed(turn, this.beforeOf(turn.stream));
  }

  /** Forgets the records of a stream before a revision, its snapshots and its large payloads. May be repeated. Throws `store-failed`. */
  async forget(stream: StreamName, before: Revision): Promise<void> {
    await this.#snapshots.remove(stream);
    if (before <= 0) return;
    const cut = Math.max(before, this.beforeOf(stream));
    const entry: Entry = { stream, before: cut };
    if (cut > this.beforeOf(stream)) await this.#appends.add(FORGOTTEN_STREAM, [jsonEvent('perdure.forgotten', entry)]);
    this.note(entry);
    await this.#appends.setMetadata(stream, { ...(await this.#metadataOf(stream)), $tb: cut });
    const blob = await this.#reads.last(blobStream(stream));
    if (blob === undefined) return;
    const needed = (await this.#firstBlobOf(stream, cut)) ?? Number(blob.revision) + 1;
    await this.#appends.setMetadata(blobStream(stream), { $tb: needed });
  }

  /** The first large payload of the records that stay. */
  async #firstBlobOf(stream: StreamName, from: Revision): Promise<Revision | undefined> {
    for await (const event of this.#reads.stream(stream, from)) {
      const blob = blobOf(event);
      if (blob !== undefined) return blob;
    }
    return undefined;
  }

  /** What an operator said of a stream stands. */
  async #metadataOf(stream: StreamName): Promise<object> {
    const data = (await this.#reads.last(`$$${stream}`))?.data;
    return typeof data === 'object' && data !== null ? data : {};
  }
}

interface Entry {
  readonly stream: StreamName;
  readonly before: Revision;
}

function isEntry(data: unknown): data is Entry {
  if (typeof data !== 'object' || data === null || !('stream' in data) || !('before' in data)) return false;
  return typeof data.stream === 'string' && typeof data.before === 'number';
}
