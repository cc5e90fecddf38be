import { Packr, Unpackr } from 'msgpackr';
import { Bookkeeping } from './bookkeeping.ts';
import type { EntityDefinition } from './definition/erased.ts';
import { invariant } from './errors.ts';
import type { ParkedState, PausedState } from './holding.ts';
import { emptyImage, type Image } from './image.ts';
import type { ReplyAddress, RunAsk } from './journal.ts';
import type { Position, Revision } from './record.ts';
import type { QueuedRun } from './run/open-run.ts';
import { encodeRun, restoreRun } from './run/snapshot-runs.ts';

/**
 * Snapshots: an image as bytes.
 *
 * Invariants:
 * S1. An image restored from a snapshot and folded on equals one folded from the beginning.
 * S2. A snapshot of another format or `stateVersion`, or one that cannot be decoded, is not used; it is only ever a cache.
 * S3. It is believed only if the record at its revision was written by the turn that it names: the host checks against the stream.
 */

/** Raised when the shape below changes. */
const FORMAT = 3;

interface SnapshotShape {
  readonly format: number;
  readonly stateVersion: number;
  readonly revision: Revision;
  readonly turnId: string;
  readonly position: Position;
  readonly state: unknown;
  readonly lastTimeMs: number;
  readonly armings: number;
  readonly forgottenAt: Revision;
  readonly parked: ParkedState | null;
  readonly paused: PausedState | null;
  readonly heldCount: number;
  readonly heldFrom: Revision;
  readonly heldEdit: { readonly payload: unknown } | null;
  readonly marks: readonly (readonly [source: string, position: number, index: number])[];
  readonly window: readonly (readonly [id: string, revision: Revision, timeMs: number])[];
  readonly droppedEarly: number;
  readonly timers: readonly (readonly [timer: string, key: string, dueAt: number, arming: number])[];
  readonly once: readonly (readonly [name: string, signalId: string, revision: Revision])[];
  readonly heldReplies: readonly (readonly [revision: Revision, reply: ReplyAddress])[];
  readonly advanceDue: boolean;
  readonly asks: readonly RunAsk[];
  readonly queued: readonly QueuedRun[];
  /** Each as `encodeRun` makes it. */
  readonly runs: readonly Uint8Array[];
}

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false });

/** Does a snapshot pay? A fold of more records than `snapshotEvery` since the last one. */
export function snapshotDue(image: Image, snapshotEvery: number): boolean {
  return image.foldError === undefined && image.sinceSnapshot >= snapshotEvery;
}

/** The snapshot of an image whose last record is durable. Throws `invariant-violated` for one whose fold failed. */
export function encodeSnapshot(image: Image): Uint8Array {
  invariant(image.foldError === undefined, 'a snapshot of a state that could not be folded');
  const { books } = image;
  const shape: SnapshotShape = {
    format: FORMAT,
    stateVersion: stateVersionOf(image.definition),
    revision: books.revision,
    turnId: image.turnId,
    position: image.position,
    state: image.state,
    lastTimeMs: books.lastTimeMs,
    armings: books.armings,
    forgottenAt: books.forgottenAt,
    parked: books.parked ?? null,
    paused: books.paused ?? null,
    heldCount: books.heldCount,
    heldFrom: books.heldFrom,
    heldEdit: books.heldEdit ?? null,
    marks: [...books.marks].map(([source, mark]) => [source, mark.position, mark.index]),
    window: books.window.entries(),
    droppedEarly: books.window.droppedEarly,
    timers: books.timers.all().map((armed) => [armed.timer, armed.key, armed.dueAt, armed.arming]),
    once: [...books.once].map(([name, accepted]) => [name, accepted.signalId, accepted.revision]),
    heldReplies: [...books.heldReplies],
    advanceDue: books.advanceDue,
    asks: books.asks,
    queued: books.hasRuns ? books.runs.queued : [],
    runs: books.hasRuns ? [...books.runs.open.values()].map(encodeRun) : [],
  };
  return packr.pack(shape);
}

/** The image that a snapshot holds, or undefined if this code must not use it (S2). Until its cold runs have their inputs it must not run a turn. */
export function decodeSnapshot(
  definition: EntityDefinition,
  id: string,
  bytes: Uint8Array,
  freeze: (state: unknown) => unknown,
): Image | undefined {
  const shape = decoded(bytes);
  if (shape === undefined || shape.format !== FORMAT || shape.stateVersion !== stateVersionOf(definition)) return undefined;
  const books = restoredBooks(shape);
  if (books === undefined) return undefined;
  const image = emptyImage(definition, id);
  image.books = books;
  image.state = freeze(shape.state);
  image.foldError = undefined;
  image.turnId = shape.turnId;
  image.position = shape.position;
  return image;
}

function decoded(bytes: Uint8Array): SnapshotShape | undefined {
  try {
    const shape: SnapshotShape | null = unpackr.unpack(bytes);
    return typeof shape === 'object' && shape !== null ? shape : undefined;
  } catch {
    // A cache that cannot be read is no cache (S2): the stream itself is folded instead.
    return undefined;
  }
}

function restoredBooks(shape: SnapshotShape): Bookkeeping | undefined {
  try {
    return restoreBooks(shape);
  } catch {
    // Damaged, but still msgpack: as above.
    return undefined;
  }
}

function restoreBooks(shape: SnapshotShape): Bookkeeping {
  const books = new Bookkeeping();
  books.revision = shape.revision;
  books.lastTimeMs = shape.lastTimeMs;
  books.forgottenAt = shape.forgottenAt;
  books.parked = shape.parked ?? undefined;
  books.paused = shape.paused ?? undefined;
  books.heldCount = shape.heldCount;
  books.heldFrom = shape.heldFrom;
  books.heldEdit = shape.heldEdit ?? undefined;
  for (const [source, position, index] of shape.marks) books.note({ source, position, index });
  for (const [id, revision, timeMs] of shape.window) books.window.add(id, revision, timeMs);
  books.window.droppedEarly = shape.droppedEarly;
  for (const [timer, key, dueAt, arming] of shape.timers) books.timers.apply({ timer, key, dueAt, arming });
  books.armings = shape.armings;
  for (const [name, signalId, revision] of shape.once) books.accept(name, { signalId, revision });
  for (const [revision, reply] of shape.heldReplies) books.addHeldReply(revision, reply);
  books.advanceDue = shape.advanceDue;
  books.asks = shape.asks;
  if (shape.queued.length > 0) books.runs.queued.push(...shape.queued.map((one) => ({ ...one, reply: one.reply ?? undefined })));
  for (const bytes of shape.runs) restoreRun(books.runs, bytes);
  return books;
}

/** The declared version of an entity's state; 1 if none is. */
export function stateVersionOf(definition: EntityDefinition): number {
  return definition.options.stateVersion ?? 1;
}
