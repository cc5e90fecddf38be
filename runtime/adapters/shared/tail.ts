import { LIMITS } from '../../core/limits.ts';
import type { Position, Revision, StoredTurn } from '../../core/record.ts';
import { type SubscribeOptions, wants } from '../../ports/event-store.ts';

/**
 * The newest durable blocks of a log in memory, for subscriptions that keep up, and the bell that wakes them.
 *
 * Invariants:
 * G1. The blocks kept are the newest ones without a gap: if the tail covers a position it has every turn from there on.
 * G2. Bounded in bytes and blocks; what every subscription that keeps up has been handed is let go at once, so that what a turn was made of dies young.
 * G3. A subscription that waits is woken by the first block with a turn it wants; blocks without one only move its cursor, and within
 *     LATE_MS it is woken all the same, so that its checkpoint follows.
 */
export interface TailBlock {
  readonly end: Position;
  /** Its turns, in order. */
  readonly turns: readonly StoredTurn[];
  /** The types of all its records: most blocks hold none of what a subscription to a few types wants, and are passed over whole. */
  readonly types: ReadonlySet<string>;
}

const MAX_TAIL_BYTES = 8 * 1024 * 1024;
const MAX_TAIL_BLOCKS = 1_024;
const LATE_MS = 100;

export class Tail {
  #blocks: KeptBlock[] = [];
  #bytes = 0;
  /** Every turn from here on is in the blocks. */
  #from: Position;
  #end: Position;
  readonly #waiting = new Map<object, { readonly options: SubscribeOptions; readonly wake: () => void }>();
  #isLater = false;
  readonly #after: (delayMs: number, run: () => void) => void;
  /** How far each subscription has got. */
  readonly #readers = new Map<object, Position>();

  /** From the end of a log on; `after` calls back once the delay is over. */
  constructor(end: Position, after: (delayMs: number, run: () => void) => void) {
    this.#after = after;
    this.#from = end;
    this.#end = end;
  }

  /** Position behind the last durable block. */
  get end(): Position {
    return this.#end;
  }

  /** A subscription wants everything from `cursor` on; told again whenever it has processed what it was handed. */
  reached(reader: object, cursor: Position): void {
    this.#readers.set(reader, cursor);
    this.#release();
  }

  unsubscribed(reader: object): void {
    this.#readers.delete(reader);
    this.#release();
  }

  /** A block became durable: its turns, which nobody changes any more. */
  push(made: () => readonly StoredTurn[], start: Position, end: Position): void {
    this.#end = end;
    if (this.#readers.size === 0) {
      this.#from = end;
      return;
    }
    const turns = made();
    const block = { turns, types: typesOf(turns), start, end };
    this.#blocks.push(block);
    this.#bytes += end - start;
    while (this.#bytes > MAX_TAIL_BYTES || this.#blocks.length > MAX_TAIL_BLOCKS) this.#drop();
    this.#wakeWanting(block, end);
  }

  /** The blocks from the one that holds `position` on, or undefined if it has left the tail (G1). */
  blocksFrom(position: Position): readonly TailBlock[] | undefined {
    if (position < this.#from) return undefined;
    let first = this.#blocks.length;
    while (first > 0 && (this.#blocks[first - 1]?.end ?? 0) > position) first--;
    return this.#blocks.slice(first);
  }

  /** Forgets the blocks: whoever has not read them reads them from disk. */
  clear(): void {
    this.#blocks = [];
    this.#bytes = 0;
    this.#from = this.#end;
  }

  /** Where a subscription goes on: what it was told to want is not in what it was moved past. */
  cursorOf(reader: object): Position {
    return this.#readers.get(reader) ?? 0;
  }

  /** Calls `wake` once, when there is something for the reader (G3) or the bell is rung. */
  wait(reader: object, options: SubscribeOptions, wake: () => void): void {
    this.#waiting.set(reader, { options, wake });
  }

  /** Wakes everybody who waits. */
  ring(): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { wake } of waiting) wake();
  }

  #wakeWanting(block: TailBlock, end: Position): void {
    let passed = false;
    for (const [reader, { options, wake }] of this.#waiting) {
      if (mayWant(options, block) && block.turns.some(({ stream, records }) => wants(options, stream, records))) {
        this.#waiting.delete(reader);
        wake();
      } else {
        passed = true;
        this.#readers.set(reader, end);
      }
    }
    if (!passed) return;
    this.#release();
    if (this.#isLater) return;
    this.#isLater = true;
    this.#after(LATE_MS, () => {
      this.#isLater = false;
      this.ring();
    });
  }

  /** Drops the blocks that nobody needs any more; who is behind the tail reads from disk and needs none. */
  #release(): void {
    let needed = this.#end;
    for (const cursor of this.#readers.values()) if (cursor >= this.#from && cursor < needed) needed = cursor;
    while ((this.#blocks[0]?.end ?? Number.POSITIVE_INFINITY) <= needed) this.#drop();
  }

  #drop(): void {
    const dropped = this.#blocks.shift();
    if (dropped === undefined) return;
    this.#bytes -= dropped.end - dropped.start;
    this.#from = dropped.end;
  }
}

/** Can the block hold anything that the subscription wants, by its types? */
function mayWant({ types }: SubscribeOptions, block: TailBlock): boolean {
  return types === undefined || types.some((type) => block.types.has(type));
}

function typesOf(turns: readonly StoredTurn[]): ReadonlySet<string> {
  const types = new Set<string>();
  for (const { records } of turns) for (const { type } of records) types.add(type);
  return types;
}

interface KeptBlock extends TailBlock {
  readonly start: Position;
}

/** What a subscription has read: turns that it wants, and where to go on. */
export interface Collected {
  readonly turns: StoredTurn[];
  readonly checkpoint: Position;
}

/**
 * What a subscription wants of the tail from `cursor` on, bounded in count and bytes; undefined if that has left the tail. `trim` drops what was
 * forgotten since.
 */
export function collect(
  tail: Tail,
  options: SubscribeOptions,
  cursor: Position,
  trim: (turn: StoredTurn) => StoredTurn | undefined,
): Collected | undefined {
  const blocks = tail.blocksFrom(cursor);
  if (blocks === undefined) return undefined;
  const turns: StoredTurn[] = [];
  let checkpoint = cursor;
  const until = cursor + LIMITS.maxSubscriptionBytes;
  for (const block of blocks) {
    for (const turn of mayWant(options, block) ? block.turns : NONE) {
      if (turn.position < cursor) continue;
      if (turns.length >= LIMITS.maxSubscriptionTurns || turn.position > until) return { turns, checkpoint: turn.position };
      const kept = wants(options, turn.stream, turn.records) ? trim(turn) : undefined;
      if (kept !== undefined) turns.push(kept);
    }
    checkpoint = Math.max(checkpoint, block.end);
  }
  return { turns, checkpoint };
}
const NONE: readonly StoredTurn[] = [];

/** A turn without its records before revision `before`; undefined if that leaves none. */
export function trimmed(turn: StoredTurn, before: Revision): StoredTurn | undefined {
  const skip = before - turn.firstRevision;
  if (skip <= 0) return turn;
  if (skip >= turn.records.length) return undefined;
  return { ...turn, firstRevision: turn.firstRevision + skip, position: turn.position + skip, records: turn.records.slice(skip) };
}
