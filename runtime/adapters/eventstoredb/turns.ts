import type { StoredTurn } from '../../core/record.ts';
import type { Blobs } from './blobs.ts';
import type { Forgotten } from './forgotten.ts';
import { blobOf, type ReadEvent, turnOf } from './record-codec.ts';

/**
 * Events as turns, with their large payloads fetched and what was forgotten left out.
 */
export class Turns {
  readonly #blobs: Blobs;
  readonly #forgotten: Forgotten;

  constructor(blobs: Blobs, forgotten: Forgotten) {
    this.#blobs = blobs;
    this.#forgotten = forgotten;
  }

  /** The turn of an event, a promise of it if its data stands elsewhere; undefined if it was forgotten. Throws and rejects with `store-failed`, `store-corrupt`. */
  of(event: ReadEvent): StoredTurn | undefined | Promise<StoredTurn | undefined> {
    if (Number(event.revision) < this.#forgotten.beforeOf(event.streamId)) return undefined;
    const blob = blobOf(event);
    if (blob === undefined) return turnOf(event);
    return this.#blobs.get(event.streamId, blob).then((data) => turnOf(event, data));
  }
}
