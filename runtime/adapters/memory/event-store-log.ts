import { Packr } from 'msgpackr';
import type { Commit, Position, Revision, StoredTurn, StreamName } from '../../core/record.ts';
import type { AppendOutcome } from '../../ports/event-store.ts';

/**
 * The contents of a memory store, apart from the adapter that works on it: plain data that outlives the adapter, so that a
 * simulated crash is "throw the adapter away, open another on the same log".
 *
 * Invariants:
 * M1. Records are kept packed: what a reader gets shares nothing with what the writer handed in, nor with other readers.
 * M2. A turn is added whole, at its expected revision, or not at all.
 */
export interface MemoryLog {
  readonly storeId: string;
  readonly partitions: number;
  /** All turns in order of position. */
  readonly turns: PackedTurn[];
  /** Turns of each stream, in order. */
  readonly streams: Map<StreamName, PackedTurn[]>;
  /** Streams of which a beginning was forgotten: the first revision that can be read. */
  readonly forgotten: Map<StreamName, Revision>;
  readonly snapshots: Map<StreamName, Uint8Array>;
  readonly values: Map<string, Uint8Array>;
  /** Told after every append, by whichever adapter made it. */
  readonly listeners: Set<() => void>;
  /** Position of the next turn. */
  next: Position;
}

/** A turn as the log keeps it. */
export interface PackedTurn {
  readonly stream: StreamName;
  readonly firstRevision: Revision;
  readonly lastRevision: Revision;
  readonly position: Position;
  readonly turnId: string;
  readonly time: number;
  /** Packed records; replaced when a part of them is forgotten. */
  packed: Uint8Array;
  readonly size: number;
}

const codec = new Packr({ useRecords: false });

/** An empty log. `storeId` is kept for ever; `partitions` is the number of home partitions. */
export function createMemoryLog(storeId: string, partitions = 16): MemoryLog {
  return {
    storeId,
    partitions,
    turns: [],
    streams: new Map(),
    forgotten: new Map(),
    snapshots: new Map(),
    values: new Map(),
    listeners: new Set(),
    next: 0,
  };
}

/** Revision of the last record of a stream, -1 if there is none. */
export function memoryHead(log: MemoryLog, stream: StreamName): Revision {
  return log.streams.get(stream)?.at(-1)?.lastRevision ?? -1;
}

/** Appends a turn, or says why not (M2). */
export function writeTurn(log: MemoryLog, commit: Commit): AppendOutcome {
  if (commit.records.length === 0) return { kind: 'refused', code: 'invariant-violated', message: 'A turn has at least one record.' };
  const head = memoryHead(log, commit.stream);
  const place = commit.expectedRevision + 1;
  if (head === commit.expectedRevision) {
    try {
      return { kind: 'committed', position: addTurn(log, commit, codec.pack(commit.records)) };
    } catch (error) {
      return { kind: 'refused', code: 'payload-not-plain', message: String(error) };
    }
  }
  const turns = log.streams.get(commit.stream) ?? [];
  const standing = turns[firstTurn(turns, (turn) => turn.firstRevision >= place)];
  const again = standing?.firstRevision === place && standing.turnId === commit.turnId;
  return again ? { kind: 'committed', position: standing.position } : { kind: 'conflict', head };
}

function addTurn(log: MemoryLog, commit: Commit, packed: Uint8Array): Position {
  const turn: PackedTurn = {
    stream: commit.stream,
    firstRevision: commit.expectedRevision + 1,
    lastRevision: commit.expectedRevision + commit.records.length,
    position: log.next,
    turnId: commit.turnId,
    time: commit.time,
    packed,
    size: packed.length,
  };
  const turns = log.streams.get(commit.stream);
  if (turns === undefined) log.streams.set(commit.stream, [turn]);
  else turns.push(turn);
  log.turns.push(turn);
  log.next += commit.records.length;
  return turn.position;
}

/** Index of the first turn for which `reached` holds; `reached` is monotonic over the list. */
export function firstTurn(turns: readonly PackedTurn[], reached: (turn: PackedTurn) => boolean): number {
  let low = 0;
  let high = turns.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const turn = turns[middle];
    if (turn !== undefined && reached(turn)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** A turn as a reader gets it, without what was forgotten of it; undefined if nothing is left (M1). */
export function unpackTurn(log: MemoryLog, turn: PackedTurn): StoredTurn | undefined {
  const cut = Math.max(0, (log.forgotten.get(turn.stream) ?? 0) - turn.firstRevision);
  if (turn.lastRevision < turn.firstRevision + cut) return undefined;
  const records = codec.unpack(turn.packed) as StoredTurn['records'];
  return {
    stream: turn.stream,
    firstRevision: turn.firstRevision + cut,
    position: turn.position + cut,
    turnId: turn.turnId,
    time: turn.time,
    records: records.slice(cut),
  };
}

/** Forgets the records before a revision: their data is gone from the log. */
export function forgetTurns(log: MemoryLog, stream: StreamName, before: Revision): void {
  const first = Math.max(Math.min(before, memoryHead(log, stream) + 1), log.forgotten.get(stream) ?? 0);
  log.forgotten.set(stream, first);
  log.snapshots.delete(stream);
  for (const turn of log.streams.get(stream) ?? []) {
    if (turn.firstRevision >= first) break;
    const records = codec.unpack(turn.packed) as StoredTurn['records'];
    turn.packed = codec.pack(records.map((record, index) => (turn.firstRevision + index < first ? null : record)));
  }
}
