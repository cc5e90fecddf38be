import type { Answer } from '../core/answer.ts';
import type { EntityDefinition } from '../core/definition/erased.ts';
import type { Image } from '../core/image.ts';
import type { Commit, Position, Revision, StreamName } from '../core/record.ts';
import { streamOf } from '../core/record.ts';
import type { OperatorInput, QueryInput, ReleaseInput, TimerInput } from '../core/turn/input.ts';
import type { TurnResult } from '../core/turn/run-turn.ts';
import type { Delivery } from './delivery.ts';

/** A message of the host's own making, and whom to tell. */
export type Asked = (TimerInput | QueryInput | ReleaseInput | OperatorInput) & { readonly done: (answer: Answer) => void };
/** What waits in a mailbox. */
export type Queued = Delivery | Asked;

/** A turn whose append is under way. */
export interface Flight {
  readonly commit: Commit;
  readonly batch: readonly Queued[];
  readonly result: TurnResult;
  /** When the append was first sent, and how often it was sent again. */
  readonly sinceMs: number;
  resends: number;
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
  /** The last durable state: what a query without `strong` sees while a turn is under way. */
  durable: DurableState | undefined;
  /** In the tick's list of mailboxes with work. */
  listed = false;
  /** Used since the passivation sweep last came by, and when. */
  recent = true;
  lastUsedMs = 0;
  /** Estimated bytes of the image, and the records folded when it was estimated. */
  stateBytes = 0;
  measuredAt = 0;
  /** Bytes of the last snapshot written or read. */
  snapshotBytes = 0;
  /** When the timer queue will look at this mailbox; undefined if it will not. */
  timerAt: number | undefined;
  /** Firings in the queue, and whether a read of held messages is under way: neither is done twice. */
  firingsQueued = 0;
  readingHeld = false;
  /** The agenda woke this entity and waits to be told when it is due next. */
  agendaWaits = false;
  /** Told when the mailbox is next `ready` or given up: reads that need the image, the agenda. */
  readonly onReady: (() => void)[] = [];
  #queue: Queued[] = [];
  #head = 0;

  readonly definition: EntityDefinition;
  readonly id: string;

  constructor(definition: EntityDefinition, id: string) {
    this.definition = definition;
    this.id = id;
    this.stream = streamOf(definition.type, id);
  }

  get length(): number {
    return this.#queue.length - this.#head;
  }

  push(item: Queued): void {
    this.#queue.push(item);
  }

  shift(): Queued | undefined {
    const item = this.#queue[this.#head];
    if (item === undefined) return undefined;
    this.#head += 1;
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#head > 1_024 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Puts messages back in front of all others, in their order. */
  unshift(items: readonly Queued[]): void {
    if (items.length === 0) return;
    this.#queue = [...items, ...this.#queue.slice(this.#head)];
    this.#head = 0;
  }
}

export interface DurableState {
  readonly state: unknown;
  readonly revision: Revision;
  readonly position: Position;
  readonly foldError: string | undefined;
}
