import { type Answer, failed } from '../core/answer.ts';
import type { JournalData } from '../core/journal.ts';
import { journalType } from '../core/journal.ts';
import type { Revision } from '../core/record.ts';
import type { Decision } from '../core/turn/input.ts';
import type { Delivery } from '../ports/signal-bus.ts';
import type { Backlog } from './backlog.ts';
import type { HostContext } from './context.ts';
import type { Flight, Mailbox, Queued } from './mailbox.ts';

/**
 * Answers: what a turn decided, with its place in the log, told to whoever asked. Only after the turn is durable.
 *
 * Invariants:
 * A1. Every queued message is answered exactly once, unless its caller withdrew.
 * A2. An answer names a position that covers every record of its message, and of those before it in its turn: it was decided on what they left.
 * A3. A signal that is repeated is answered as at first: that it is durable, though it be held. An update of a message that was skipped is told so.
 */
export class Replies {
  readonly #context: HostContext;
  readonly #backlog: Backlog;
  readonly #abandoned = new WeakSet<Delivery>();

  constructor(context: HostContext, backlog: Backlog) {
    this.#context = context;
    this.#backlog = backlog;
  }

  /** Nobody waits for the answer of a message that was taken: it goes on without. */
  abandon(delivery: Delivery): void {
    this.#abandoned.add(delivery);
  }

  /** Answers one message. */
  answer(item: Queued, answer: Answer): void {
    if (item.kind !== 'signal') {
      item.done(answer);
      return;
    }
    if (item.state === 'answered' || item.state === 'withdrawn') return;
    item.state = 'answered';
    this.#backlog.remove(item);
    if (!this.#abandoned.has(item)) item.done(answer, item);
  }

  /** Answers a batch whose turn is durable at `position` (undefined: it appended nothing). */
  settle(mailbox: Mailbox, flight: Flight, position: number | undefined): void {
    const { batch, result } = flight;
    let before = 0;
    for (let i = 0; i < batch.length; i += 1) {
      const item = batch[i];
      const decision = result.decisions[i];
      const upTo = result.recordsUpTo[i] ?? before;
      if (item === undefined || decision === undefined) continue;
      this.#count(decision);
      if (decision.kind === 'known') void this.#answerKnown(mailbox, item, decision.revision);
      else if (decision.kind === 'failed' || position === undefined || upTo === 0) this.answer(item, decision);
      else if (decision.kind === 'rejected') this.answer(item, { ...decision, position: position + upTo - 1 });
      else this.answer(item, { ...decision, revision: flight.expectedRevision + upTo, position: position + upTo - 1 });
      before = upTo;
    }
  }

  #count(decision: Decision): void {
    const { counters } = this.#context;
    if (decision.kind === 'known' || (decision.kind === 'done' && decision.repeated)) counters.duplicates += 1;
    else if (decision.kind === 'done') counters.handled += 1;
    else if (decision.kind === 'rejected') counters.rejected += 1;
  }

  /** A repeated id is answered from the record that the first one left. */
  async #answerKnown(mailbox: Mailbox, item: Queued, revision: Revision): Promise<void> {
    try {
      const wantsOutcome = item.kind !== 'signal' || item.wants === 'outcome';
      this.answer(item, await this.outcomeAt(mailbox, revision, wantsOutcome));
    } catch (error) {
      this.#context.log.error('outcome-unreadable', { stream: mailbox.stream, revision, error });
      this.answer(item, failed('outcome-unknown', `the outcome at revision ${revision} could not be read`));
    }
  }

  /** The recorded outcome at a revision; without `wantsOutcome` only that the message is durable, which held and skipped ones are too (A3). */
  async outcomeAt(mailbox: Mailbox, revision: Revision, wantsOutcome = true): Promise<Answer> {
    for await (const page of this.#context.store.readStream(mailbox.stream, revision)) {
      const turn = page[0];
      const index = revision - (turn?.firstRevision ?? 0);
      const record = turn?.records[index];
      if (turn === undefined || record === undefined) break;
      const position = turn.position + index;
      if (!wantsOutcome) return { kind: 'done', result: null, revision, position, repeated: true };
      if (record.type === journalType('SignalHeld'))
        return failed('parked', 'the message is held; its outcome comes when the entity goes on');
      if (record.type === journalType('HeldSkipped')) {
        const { by, why } = record.data as JournalData['HeldSkipped'];
        return failed('defect', `the message was skipped by ${by}${why === '' ? '' : `: ${why}`}`);
      }
      const answered =
        record.type === journalType('UpdateAnswered') ? (record.data as JournalData['UpdateAnswered']).result : record.meta.res;
      return { kind: 'done', result: answered ?? null, revision, position, repeated: true };
    }
    return failed('outcome-expired', `the record at revision ${revision} is gone`);
  }
}
