/**
 * The built-in rows of one entity type: states are folded in memory, and a row is made of one when it is written.
 *
 * Invariants:
 * N1. A row is the fold of its stream through `revision`; journal records move `revision` and `position` only.
 * N2. `Forgotten` removes the row, and the rest of its turn does not bring it back.
 * N3. A stream that cannot be folded costs no other its row: its own has state null and says why, until another code version, whose table
 *     is another, folds it anew.
 * N4. Rows may be ahead of the checkpoint, never behind. A write takes the rows whose unwritten change is the oldest, as they are by now, and
 *     moves the checkpoint to the oldest change left: so it always moves, and of two writers at one checkpoint one loses. Records at or
 *     before a row's `position` are not applied to it again.
 */
import { errorText } from '../core/errors.ts';
import { JOURNAL_PREFIX, type Position, type StoredTurn } from '../core/record.ts';
import type { SubscriptionBatch } from '../ports/event-store.ts';
import type { Row } from '../ports/read-store.ts';
import { Checkpointed } from './checkpointed.ts';
import type { EntityFold, EntityRow } from './definition.ts';
import { type EntityEntry, EntityStates } from './entity-states.ts';
import type { EventPlace } from './folding.ts';
import type { Flushed, FoldOptions, Table, TableParts } from './table.ts';

/** Of one write: it holds the event loop for some milliseconds. */
const MAX_WRITE_ROWS = 512;
const MAX_WRITE_BYTES = 512 * 1024;
/** Turns and records folded before others get the event loop. */
const SLICE_TURNS = 512;
const SLICE_RECORDS = 2_048;

const FORGOTTEN = `${JOURNAL_PREFIX}Forgotten`;

export class EntityTable implements Table {
  readonly #fold: EntityFold;
  readonly #table: string;
  readonly #parts: TableParts;
  readonly #checkpointed: Checkpointed;
  readonly #states = new EntityStates();
  /** Characters of a stream's name before the entity's id. */
  readonly #idAt: number;
  #covered: Position = 0;
  /** Rows were taken whose write has not succeeded: readers do not see them, though nothing may be left that is changed. */
  #writing = false;

  constructor(fold: EntityFold, table: string, parts: TableParts) {
    this.#fold = fold;
    this.#table = table;
    this.#parts = parts;
    this.#checkpointed = new Checkpointed(table, parts);
    this.#idAt = fold.type.length + 1;
  }

  get covered(): Position {
    return this.#covered;
  }

  get visible(): Position {
    return this.#states.changed === 0 && !this.#writing ? this.#covered : this.#checkpointed.position;
  }

  get storedPosition(): Position {
    return this.#checkpointed.position;
  }

  get pendingEvents(): number {
    return this.#states.events;
  }

  get dirtyRows(): number {
    return this.#states.changed;
  }

  get full(): boolean {
    return this.#states.full;
  }

  async load(head: Position): Promise<void> {
    await this.#checkpointed.load(head);
    this.rewind();
  }

  rewind(): void {
    this.#states.clear();
    this.#writing = false;
    this.#covered = this.#checkpointed.position;
  }

  stop(): void {
    this.#checkpointed.stop();
  }

  async fold({ turns, checkpoint }: SubscriptionBatch, { before, skipped }: FoldOptions): Promise<Flushed> {
    let at = 0;
    while (at < turns.length) {
      const end = sliceEnd(turns, at, before);
      if (end === at) break;
      this.#states.trim();
      const read = this.#read(turns, at, end);
      if (read !== undefined) await read;
      for (; at < end; at++) this.#apply(turns[at] as StoredTurn, skipped);
      if (at < turns.length) await new Promise<void>((resolve) => this.#parts.clock.soon(resolve));
    }
    this.#covered = Math.max(this.#covered, Math.min(checkpoint, before));
    return 'written';
  }

  async flush(): Promise<Flushed> {
    const taken = this.#states.take(MAX_WRITE_ROWS, MAX_WRITE_BYTES);
    const position = this.#states.since ?? this.#covered;
    if (taken.length === 0 && position === this.#checkpointed.position) return 'written';
    const blame = (key: string) =>
      placeOf(
        this.#fold.type,
        taken.find(({ id }) => id === key),
      );
    this.#writing = true;
    const flushed = await this.#checkpointed.write(taken.map(changeOf), position, blame);
    if (flushed === 'lost' || flushed === 'stopped') return flushed;
    this.#writing = false;
    if (flushed === 'written') return flushed;
    // The checkpoint may be another writer's, whose rows need not be as far ahead of it as these.
    this.#states.putBack(
      taken.map((entry) => [`${this.#fold.type}-${entry.id}`, entry] as const),
      position,
    );
    return 'written';
  }

  /** Reads the rows of streams that are not in memory; undefined if all are. */
  #read(turns: readonly StoredTurn[], from: number, end: number): Promise<void> | undefined {
    let missing: Set<string> | undefined;
    for (let at = from; at < end; at++) {
      const stream = turns[at]?.stream ?? '';
      if (this.#states.get(stream) === undefined) missing = (missing ?? new Set()).add(stream);
    }
    return missing && this.#readMissing([...missing]);
  }

  async #readMissing(streams: readonly string[]): Promise<void> {
    const ids = streams.map((stream) => stream.slice(this.#idAt));
    const rows = await this.#parts.rows.getMany(this.#table, ids);
    for (const [at, stream] of streams.entries()) this.#states.add(stream, entryOf(ids[at] ?? '', rows[at]));
  }

  #apply(turn: StoredTurn, skipped: ReadonlySet<Position>): void {
    const { stream, records } = turn;
    const entry = this.#states.get(stream);
    if (entry === undefined) return;
    const first = Math.max(0, entry.position - turn.position + 1);
    if (first >= records.length) return;
    for (let index = first; index < records.length; index++) {
      const record = records[index];
      if (record === undefined || (skipped.size > 0 && skipped.has(turn.position + index))) continue;
      entry.turn = turn.position;
      entry.recordType = record.type;
      if (record.type === FORGOTTEN) {
        Object.assign(entry, { present: false, state: null, error: undefined });
        break;
      }
      this.#applyRecord(entry, turn, index);
    }
    entry.revision = turn.firstRevision + records.length - 1;
    entry.position = turn.position + records.length - 1;
    this.#states.touch(stream, entry, turn.position, records.length - first);
  }

  #applyRecord(entry: EntityEntry, turn: StoredTurn, index: number): void {
    const record = turn.records[index];
    if (record === undefined) return;
    try {
      if (!entry.present) {
        entry.present = true;
        entry.state = this.#fold.initial(entry.id);
      }
      if (entry.error !== undefined || record.type.startsWith(JOURNAL_PREFIX)) return;
      entry.state = this.#fold.apply(entry.state, record);
    } catch (error) {
      entry.state = null;
      entry.error = errorText(error);
      const place = { stream: turn.stream, type: record.type, revision: turn.firstRevision + index, position: turn.position + index };
      this.#parts.listener.warn('entity cannot be folded: its row has no state', { ...place, error: entry.error });
    }
  }
}

/** Where the slice of turns that begins at `from` ends: before the turn at the position `before` in any case. */
function sliceEnd(turns: readonly StoredTurn[], from: number, before: Position): number {
  let end = from;
  for (let records = 0; end < turns.length && end - from < SLICE_TURNS && records < SLICE_RECORDS; end++) {
    const turn = turns[end];
    if (turn === undefined || turn.position >= before) break;
    records += turn.records.length;
  }
  return end;
}

const NEVER = { since: 0, events: 0, turn: -1, recordType: '', bytes: 0 };

function entryOf(id: string, row: Row | undefined): EntityEntry {
  const none = { id, present: false, state: null, revision: -1, position: -1, error: undefined, ...NEVER };
  if (!isEntityRow(row)) return none;
  return { ...none, present: true, state: row.state, revision: row.revision, position: row.position, error: row.error };
}

function isEntityRow(row: Row | undefined): row is EntityRow {
  return typeof row === 'object' && row !== null && 'revision' in row && typeof row.revision === 'number';
}

function changeOf({ id, present, state, revision, position, error }: EntityEntry): { key: string; row: EntityRow | undefined } {
  if (!present) return { key: id, row: undefined };
  return { key: id, row: error === undefined ? { state, revision, position } : { state, revision, position, error } };
}

function placeOf(type: string, entry: EntityEntry | undefined): EventPlace | undefined {
  if (entry === undefined) return undefined;
  const { id, revision, position, turn, recordType } = entry;
  return { stream: `${type}-${id}`, type: recordType, revision, position, turn };
}
