import { LIMITS } from './limits.ts';
import type { Revision } from './record.ts';

/**
 * The window of ids: which chosen signal ids an entity has handled, and where their outcome is recorded.
 *
 * Invariants:
 * W1. An id stays while it is among the last `windowMinIds` or younger than `windowMinAgeMs`, but never more than `windowMaxIds` are kept.
 * W2. An id dropped although younger than `windowMinAgeMs` is counted.
 * W3. The window is a function of the records folded, in order; the clock that ages it is turn time.
 */
export class IdWindow {
  /** Made with the first id: most entities in memory never see one. */
  #entries: Map<string, { revision: Revision; time: number }> | undefined;
  /** Ids from oldest to newest; a queue of its own, because deleting a Map's first key again and again is slow. */
  #order: string[] = NO_IDS;
  #first = 0;
  /** Number of ids dropped early (W2). */
  droppedEarly = 0;

  get size(): number {
    return this.#entries?.size ?? 0;
  }

  /** Revision of the record that holds the outcome of an id, undefined if the id is not (or no longer) known. */
  find(id: string): Revision | undefined {
    return this.#entries?.get(id)?.revision;
  }

  /** Notes that an id was handled by the record at `revision`; a later record of the same id replaces the place, not the age. */
  add(id: string, revision: Revision, timeMs: number): void {
    if (this.#entries === undefined) {
      this.#entries = new Map();
      this.#order = [];
    }
    const known = this.#entries.get(id);
    if (known !== undefined) {
      known.revision = revision;
      return;
    }
    this.#entries.set(id, { revision, time: timeMs });
    this.#order.push(id);
    if (this.#entries.size > LIMITS.windowMinIds) this.#trim(this.#entries, timeMs);
  }

  /** Entries from oldest to newest, for snapshots. */
  entries(): readonly (readonly [id: string, revision: Revision, timeMs: number])[] {
    return this.#order.slice(this.#first).map((id) => {
      const entry = this.#entries?.get(id);
      return [id, entry?.revision ?? -1, entry?.time ?? 0];
    });
  }

  #trim(entries: Map<string, { revision: Revision; time: number }>, nowMs: number): void {
    while (entries.size > LIMITS.windowMinIds) {
      const oldest = this.#order[this.#first];
      const entry = oldest === undefined ? undefined : entries.get(oldest);
      if (oldest === undefined || entry === undefined) break;
      const young = nowMs - entry.time < LIMITS.windowMinAgeMs;
      if (young && entries.size <= LIMITS.windowMaxIds) break;
      if (young) this.droppedEarly += 1;
      entries.delete(oldest);
      this.#first += 1;
    }
    if (this.#first > 1_024 && this.#first * 2 > this.#order.length) {
      this.#order = this.#order.slice(this.#first);
      this.#first = 0;
    }
  }
}

const NO_IDS: string[] = [];
