import { Holding } from './holding.ts';
import type { HeldMessage, JournalData, RunAsk } from './journal.ts';
import { JOURNAL_PREFIX, type NewRecord, type RecordMeta, type Revision, type SourceMark, type TimerChange } from './record.ts';
import { type Place, Runs } from './run/runs.ts';
import { ArmedTimers } from './timers.ts';
import { IdWindow } from './window.ts';

/**
 * Bookkeeping: the fold over journal records and metadata. Runs no user code and cannot fail on the user's account, so it stands even when the state
 * cannot be folded.
 *
 * Invariants:
 * B1. It is a function of the records folded, in order: the live one and a rehydrated one are equal.
 * B2. A mark only moves forward: a message at or below its source's mark was handled.
 * B3. What an entity holds stands in holding.ts.
 * B4. Turn time never goes backwards.
 */
export class Bookkeeping extends Holding {
  /** Revision of the last record folded, -1 before the first. */
  revision: Revision = -1;
  /** Time of the last turn folded, milliseconds since 1970. */
  lastTimeMs = 0;
  /** Armings given out so far; the next timer set gets the next number. */
  armings = 0;
  /** Revision of the `Forgotten` record, -1 if there is none. */
  forgottenAt: Revision = -1;
  #once: Map<string, Accepted> | undefined;
  /** Runs can go on at once although nothing arrives: more was to be done than a turn may hold. */
  advanceDue = false;
  /** What was asked of runs and is still to be carried out; only while `advanceDue`. */
  asks: readonly RunAsk[] = NO_ASKS;
  #runs: Runs | undefined;
  #marks: Map<string, { position: number; index: number }> | undefined;
  readonly window = new IdWindow();
  readonly timers = new ArmedTimers();

  get forgotten(): boolean {
    return this.forgottenAt >= 0;
  }

  /** Open and queued runs. */
  get runs(): Runs {
    this.#runs ??= new Runs();
    return this.#runs;
  }

  /** Has the entity any run, open or queued? */
  get hasRuns(): boolean {
    return this.#runs !== undefined && !this.#runs.isIdle;
  }

  /** The mark of every source. */
  get marks(): ReadonlyMap<string, { readonly position: number; readonly index: number }> {
    return this.#marks ?? NO_MARKS;
  }

  /** Was a message of this source and place handled before (B2)? */
  handled(mark: SourceMark): boolean {
    const known = this.#marks?.get(mark.source);
    return known !== undefined && (mark.position < known.position || (mark.position === known.position && mark.index <= known.index));
  }

  /** Moves the mark of a source forward. */
  note(mark: SourceMark): void {
    if (this.handled(mark)) return;
    this.#marks ??= new Map();
    this.#marks.set(mark.source, { position: mark.position, index: mark.index });
  }

  /** Folds the next record of the stream. `timeMs` and `turnId` are those of its turn; `state` is the state before it, kept beside the trigger of a segment. */
  fold(record: NewRecord, timeMs: number, turnId = '', state: unknown = undefined): void {
    this.revision += 1;
    if (timeMs > this.lastTimeMs) this.lastTimeMs = timeMs;
    const { meta, type } = record;
    if (meta.signal !== undefined) this.#noteSignal(meta.signal, meta, timeMs);
    if (meta.run !== undefined && this.#runs !== undefined) this.#runs.note(record, { timeMs });
    if (meta.mark !== undefined) this.note(meta.mark);
    if (meta.timers !== undefined) for (const change of meta.timers) this.applyTimer(change);
    if (!type.startsWith(JOURNAL_PREFIX)) return;
    // A journal record of a later version is unknown here; it is kept in the stream and means nothing to this one.
    JOURNAL_FOLDS[type]?.(this, record.data, timeMs);
    const foldRun = RUN_FOLDS[type];
    if (foldRun !== undefined) foldRun(this, record.data, meta, { revision: this.revision, timeMs, turnId, state });
  }

  #noteSignal(id: string, { name, once }: RecordMeta, timeMs: number): void {
    this.window.add(id, this.revision, timeMs);
    if (once && name !== undefined) this.accept(name, { signalId: id, revision: this.revision });
  }

  /** `once` signals that were accepted, by name. Kept for ever. */
  get once(): ReadonlyMap<string, Accepted> {
    return this.#once ?? NOTHING_ACCEPTED;
  }

  /** A `once` signal was accepted. */
  accept(name: string, accepted: Accepted): void {
    this.#once ??= new Map();
    this.#once.set(name, accepted);
  }

  /** Applies a recorded timer change. */
  applyTimer(change: TimerChange): void {
    if (change.dueAt !== null && change.arming > this.armings) this.armings = change.arming;
    this.timers.apply(change);
  }
}

const NO_ASKS: readonly RunAsk[] = [];
/** By which id a `once` signal was accepted, and the last record of it. */
export interface Accepted {
  readonly signalId: string;
  readonly revision: Revision;
}
const NOTHING_ACCEPTED: ReadonlyMap<string, Accepted> = new Map();
const NO_MARKS: ReadonlyMap<string, { readonly position: number; readonly index: number }> = new Map();

type JournalFold = (books: Bookkeeping, data: unknown, timeMs: number) => void;
function foldOf<T extends keyof JournalData>(type: T, fold: (books: Bookkeeping, data: JournalData[T], timeMs: number) => void) {
  return [JOURNAL_PREFIX + type, fold as JournalFold] as const;
}

/** What each journal record does to bookkeeping; those that are missing here do nothing but what their metadata says. */
const JOURNAL_FOLDS: Readonly<Record<string, JournalFold>> = Object.fromEntries([
  foldOf('TimerSet', (books, data) => books.applyTimer(data)),
  foldOf('TimerCleared', (books, { timer, key }) => books.applyTimer({ timer, key, dueAt: null })),
  foldOf('TimerFired', (books, { timer, key, arming }) => {
    // Set again by an earlier message of the same batch: that arming stays.
    if (books.timers.get(timer, key)?.arming === arming) books.applyTimer({ timer, key, dueAt: null });
  }),
  foldOf('SignalHeld', (books, held: HeldMessage) => {
    if (books.heldCount === 0) books.heldFrom = books.revision;
    books.heldCount += 1;
    if (held.kind === 'signal' && held.reply !== undefined) books.addHeldReply(books.revision, held.reply);
  }),
  foldOf('Parked', (books, { reason, signal, name, message }, sinceMs) => {
    books.parked = { reason, signal, name, message, sinceMs };
  }),
  foldOf('Released', (books, { held }) => books.letGo(held)),
  foldOf('HeldEdited', (books, { payload }) => {
    books.heldEdit = { payload };
  }),
  foldOf('HeldSkipped', (books, { held }) => books.letGo(held)),
  foldOf('Paused', (books, { by, why }, sinceMs) => {
    books.paused = { by, why, sinceMs };
  }),
  foldOf('Resumed', (books, { of }) => {
    if (of === 'pause') books.paused = undefined;
    else if (books.parked?.reason === 'fold') books.parked = undefined;
  }),
  foldOf('Forgotten', (books, { marks }) => {
    books.forgottenAt = books.revision;
    books.dropAll();
    books.timers.clear();
    books.runs.clear();
    for (const mark of marks) books.note(mark);
  }),
  foldOf('Wake', (books, { advance, asks }) => {
    books.advanceDue = advance === true;
    books.asks = asks ?? NO_ASKS;
  }),
]);

type RunFold = (books: Bookkeeping, data: unknown, meta: RecordMeta, at: Place) => void;
function runFoldOf<T extends keyof JournalData>(type: T, fold: (runs: Runs, data: JournalData[T], meta: RecordMeta, at: Place) => void) {
  return [JOURNAL_PREFIX + type, ((books, data, meta, at) => fold(books.runs, data as JournalData[T], meta, at)) as RunFold] as const;
}

/** What the records of runs do. */
const RUN_FOLDS: Readonly<Record<string, RunFold>> = Object.fromEntries([
  runFoldOf('SignalReceived', (runs, data, meta, at) => runs.received(data, meta, at)),
  runFoldOf('RunStarted', (runs, data, meta, at) => runs.started(data, meta, at)),
  runFoldOf('RunCompleted', (runs, _data, meta) => runs.completed(meta)),
  runFoldOf('RunStalled', (runs, data, meta, at) => runs.stalled(data, meta, at)),
  runFoldOf('RunResumed', (runs, _data, meta, at) => runs.resumed(meta, at)),
  runFoldOf('Scheduled', (runs, data, meta, at) => runs.scheduled(data, meta, at)),
  runFoldOf('Resolved', (runs, data, meta, at) => runs.resolved(data, meta, at)),
  runFoldOf('AttemptFailed', (runs, data, meta) => runs.attemptFailed(data, meta)),
  runFoldOf('HeartbeatRecorded', (runs, data, meta) => runs.heartbeat(data, meta)),
  runFoldOf('CancelRequested', (runs, data, meta, at) => runs.cancelRequested(data, meta, at)),
  runFoldOf('VersionMarked', (runs, data, meta) => runs.versionMarked(data, meta)),
]);
