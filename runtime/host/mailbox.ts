import type { Answer } from '../core/answer.ts';
import type { EntityDefinition } from '../core/definition/erased.ts';
import type { Image } from '../core/image.ts';
import type { Commit, NewRecord, Position, Revision, StreamName } from '../core/record.ts';
import { streamOf } from '../core/record.ts';
import type { Input, SignalInput } from '../core/turn/input.ts';
import type { TurnResult } from '../core/turn/run-turn.ts';
import type { Delivery } from '../ports/signal-bus.ts';

/** A message of the host's own making, and whom to tell. */
export type Asked = Exclude<Input, SignalInput> & { readonly done: (answer: Answer) => void };
/** What waits in a mailbox. */
export type Queued = Delivery | Asked;

const NO_RESULT: TurnResult = { records: [], decisions: [], recordsUpTo: [], bytes: 0, effects: [] };

/** A turn that was begun, and then its append: the commit itself, so that the store's answer leads back to its mailbox without a search. */
export class Flight implements Commit {
  readonly mailbox: Mailbox;
  readonly stream: StreamName;
  readonly expectedRevision: Revision;
  readonly turnId: string;
  readonly time: number;
  /** What it came to; nothing before it is over. */
  result: TurnResult = NO_RESULT;
  records: readonly NewRecord[] = NO_RESULT.records;
  /** The messages that it took. */
  readonly batch: (Queued & Input)[];
  /** When it was begun, and how often its append was sent again. */
  readonly sinceMs: number;
  resends = 0;

  constructor(
    mailbox: Mailbox,
    expectedRevision: Revision,
    turn: { readonly turnId: string; readonly nowMs: number },
    batch: (Queued & Input)[],
    sinceMs: number,
  ) {
    this.mailbox = mailbox;
    this.stream = mailbox.stream;
    this.expectedRevision = expectedRevision;
    this.turnId = turn.turnId;
    this.time = turn.nowMs;
    this.batch = batch;
    this.sinceMs = sinceMs;
  }
}

/**
 * The mailbox of one entity that is awake or waking: its messages in order, its image, and what it is doing.
 *
 * Invariants:
 * B1. `phase` is the only thing that says what may happen next: `passive` nothing in memory; `rehydrating` the stream is being read; `ready` the image is
 *     durable and a turn may run; `committing` one append (or head read) is under way; `settling` its outcome is unknown; `waiting` the last attempt
 *     failed and the next comes after a back-off.
 * B2. In phase `ready` the image equals the fold of the stream as far as this node knows; in no other phase is it shown to anybody.
 * B3. At most one append per mailbox is under way.
 */
export class Mailbox {
  readonly stream: StreamName;
  phase: 'passive' | 'rehydrating' | 'ready' | 'committing' | 'settling' | 'waiting' = 'passive';
  image: Image | undefined;
  flight: Flight | undefined;
  /** Messages of a turn that was begun and waits for user code. */
  begun: readonly Queued[] | undefined;
  /** The last durable state, while there is an image: what a query without `strong` sees while a turn is under way. */
  durableState: unknown;
  durableRevision: Revision = -1;
  durablePosition: Position = -1;
  /** Its image was thrown away, and nobody has read its stream since. */
  isDoubtful = false;
  /** In the tick's list of mailboxes with work. */
  listed = false;
  /** Its place among the mailboxes in memory. */
  place = 0;
  /** Used since the passivation sweep last came by, and when. */
  recent = true;
  lastUsedMs = 0;
  /** Estimated bytes of the state, and of what was appended since it was estimated (infinite: it never was). */
  stateBytes = 0;
  unmeasuredBytes = Number.POSITIVE_INFINITY;
  /** Bytes of the last snapshot written or read. */
  snapshotBytes = 0;
  /** When the timer queue will look at this mailbox; undefined if it will not. */
  timerAt: number | undefined;
  /** Firings in the queue, and whether a read of held messages is under way: neither is done twice. */
  firingsQueued = 0;
  readingHeld = false;
  /** Likewise for a read of the next queued run, and a turn in which runs go on by themselves. */
  readingQueued = false;
  advanceQueued = false;
  /** The agenda has heard of a wake-up of this entity, as of this revision: it is to be told if nothing is owed any more. */
  wakeNoted = false;
  /** It was holding when it was last ready. */
  wasHolding = false;
  /** The agenda woke this entity and waits to be told when it is due next. */
  agendaWaits = false;
  /** Told when the mailbox is next `ready` or given up: reads that need the image, the agenda. */
  readonly onReady: (() => void)[] = [];
  /** The first message waits apart: most mailboxes never hold two. */
  #first: Queued | undefined;
  #rest: Queued[] = NONE;
  #head = 0;

  readonly definition: EntityDefinition;
  readonly id: string;

  constructor(definition: EntityDefinition, id: string) {
    this.definition = definition;
    this.id = id;
    this.stream = streamOf(definition.type, id);
  }

  get length(): number {
    return this.#first === undefined ? 0 : 1 + this.#rest.length - this.#head;
  }

  push(item: Queued): void {
    if (this.#first === undefined) this.#first = item;
    else if (this.#rest === NONE) this.#rest = [item];
    else this.#rest.push(item);
  }

  shift(): Queued | undefined {
    const item = this.#first;
    if (item === undefined) return undefined;
    this.#first = this.#rest[this.#head];
    if (this.#first === undefined) {
      this.#rest = NONE;
      this.#head = 0;
      return item;
    }
    this.#head += 1;
    if (this.#head > 1_024 && this.#head * 2 > this.#rest.length) {
      this.#rest = this.#rest.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Puts messages back in front of all others, in their order. */
  unshift(items: readonly Queued[]): void {
    if (items.length === 0) return;
    const waiting = this.#first === undefined ? [] : [this.#first, ...this.#rest.slice(this.#head)];
    const [first, ...rest] = [...items, ...waiting];
    this.#first = first;
    this.#rest = rest;
    this.#head = 0;
  }
}

/** Shared by all mailboxes that hold nothing; never pushed to. */
const NONE: Queued[] = [];
