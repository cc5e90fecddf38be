import { type Answer, failed } from '../core/answer.ts';
import { ERRORS, type ErrorCode } from '../core/errors.ts';
import type { JournalData, Outcome } from '../core/journal.ts';
import { journalType } from '../core/journal.ts';
import type { NewRecord, Position, Revision } from '../core/record.ts';
import { canonical } from '../core/run/commands.ts';
import { stalledAnswer } from '../core/turn/conclude.ts';
import type { CallbackInput, Decision } from '../core/turn/input.ts';
import type { Delivery } from '../ports/signal-bus.ts';
import type { Backlog } from './backlog.ts';
import type { HostContext } from './context.ts';
import type { Flight, Mailbox, Queued } from './mailbox.ts';
import type { Waiters } from './waiters.ts';

/**
 * Answers: what a turn decided, with its place in the log, told to whoever asked. Only after the turn is durable.
 *
 * Invariants:
 * A1. Every queued message is answered exactly once, unless its caller withdrew.
 * A2. An answer names a position that covers every record of its message, and of those before it in its turn: it was decided on what they left.
 * A4. Who waits for a run is told of its end also if the turn that ended it told nobody: its append was given up, or was another writer's.
 * A3. A signal that is repeated is answered as at first: that it is durable, though it be held. An update of a message that was skipped is told so.
 */
export class Replies {
  readonly #context: HostContext;
  readonly #backlog: Backlog;
  readonly #waiters: Waiters;
  readonly #joined = new WeakMap<Delivery, () => void>();
  readonly #abandoned = new WeakSet<Delivery>();

  constructor(context: HostContext, backlog: Backlog, waiters: Waiters) {
    this.#context = context;
    this.#backlog = backlog;
    this.#waiters = waiters;
  }

  /** Nobody waits for the answer of a message that was taken: it goes on without. */
  abandon(delivery: Delivery): void {
    this.#abandoned.add(delivery);
    this.#joined.get(delivery)?.();
  }

  /** Answers one message. */
  answer(item: Queued, answer: Answer): void {
    if (item.kind !== 'signal') {
      item.done(answer);
      return;
    }
    if (item.state === 'answered' || item.state === 'withdrawn') return;
    if (item.state !== 'joined') this.#backlog.remove(item);
    item.state = 'answered';
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
      if (decision.kind === 'joined') this.#join(mailbox, item, decision.run);
      else if (decision.kind === 'known') void this.#answerKnown(mailbox, item, decision.revision);
      else if (decision.kind === 'failed' || position === undefined || upTo === 0) this.answer(item, decision);
      else if (decision.kind === 'rejected') this.answer(item, { ...decision, position: position + upTo - 1 });
      else this.answer(item, { ...decision, revision: flight.expectedRevision + upTo, position: position + upTo - 1 });
      before = upTo;
    }
  }

  /** An image was read from its stream: runs that ended without this node's doing are told to those who wait for them (A4). */
  reloaded(mailbox: Mailbox): void {
    const { image, stream } = mailbox;
    if (image === undefined) return;
    const { books } = image;
    for (const id of this.#waiters.runsOf(stream)) {
      const open = books.hasRuns ? books.runs.open.get(id) : undefined;
      if (open?.stalled !== undefined) this.#waiters.tell(stream, id, stalledAnswer(image, open, open.stalled));
      else if (open === undefined && !(books.hasRuns && books.runs.queued.some((one) => one.id === id))) void this.#tellEnded(mailbox, id);
    }
  }

  async #tellEnded(mailbox: Mailbox, run: string): Promise<void> {
    const { image, stream } = mailbox;
    const revision = image?.books.window.find(run) ?? [...(image?.books.once.values() ?? [])].find((one) => one.signalId === run)?.revision;
    try {
      const gone = image?.books.forgotten
        ? failed('forgotten', `${stream} was forgotten`)
        : failed('outcome-expired', `the outcome of run ${run} has left the window`);
      this.#waiters.tell(stream, run, revision === undefined ? gone : await this.outcomeAt(mailbox, revision));
    } catch (error) {
      this.#context.log.error('outcome-unreadable', { stream, run, error });
      this.#waiters.tell(stream, run, failed('outcome-unknown', `the outcome of run ${run} could not be read`));
    }
  }

  /** Its run is open: the answer comes when that ends (W1 of waiters.ts). One that was dismissed meanwhile has been answered. */
  #join(mailbox: Mailbox, item: Queued, run: string): void {
    if (item.kind !== 'signal' || item.state !== 'taken') return;
    item.state = 'joined';
    this.#backlog.remove(item);
    if (this.#abandoned.has(item)) return;
    this.#joined.set(
      item,
      this.#waiters.add(mailbox.stream, run, (answer) => this.answer(item, answer)),
    );
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
      const answer = await this.outcomeAt(mailbox, revision, wantsOutcome);
      this.answer(item, item.kind === 'callback' && answer.kind !== 'failed' ? completedBefore(item, answer) : answer);
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
      const outcome = outcomeOf(record);
      if (outcome !== undefined) return answerOf(outcome, revision, position);
      if (record.type === journalType('RunStarted') || record.type === journalType('SignalReceived'))
        return failed('update-timeout', 'the run is open');
      const answered =
        record.type === journalType('UpdateAnswered') ? (record.data as JournalData['UpdateAnswered']).result : record.meta.res;
      return { kind: 'done', result: answered ?? null, revision, position, repeated: true };
    }
    return failed('outcome-expired', `the record at revision ${revision} is gone`);
  }
}

/** The outcome that a record holds: of a run, or of a callback. */
function outcomeOf({ type, data }: NewRecord): Outcome | undefined {
  const holds = type === journalType('RunCompleted') || type === journalType('Resolved');
  return holds ? (data as JournalData['RunCompleted']).outcome : undefined;
}

/** The recorded outcome of a run as an answer. */
function answerOf(outcome: Outcome, revision: Revision, position: Position): Answer {
  switch (outcome.kind) {
    case 'completed':
      return { kind: 'done', result: outcome.value, revision, position, repeated: true };
    case 'rejected':
      return { ...outcome, details: outcome.details ?? null, position };
    case 'failed':
      return failed(Object.hasOwn(ERRORS, outcome.code) ? (outcome.code as ErrorCode) : 'call-failed', outcome.message, outcome.details);
    case 'terminated':
      return failed('terminated', `the run was terminated by ${outcome.by}${outcome.why === '' ? '' : `: ${outcome.why}`}`);
    case 'cancelled':
    case 'timedOut':
      return failed('cancelled', 'the run was cancelled');
  }
}

/** A callback that was completed before: the same completion again is answered as at first, another one is not. */
function completedBefore({ outcome }: CallbackInput, recorded: Exclude<Answer, { kind: 'failed' }>): Answer {
  const isSame =
    recorded.kind === 'done'
      ? 'result' in outcome && canonical(outcome.result ?? null) === canonical(recorded.result)
      : 'error' in outcome && outcome.error.code === recorded.code && outcome.error.message === recorded.message;
  if (!isSame) return failed('callback-completed', 'the callback was completed before, and differently');
  if (recorded.kind === 'done') return recorded;
  return { kind: 'done', result: null, revision: -1, position: recorded.position, repeated: true };
}
