/**
 * The rows of a user's projection between the log and the read store: changed rows wait here until one write takes them all.
 *
 * Invariants:
 * T1. The table at a checkpoint is a function of the log before it. Hence a write that found exactly its own checkpoint left exactly
 *     its own rows.
 * T2. What a table remembers of unchanged rows is as stored, because it alone changes them; after a lost write it remembers nothing.
 */
import { LIMITS } from '../core/limits.ts';
import type { Position, StreamName } from '../core/record.ts';
import type { SubscriptionBatch } from '../ports/event-store.ts';
import type { Row, WriteBatch } from '../ports/read-store.ts';
import { Checkpointed } from './checkpointed.ts';
import { EventFailure, type EventPlace, type Step, type StepsOf } from './folding.ts';
import type { Flushed, FoldOptions, Table, TableParts } from './table.ts';

/** Rows remembered beyond the changed ones. */
const MAX_CLEAN_ROWS = 4_096;
/** Changed rows from which on they are written: one write holds the event loop. */
const MAX_DIRTY_ROWS = 512;
/** Events folded before others get the event loop. */
const SLICE_EVENTS = 256;

export interface UserTableShape {
  readonly table: string;
  /** The index that finds the rows of a forgotten stream, if their keys do not follow from its name. */
  readonly sourceIndex: string | undefined;
  readonly stepsOf: StepsOf;
}

interface Dirty {
  readonly row: Row | undefined;
  /** The last event that changed it. */
  readonly event: EventPlace;
}

export class UserTable implements Table {
  readonly #shape: UserTableShape;
  readonly #parts: TableParts;
  readonly #checkpointed: Checkpointed;
  readonly #dirty = new Map<string, Dirty>();
  readonly #clean = new Map<string, Row | undefined>();
  #covered: Position = 0;
  #events = 0;

  constructor(shape: UserTableShape, parts: TableParts) {
    this.#shape = shape;
    this.#parts = parts;
    this.#checkpointed = new Checkpointed(shape.table, parts);
  }

  get covered(): Position {
    return this.#covered;
  }

  /** Beyond the stored checkpoint if nothing in between changed a row. */
  get visible(): Position {
    return this.#dirty.size === 0 ? this.#covered : this.#checkpointed.position;
  }

  get storedPosition(): Position {
    return this.#checkpointed.position;
  }

  get dirtyRows(): number {
    return this.#dirty.size;
  }

  get pendingEvents(): number {
    return this.#events;
  }

  get full(): boolean {
    return this.#dirty.size >= MAX_DIRTY_ROWS;
  }

  async load(head: Position): Promise<void> {
    await this.#checkpointed.load(head);
    this.rewind();
  }

  rewind(): void {
    this.#dirty.clear();
    this.#clean.clear();
    this.#events = 0;
    this.#covered = this.#checkpointed.position;
  }

  stop(): void {
    this.#checkpointed.stop();
  }

  async fold({ turns, checkpoint }: SubscriptionBatch, { before, skipped }: FoldOptions): Promise<Flushed> {
    let group: Step[] = [];
    // Where the turn before ended: of a turn that is partly forgotten the place where it begins now is none to resume from.
    let reached = this.#covered;
    for (const turn of turns) {
      if (turn.position >= before) break;
      const steps = this.#shape.stepsOf(turn, skipped);
      const forgotten = steps[0]?.forget;
      if (forgotten !== undefined || group.length >= SLICE_EVENTS) {
        await this.#foldSteps(group);
        group = [];
        this.#advance(reached);
        const flushed = await (forgotten === undefined ? this.#pause() : this.#forget(forgotten));
        if (flushed !== 'written') return flushed;
      }
      for (const step of steps) group.push(step);
      reached = turn.position + turn.records.length;
    }
    await this.#foldSteps(group);
    this.#advance(Math.min(checkpoint, before));
    return 'written';
  }

  async flush(): Promise<Flushed> {
    if (this.#dirty.size === 0 && this.#covered === this.#checkpointed.position) return 'written';
    const changes = [...this.#dirty].map(([key, { row }]) => ({ key, row }));
    const flushed = await this.#write(changes);
    if (flushed !== 'written') return flushed;
    for (const [key, { row }] of this.#dirty) this.#remember(key, row);
    this.#dirty.clear();
    this.#events = 0;
    return 'written';
  }

  /** Between slices: writes if too much waits, and lets others have the event loop. */
  async #pause(): Promise<Flushed> {
    if (this.full) return this.flush();
    await new Promise<void>((resolve) => this.#parts.clock.soon(resolve));
    return 'written';
  }

  /** Removes every row that `stream` alone has made, a page per write; the checkpoint stays before the event that asks for it. */
  async #forget(stream: StreamName): Promise<Flushed> {
    const { sourceIndex, table } = this.#shape;
    if (sourceIndex === undefined) return 'written';
    const flushed = await this.flush();
    if (flushed !== 'written') return flushed;
    for (;;) {
      const page = await this.#parts.rows.find({ table, index: sourceIndex, equals: [stream], limit: LIMITS.maxPage });
      if (page.rows.length === 0) return 'written';
      const removed = await this.#write(page.rows.map(({ key }) => ({ key, row: undefined })));
      if (removed !== 'written') return removed;
      for (const { key } of page.rows) this.#clean.delete(key);
    }
  }

  async #write(changes: WriteBatch['changes']): Promise<Flushed> {
    const flushed = await this.#checkpointed.write(changes, this.#covered, (key) => this.#dirty.get(key)?.event);
    return flushed === 'found' ? 'written' : flushed;
  }

  async #foldSteps(steps: readonly Step[]): Promise<void> {
    await this.#fetch(steps);
    this.#events += steps.length;
    for (const { event, keys, apply } of steps) {
      for (const key of keys) {
        const dirty = this.#dirty.get(key);
        const before = dirty === undefined ? this.#clean.get(key) : dirty.row;
        const row = applied(apply, before, key, event);
        if (row !== before || dirty !== undefined) this.#dirty.set(key, { row, event });
      }
    }
  }

  #advance(position: Position): void {
    this.#covered = Math.max(this.#covered, position);
  }

  async #fetch(steps: readonly Step[]): Promise<void> {
    this.#shrink();
    const missing = new Set<string>();
    for (const { keys } of steps) {
      for (const key of keys) if (!this.#dirty.has(key) && !this.#clean.has(key)) missing.add(key);
    }
    if (missing.size === 0) return;
    const keys = [...missing];
    const rows = await this.#parts.rows.getMany(this.#shape.table, keys);
    for (const [index, key] of keys.entries()) this.#clean.set(key, rows[index]);
  }

  /** Last used, last out; the bound is kept between folds, so that a fold finds all it fetched. */
  #remember(key: string, row: Row | undefined): void {
    this.#clean.delete(key);
    this.#clean.set(key, row);
  }

  #shrink(): void {
    for (const key of this.#clean.keys()) {
      if (this.#clean.size <= MAX_CLEAN_ROWS) return;
      this.#clean.delete(key);
    }
  }
}

function applied(apply: Step['apply'], before: Row | undefined, key: string, event: EventPlace): Row | undefined {
  try {
    return apply(before, key);
  } catch (error) {
    throw new EventFailure(event, error);
  }
}
