import { owesAttempts } from '../core/owed.ts';
import type { AttemptOutcome, Effect } from '../core/turn/input.ts';
import { ActivityPaces } from './activity-pace.ts';
import type { Activities } from './activity-registry.ts';
import { Attempt, type AttemptedCall, findCall, isAttempted, keyOf } from './attempt.ts';
import { AttemptReports } from './attempt-reports.ts';
import { type AttemptContext, type AttemptParts, AttemptStarter } from './attempt-starter.ts';
import { DueQueue } from './due-queue.ts';
import type { Mailbox } from './mailbox.ts';

/**
 * The registry of attempts: what this node tries for its entities. The core decides whether and when an attempt follows and which outcome counts; here
 * attempts are started, timed and their outcomes put into mailboxes.
 *
 * Invariants:
 * T1. An attempt is started only for a call that is open, of an entity that does not hold, by the image at that moment; at most once in this process.
 * T2. It is known from its plan until its outcome was recorded, whether or not its entity is in memory.
 * T3. Every attempt that is known comes to an outcome, unless nobody waits for it or its entity holds before it starts.
 * T4. After `stop` nothing is started and nothing is told.
 */
export class Attempts {
  readonly #context: AttemptContext;
  readonly #queue: DueQueue;
  readonly #reports: AttemptReports;
  readonly #starter: AttemptStarter;
  readonly #paces: ActivityPaces<Attempt>;
  /** By `keyOf`: the newest attempt of each call. */
  readonly #known = new Map<string, Attempt>();
  #isStopped = false;

  constructor(context: AttemptContext, activities: Activities, parts: AttemptParts) {
    this.#context = context;
    this.#queue = new DueQueue(context);
    this.#reports = new AttemptReports(context, this.#queue, parts.enqueue);
    this.#starter = new AttemptStarter(context, activities, parts, this.#queue, {
      ended: (attempt, outcome, progress) => this.#end(attempt, outcome, progress),
      dropped: (attempt) => this.#forget(attempt),
    });
    this.#paces = new ActivityPaces(activities, context, this.#queue, (attempt) => this.#starter.begin(attempt));
  }

  /** Attempts that are out. */
  get running(): number {
    return this.#starter.running;
  }

  /** Effects of a turn that is durable: starts what is to be started at the time its call says, aborts what is to stop or what nobody waits for any more. */
  apply(mailbox: Mailbox, effects: readonly Effect[]): void {
    if (this.#isStopped) return;
    for (const effect of effects) {
      if (effect.kind !== 'attempt' && effect.kind !== 'abort') continue;
      const found = findCall(mailbox.image, effect.run, effect.call);
      if (effect.kind === 'attempt') {
        if (found !== undefined) this.#plan(mailbox, found.call);
      } else if (found === undefined) this.#abandon(keyOf(mailbox.stream, effect.run, effect.call));
      else this.#cancel(mailbox, found.call);
    }
  }

  /**
   * After rehydration, and when an entity stops holding: open calls whose next attempt is not known are planned, or reported lost if another incarnation may
   * have begun to carry it out; those that are out and were to stop are told so (again). One whose time has not come was not begun by anybody: counted as lost, a few starts in a row would use up its attempts.
   */
  recover(mailbox: Mailbox): void {
    const { image } = mailbox;
    if (this.#isStopped || image === undefined || !owesAttempts(image.books)) return;
    for (const run of image.books.runs.open.values()) {
      for (const call of run.calls.values()) {
        if (!isAttempted(call)) continue;
        const { incarnation, nextAt } = call;
        if (incarnation === this.#context.entropy.incarnation || nextAt > this.#context.clock.now()) this.#plan(mailbox, call);
        else if (!this.#isKnown(mailbox, call)) this.#end(this.#attemptOf(mailbox, call), { kind: 'lost', message: GONE });
      }
    }
  }

  /** Aborts all; nothing is told of it (T4). */
  stop(): void {
    this.#isStopped = true;
    this.#queue.stop();
    this.#known.clear();
    this.#starter.stop();
  }

  #isKnown(mailbox: Mailbox, call: AttemptedCall): boolean {
    const known = this.#known.get(keyOf(mailbox.stream, call.run, call.what.call));
    return known !== undefined && known.number > call.attempts;
  }

  #plan(mailbox: Mailbox, call: AttemptedCall): void {
    if (this.#isKnown(mailbox, call)) {
      if (call.cancelling) this.#cancel(mailbox, call);
      return;
    }
    const attempt = this.#attemptOf(mailbox, call);
    if (call.cancelling) this.#end(attempt, CANCELLED);
    else if (call.nextAt > this.#context.clock.now()) this.#queue.watch(attempt, call.nextAt);
    else this.#due(attempt);
  }

  /** The next attempt of a call, in the place of the one before if that is still known. */
  #attemptOf(mailbox: Mailbox, call: AttemptedCall): Attempt {
    const pace = call.what.kind === 'activity' ? this.#paces.of(call.what.activity) : undefined;
    const attempt = new Attempt(mailbox, call, pace, (due) => this.#due(due));
    const before = this.#known.get(attempt.key);
    this.#known.set(attempt.key, attempt);
    before?.withdraw(this.#queue);
    before?.execution?.supersede(`attempt ${attempt.number} takes its place`);
    return attempt;
  }

  /** Its time has come: to start, or (if it is not out by then) to end without having started. */
  #due(attempt: Attempt): void {
    const { deadlineAtMs = Number.POSITIVE_INFINITY, deadlineMs } = attempt.times;
    if (deadlineAtMs <= this.#context.clock.now()) {
      attempt.withdraw(this.#queue);
      this.#end(attempt, { kind: 'lost', message: `not started within the deadline of ${deadlineMs} ms` });
    } else if (attempt.phase === 'planned') {
      if (Number.isFinite(deadlineAtMs)) this.#queue.watch(attempt, deadlineAtMs);
      attempt.phase = 'waiting';
      if (attempt.pace === undefined) this.#starter.begin(attempt);
      else attempt.pace.enter(attempt);
    }
  }

  #cancel(mailbox: Mailbox, call: AttemptedCall): void {
    const known = this.#known.get(keyOf(mailbox.stream, call.run, call.what.call));
    if (known?.phase === 'ended') return;
    if (known?.phase === 'out') known.execution?.cancel();
    else {
      known?.withdraw(this.#queue);
      this.#end(known ?? this.#attemptOf(mailbox, call), CANCELLED);
    }
  }

  #abandon(key: string): void {
    const known = this.#known.get(key);
    if (known === undefined) return;
    known.withdraw(this.#queue);
    this.#forget(known);
    known.execution?.abandon('nobody waits for it any more');
  }

  #forget(attempt: Attempt): void {
    if (this.#known.get(attempt.key) === attempt) this.#known.delete(attempt.key);
  }

  /** An outcome is there: it is recorded, then its attempt is forgotten (T2). */
  #end(attempt: Attempt, outcome: AttemptOutcome, progress?: unknown): void {
    if (this.#isStopped) return;
    attempt.phase = 'ended';
    this.#context.counters.attemptEnded(outcome.kind);
    if (outcome.kind === 'failed' || outcome.kind === 'lost') this.#context.log.info('attempt-failed', { ...attempt.fields, outcome });
    const { run, call, number, mailbox } = attempt;
    const input = { kind: 'outcome' as const, run, call, attempt: number, outcome, ...(progress === undefined ? {} : { progress }) };
    this.#reports.send(mailbox.stream, input, () => this.#forget(attempt));
  }
}

const CANCELLED = { kind: 'cancelled' } as const;
const GONE = 'the process that was to carry it out is gone';
