import { failed } from '../core/answer.ts';
import { ERRORS, type ErrorCode, invariant } from '../core/errors.ts';
import type { Commit } from '../core/record.ts';
import { nextDelayMs, type RetryPolicy } from '../core/retry.ts';
import type { Effect } from '../core/turn/input.ts';
import type { AppendOutcome } from '../ports/event-store.ts';
import type { HostContext } from './context.ts';
import { Flight, type Mailbox, type Queued } from './mailbox.ts';
import type { Replies } from './replies.ts';
import { returned } from './tick.ts';

/** What settlement needs of the life of mailboxes. */
export interface Transitions {
  /** The image is durable: go on. */
  ready(mailbox: Mailbox): void;
  /** What follows from a durable turn beside its answers. */
  apply(mailbox: Mailbox, effects: readonly Effect[]): void;
  /** The image is not to be believed: throw it away, and go on with what waits after `delayMs`. */
  discard(mailbox: Mailbox, delayMs: number): void;
}

/** Back-off of re-sent appends and of turns that the store refused. */
const RESEND: RetryPolicy = { initialMs: 50, factor: 2, maxMs: 2_000, attempts: Number.POSITIVE_INFINITY };

/**
 * What becomes of a turn when the store has spoken.
 *
 * Invariants:
 * Z1. Nothing is answered as done before its turn is durable.
 * Z2. An unknown outcome is settled only by sending the very same commit again: committed, or lost to another writer.
 * Z3. After a conflict the same messages are handled again on the reloaded state, in the same order.
 * Z4. A turn that appended nothing is believed only if the head of the stream is what it was decided on.
 */
export class Settlement {
  readonly #context: HostContext;
  readonly #replies: Replies;
  readonly #transitions: Transitions;

  constructor(context: HostContext, replies: Replies, transitions: Transitions) {
    this.#context = context;
    this.#replies = replies;
    this.#transitions = transitions;
  }

  /** Takes the outcome of an append. */
  settled(commit: Commit, outcome: AppendOutcome): void {
    invariant(commit instanceof Flight, 'the store answers with the commit that it was given');
    const { mailbox } = commit;
    // A late answer to an append that was given up: whoever cares has read the stream since.
    if (mailbox.flight !== commit) return;
    switch (outcome.kind) {
      case 'committed':
        this.#committed(mailbox, commit, outcome.position);
        return;
      case 'conflict':
        this.#context.counters.conflicts += 1;
        this.#context.log.warn('conflict', { stream: commit.stream, expected: commit.expectedRevision, head: outcome.head });
        this.#again(mailbox, commit);
        return;
      case 'refused':
        // After an unknown outcome only the first sending's fate counts, and this is not it (Z2).
        if (commit.resends > 0) this.#unknown(mailbox, commit, outcome.message);
        else this.#refused(mailbox, commit, outcome.code, outcome.message);
        return;
      case 'unknown':
        this.#unknown(mailbox, commit, outcome.message);
        return;
    }
  }

  /** Confirms a turn that appended nothing by reading the head of its stream (Z4). */
  confirm(mailbox: Mailbox, flight: Flight): void {
    this.#context.store.headRevision(mailbox.stream).then(
      (head) => {
        if (mailbox.flight !== flight) return;
        if (head === flight.expectedRevision) {
          mailbox.flight = undefined;
          this.#settle(mailbox, flight, undefined);
          this.#transitions.ready(mailbox);
        } else {
          this.#context.counters.conflicts += 1;
          this.#again(mailbox, flight);
        }
      },
      (error: unknown) => {
        if (mailbox.flight !== flight) return;
        this.#refused(mailbox, flight, 'outcome-unknown', String(error));
      },
    );
  }

  #committed(mailbox: Mailbox, flight: Flight, position: number): void {
    const { image } = mailbox;
    invariant(image !== undefined, `${mailbox.stream} committed without an image`);
    const { counters } = this.#context;
    counters.records += flight.records.length;
    image.position = position + flight.records.length - 1;
    mailbox.flight = undefined;
    this.#settle(mailbox, flight, position);
    this.#transitions.ready(mailbox);
  }

  #settle(mailbox: Mailbox, flight: Flight, position: number | undefined): void {
    this.#replies.settle(mailbox, flight, position);
    const { effects } = flight.result;
    if (effects.length > 0) this.#transitions.apply(mailbox, effects);
  }

  /** The same messages again, on the truth (Z3). */
  #again(mailbox: Mailbox, flight: Flight): void {
    this.#giveBack(mailbox, flight.batch);
    this.#transitions.discard(mailbox, 0);
  }

  #giveBack(mailbox: Mailbox, items: readonly Queued[]): void {
    for (const item of items) returned(mailbox, item);
    mailbox.flight = undefined;
    mailbox.unshift(items);
  }

  /** Nothing was written and nothing will be: callers are told, sources wait for a better time. */
  #refused(mailbox: Mailbox, flight: Flight, code: string, message: string): void {
    this.#context.counters.refused += 1;
    this.#context.log.error('append-refused', { stream: mailbox.stream, code, message });
    this.#tell(mailbox, flight, knownCode(code), message);
    this.#transitions.discard(mailbox, nextDelayMs(RESEND, 5, this.#context.entropy.random()) ?? RESEND.maxMs);
  }

  /** Fails what has a caller; keeps what has a source (D3) and what the host itself goes on with (firings, held messages: they are released in order), in order. */
  #tell(mailbox: Mailbox, flight: Flight, code: ErrorCode, message: string): void {
    const stays = (item: Queued) =>
      item.kind === 'timer' ||
      item.kind === 'wait' ||
      (item.kind === 'release' && item.verb === 'drain') ||
      (item.kind === 'signal' && item.mark !== undefined && code !== 'turn-too-large');
    const kept = flight.batch.filter(stays);
    for (const item of flight.batch) if (!stays(item)) this.#replies.answer(item, failed(code, message));
    this.#giveBack(mailbox, kept);
  }

  #unknown(mailbox: Mailbox, flight: Flight, message: string): void {
    const { clock, counters, entropy, limits, log, store } = this.#context;
    if (flight.resends === 0) counters.unknown += 1;
    flight.resends += 1;
    mailbox.phase = 'settling';
    if (clock.now() - flight.sinceMs >= limits.unknownGiveUpMs) {
      counters.gaveUp += 1;
      log.error('outcome-unknown', { stream: mailbox.stream, resends: flight.resends, message });
      this.#tell(mailbox, flight, 'outcome-unknown', message);
      this.#transitions.discard(mailbox, RESEND.maxMs);
      return;
    }
    clock.after(nextDelayMs(RESEND, flight.resends, entropy.random()) ?? RESEND.maxMs, () => {
      if (mailbox.flight === flight) store.append([flight], (commit, outcome) => this.settled(commit, outcome));
    });
  }
}

function knownCode(code: string): ErrorCode {
  return Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : 'store-failed';
}
