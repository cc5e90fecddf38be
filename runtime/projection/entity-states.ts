/**
 * Folded states of the entities of one type that were touched last, changed ones (to be written) and others.
 *
 * Invariants:
 * S1. Bounded by a count and by estimated bytes, the changed and the others each: the former by whoever writes when `full` says so,
 *     the latter here, longest untouched first.
 * S2. Changed ones come out in the order of `since`; one that changes again before it came out keeps its place.
 */
import type { Position, Revision, StreamName } from '../core/record.ts';

const MAX_ENTRIES = 65_536;
/** Unchanged ones only save a read of their row. */
const MAX_OTHERS = 16_384;
const MAX_BYTES = 32 * 1024 * 1024;
/** What an entry weighs beside its state. */
const ENTRY_BYTES = 200;

/** State of an entity after the record at `revision` and `position`. */
export interface EntityEntry {
  readonly id: string;
  /** False: there is no row. */
  present: boolean;
  state: unknown;
  revision: Revision;
  position: Position;
  /** Why the stream could not be folded further. */
  error: string | undefined;
  /** The first turn that the store's row lacks, and the records since; they mean nothing while it is unchanged. */
  since: Position;
  events: number;
  /** The last turn, and the type of its last record folded. */
  turn: Position;
  recordType: string;
  /** Estimated, as of when it was last measured. */
  bytes: number;
}

export class EntityStates {
  #changed = new Map<StreamName, EntityEntry>();
  readonly #others = new Map<StreamName, EntityEntry>();
  #changedBytes = 0;
  #otherBytes = 0;
  #events = 0;

  get changed(): number {
    return this.#changed.size;
  }

  /** Records in changed entries. */
  get events(): number {
    return this.#events;
  }

  /** Where the log goes on behind what all unchanged entries have; undefined if nothing is changed. */
  get since(): Position | undefined {
    for (const { since } of this.#changed.values()) return since;
    return undefined;
  }

  get full(): boolean {
    return this.#changed.size >= MAX_ENTRIES || this.#changedBytes >= MAX_BYTES;
  }

  get(stream: StreamName): EntityEntry | undefined {
    return this.#changed.get(stream) ?? this.#others.get(stream);
  }

  /** Takes in what was read: an entry that is as the store has it. */
  add(stream: StreamName, entry: EntityEntry): void {
    measure(entry);
    this.#others.set(stream, entry);
    this.#otherBytes += entry.bytes;
  }

  /** An entry was changed by `events` records of the turn at `turn`. */
  touch(stream: StreamName, entry: EntityEntry, turn: Position, events: number): void {
    const before = entry.bytes;
    this.#events += events;
    if (this.#changed.has(stream)) {
      entry.events += events;
      this.#changedBytes += measure(entry) - before;
      return;
    }
    entry.since = turn;
    entry.events = events;
    if (this.#others.delete(stream)) this.#otherBytes -= before;
    this.#changed.set(stream, entry);
    this.#changedBytes += measure(entry);
  }

  /** The first changed entries, which from now on count as unchanged: at most `count` and `bytes`, but for the last one and its peers. */
  take(count: number, bytes: number): EntityEntry[] {
    const taken: EntityEntry[] = [];
    let size = 0;
    let since = -1;
    for (const [stream, entry] of this.#changed) {
      if ((taken.length >= count || size >= bytes) && entry.since > since) break;
      taken.push(entry);
      since = entry.since;
      size += entry.bytes;
      this.#events -= entry.events;
      this.#changed.delete(stream);
      this.#others.set(stream, entry);
    }
    this.#changedBytes -= size;
    this.#otherBytes += size;
    return taken;
  }

  /** Entries that were taken last count as changed again, before all others: the store's rows are those of `since` at least. */
  putBack(entries: readonly (readonly [StreamName, EntityEntry])[], since: Position): void {
    const rest = this.#changed;
    this.#changed = new Map();
    for (const [stream, entry] of entries) this.touch(stream, entry, since, entry.events);
    for (const [stream, entry] of rest) this.#changed.set(stream, entry);
  }

  /** Lets go of unchanged entries beyond the bounds. Not called while somebody relies on what was added. */
  trim(): void {
    for (const [stream, entry] of this.#others) {
      if (this.#others.size <= MAX_OTHERS && this.#otherBytes <= MAX_BYTES) return;
      this.#others.delete(stream);
      this.#otherBytes -= entry.bytes;
    }
  }

  clear(): void {
    this.#changed.clear();
    this.#others.clear();
    this.#changedBytes = 0;
    this.#otherBytes = 0;
    this.#events = 0;
  }
}

function measure(entry: EntityEntry): number {
  entry.bytes = ENTRY_BYTES + entry.id.length + estimate(entry.state, 0);
  return entry.bytes;
}

/** A rough weight in bytes. A state is the user's: this must not throw, whatever it is, nor follow it for ever. */
function estimate(value: unknown, depth: number): number {
  if (typeof value === 'string') return value.length + 8;
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return 8;
  let size = 16;
  if (Array.isArray(value)) {
    for (const item of value) size += estimate(item, depth + 1);
  } else {
    for (const key in value) size += key.length + estimate((value as Readonly<Record<string, unknown>>)[key], depth + 1);
  }
  return size;
}
const MAX_DEPTH = 64;
