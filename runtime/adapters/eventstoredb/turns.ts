import { isPerdureError } from '../../core/errors.ts';
import type { Revision, StoredTurn } from '../../core/record.ts';
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
    if (this.#isForgotten(event)) return undefined;
    const blob = blobOf(event);
    return blob === undefined ? turnOf(event) : this.#withPayload(event, blob);
  }

  async #withPayload(event: ReadEvent, blob: Revision): Promise<StoredTurn | undefined> {
    try {
      return turnOf(event, await this.#blobs.get(event.streamId, blob));
    } catch (error) {
      if (!isPerdureError(error, 'store-corrupt')) throw error;
      // It may have been forgotten by another node, of which the news stands further down the log than this event.
      await this.#forgotten.load();
      if (this.#isForgotten(event)) return undefined;
      throw error;
    }
  }

  #isForgotten({ streamId, revision }: ReadEvent): boolean {
    return Number(revision) < this.#forgotten.beforeOf(streamId);
  }
}
