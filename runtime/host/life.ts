import { type Answer, failed } from '../core/answer.ts';
import { durationMs } from '../core/duration.ts';
import { invariant } from '../core/errors.ts';
import type { Image } from '../core/image.ts';
import { LIMITS } from '../core/limits.ts';
import { canAdvance, owesAttempts } from '../core/owed.ts';
import { encodeSnapshot, snapshotDue } from '../core/snapshot.ts';
import type { HostContext } from './context.ts';
import { readHeld, readReceived } from './held.ts';
import type { Mailbox, Queued } from './mailbox.ts';
import { Rehydrator } from './rehydrator.ts';
import type { Tick } from './tick.ts';
import { TimerQueue } from './timer-queue.ts';

/** Who is told of what becomes of mailboxes. */
export interface Told {
  /** A mailbox is ready and has nothing to do. */
  rested(mailbox: Mailbox): void;
  /** An image was read from its stream; it is not ready yet. */
  reloaded(mailbox: Mailbox): void;
  /** An entity that owes attempts holds from now on, or does no longer. */
  recovers(mailbox: Mailbox): void;
}

/**
 * The life of a mailbox: the one place where phases change to `ready` and back to `passive`, and where what follows from being ready is started.
 *
 * Invariants:
 * V1. A mailbox that becomes ready gets, in this order: its readers told, what is due queued, what it may release or begin queued, its turn listed.
 * V2. An image is thrown away only when no append of it is under way.
 * V4. An image that was thrown away is read again even if nothing waits: what it last wrote may stand, and owe work that nobody has begun.
 * V3. After `stop` no message is taken: whoever asks is told so.
 */
export class Life {
  readonly #context: HostContext;
  readonly #tick: Tick;
  readonly #timers: TimerQueue;
  readonly #rehydrator: Rehydrator;
  readonly #told: Told;
  #isStopped = false;

  constructor(context: HostContext, tick: Tick, told: Told) {
    this.#context = context;
    this.#tick = tick;
    this.#told = told;
    this.#timers = new TimerQueue(context.clock, (mailbox) => this.#timerDue(mailbox));
    this.#rehydrator = new Rehydrator(context, (mailbox, image) => this.#rehydrated(mailbox, image));
  }

  get rehydrating(): number {
    return this.#rehydrator.pending;
  }

  /** Puts a message into a mailbox and sees to it that it is handled. */
  enqueue(mailbox: Mailbox, item: Queued): void {
    if (this.#isStopped) {
      // A source is told nothing: it sends again from where it knows of an end.
      if (item.kind !== 'signal') item.done(failed('draining', 'the node has stopped'));
      return;
    }
    mailbox.push(item);
    mailbox.recent = true;
    if (mailbox.phase === 'ready') this.#tick.list(mailbox);
    else if (mailbox.phase === 'passive') this.#rehydrator.start(mailbox, true);
  }

  /** Calls back when the mailbox is next ready (`true`) or could not be rehydrated (`false`); at once if it is ready. */
  whenReady(mailbox: Mailbox, demand: boolean, run: () => void): void {
    mailbox.recent = true;
    if (mailbox.phase === 'ready') {
      run();
      return;
    }
    mailbox.onReady.push(run);
    if (mailbox.phase === 'passive') this.#rehydrator.start(mailbox, demand);
  }

  /** The image as soon as it is durable; undefined if it could not be rehydrated. Asked anew after every await: an idle mailbox may leave memory. */
  imageOf(mailbox: Mailbox): Promise<Image | undefined> {
    return new Promise((resolve) => this.whenReady(mailbox, true, () => resolve(mailbox.image)));
  }

  /**
   * The agenda says that something is due or soon will be: it is queued or watched, also if the mailbox is awake already. `done` is told when it is awake
   * (or could not be rehydrated).
   */
  wake(mailbox: Mailbox, done: () => void): void {
    const awake = mailbox.phase === 'ready';
    this.whenReady(mailbox, false, done);
    if (awake) this.#timerDue(mailbox);
  }

  /** The image is the durable truth. */
  ready(mailbox: Mailbox): void {
    const { image } = mailbox;
    invariant(image !== undefined && mailbox.flight === undefined, `${mailbox.stream} cannot be ready`);
    mailbox.phase = 'ready';
    mailbox.isDoubtful = false;
    mailbox.durableState = image.state;
    mailbox.durableRevision = image.books.revision;
    mailbox.durablePosition = image.position;
    if (mailbox.onReady.length > 0) for (const run of mailbox.onReady.splice(0)) run();
    this.#queueWork(mailbox, image);
    this.#snapshot(mailbox, image);
    if (mailbox.length > 0) this.#tick.list(mailbox);
    else this.#told.rested(mailbox);
  }

  /** The image is not to be believed. */
  discard(mailbox: Mailbox, delayMs: number): void {
    mailbox.isDoubtful ||= mailbox.image !== undefined;
    this.#forgetImage(mailbox);
    if (delayMs > 0) {
      mailbox.phase = 'waiting';
      this.#context.clock.after(delayMs, () => {
        if (mailbox.phase === 'waiting') this.#restart(mailbox);
      });
    } else this.#restart(mailbox);
  }

  /** Lets an idle mailbox leave memory, with a snapshot first if its fold has become long. False if it is not idle. */
  passivate(mailbox: Mailbox): boolean {
    const { image, phase } = mailbox;
    if (phase === 'rehydrating' || phase === 'committing' || phase === 'settling' || phase === 'waiting') return false;
    if (mailbox.length > 0 || mailbox.readingHeld || mailbox.readingQueued || mailbox.timerAt !== undefined || mailbox.onReady.length > 0)
      return false;
    if (image !== undefined) this.#snapshot(mailbox, image);
    this.#forgetImage(mailbox);
    this.#context.counters.passivations += 1;
    return true;
  }

  stop(): void {
    this.#isStopped = true;
    this.#tick.stop();
    this.#timers.stop();
  }

  #forgetImage(mailbox: Mailbox): void {
    invariant(mailbox.flight === undefined, `${mailbox.stream} loses its image in flight`);
    mailbox.image = undefined;
    mailbox.durableState = undefined;
    // `stateBytes` stands until the next measure: the sum over all mailboxes counts on it.
    mailbox.unmeasuredBytes = Number.POSITIVE_INFINITY;
    mailbox.phase = 'passive';
  }

  #restart(mailbox: Mailbox): void {
    mailbox.phase = 'passive';
    const isAsked = mailbox.length > 0 || mailbox.onReady.length > 0;
    if (isAsked || (mailbox.isDoubtful && !this.#isStopped)) this.#rehydrator.start(mailbox, isAsked);
  }

  #rehydrated(mailbox: Mailbox, image: Image | undefined): void {
    if (image === undefined) {
      // The store cannot be read just now; what waits keeps waiting, in order.
      if (mailbox.onReady.length > 0) for (const run of mailbox.onReady.splice(0)) run();
      this.discard(mailbox, 1_000);
      return;
    }
    mailbox.image = image;
    mailbox.lastUsedMs = this.#context.clock.now();
    mailbox.wasHolding = image.books.holding;
    // Before it is ready: with nothing to do it may leave memory at once.
    this.#told.reloaded(mailbox);
    this.ready(mailbox);
  }

  #timerDue(mailbox: Mailbox): void {
    if (mailbox.phase !== 'ready' || mailbox.image === undefined) return;
    this.#queueWork(mailbox, mailbox.image);
    if (mailbox.length > 0) this.#tick.list(mailbox);
    else this.#told.rested(mailbox);
  }

  /** What an entity has to do although nothing arrives. */
  #queueWork(mailbox: Mailbox, image: Image): void {
    this.#queueDue(mailbox, image);
    this.#queueReleases(mailbox, image);
    if (!image.books.hasRuns) return;
    this.#queueBegin(mailbox, image);
    const { holding } = image.books;
    if (canAdvance(image.books) && !mailbox.advanceQueued && image.foldError === undefined) {
      mailbox.advanceQueued = true;
      const done = () => {
        mailbox.advanceQueued = false;
      };
      mailbox.push({ kind: 'advance', done });
    }
    // What was planned while it held starts now; what was planned before it did waits.
    if (mailbox.wasHolding !== holding) {
      mailbox.wasHolding = holding;
      if (owesAttempts(image.books)) this.#told.recovers(mailbox);
    }
  }

  #queueDue(mailbox: Mailbox, image: Image): void {
    if (mailbox.firingsQueued > 0) return;
    const { books, foldError } = image;
    const { timers } = books;
    const waits = books.hasRuns && !books.holding && foldError === undefined ? books.runs.waits : undefined;
    const timer = timers.earliest()?.dueAt;
    const wait = waits?.earliest()?.dueAt;
    if (timer === undefined && wait === undefined) return;
    const now = this.#context.clock.now();
    const { counters } = this.#context;
    for (const { timer, key, arming } of timers.due(now, LIMITS.maxFiringsPerTurn)) {
      mailbox.firingsQueued += 1;
      counters.timersFired += 1;
      mailbox.push({ kind: 'timer', timer, key, arming, done: ignore });
    }
    for (const { timer: run, key } of waits?.due(now, LIMITS.maxFiringsPerTurn) ?? []) {
      mailbox.firingsQueued += 1;
      mailbox.push({ kind: 'wait', run, call: Number(key), done: ignore });
    }
    if (mailbox.firingsQueued === 0)
      this.#timers.watch(mailbox, Math.min(timer ?? Number.POSITIVE_INFINITY, wait ?? Number.POSITIVE_INFINITY));
  }

  /** The next serial run, if none is open: its message is in the stream, not in memory. */
  #queueBegin(mailbox: Mailbox, { books, foldError }: Image): void {
    const [next] = books.runs.queued;
    if (next === undefined || books.runs.serial !== undefined || books.holding || foldError !== undefined || mailbox.readingQueued) return;
    mailbox.readingQueued = true;
    const finish = () => {
      mailbox.readingQueued = false;
    };
    readReceived(this.#context.store, mailbox.stream, next.revision).then(
      (found) => this.#enqueueFirst(mailbox, [{ kind: 'begin', revision: next.revision, ...found, done: finish }]),
      (error: unknown) => {
        this.#context.log.error('queued-unreadable', { stream: mailbox.stream, error });
        this.#context.clock.after(1_000, () => {
          finish();
          this.whenReady(mailbox, true, () => this.#timerDue(mailbox));
        });
      },
    );
  }

  /** Held messages of an entity that is neither parked nor paused any more are released, in order (core K1). */
  #queueReleases(mailbox: Mailbox, image: Image): void {
    const { books, foldError } = image;
    if (books.heldCount === 0 || books.parked !== undefined || books.paused !== undefined || foldError !== undefined) return;
    if (mailbox.readingHeld) return;
    mailbox.readingHeld = true;
    readHeld(this.#context.store, mailbox.stream, books.heldFrom).then(
      (held) => {
        const items = held.map((one) => ({ kind: 'release', verb: 'drain', held: one, by: 'perdure', why: '', done: ignore }) as const);
        const last = items.at(-1);
        const finish = () => {
          mailbox.readingHeld = false;
        };
        if (last === undefined) finish();
        else this.#enqueueFirst(mailbox, [...items.slice(0, -1), { ...last, done: finish }]);
      },
      (error: unknown) => {
        this.#context.log.error('held-unreadable', { stream: mailbox.stream, error });
        // Until then it counts as being read, which keeps the mailbox in memory: another may not take its place.
        this.#context.clock.after(1_000, () => {
          mailbox.readingHeld = false;
          this.whenReady(mailbox, true, () => this.#timerDue(mailbox));
        });
      },
    );
  }

  #enqueueFirst(mailbox: Mailbox, items: readonly Queued[]): void {
    mailbox.unshift(items);
    if (mailbox.phase === 'ready') this.#tick.list(mailbox);
    else if (mailbox.phase === 'passive') this.#rehydrator.start(mailbox, true);
  }

  #snapshot(mailbox: Mailbox, image: Image): void {
    const every = mailbox.definition.options.snapshotEvery ?? this.#context.limits.snapshotEvery;
    // Due only when the records since the last one weigh about as much as it did (64 bytes a record is a low estimate).
    if (!snapshotDue(image, every) || image.sinceSnapshot * 64 < mailbox.snapshotBytes) return;
    const bytes = encodeSnapshot(image);
    mailbox.snapshotBytes = bytes.byteLength;
    image.sinceSnapshot = 0;
    this.#context.counters.snapshotsWritten += 1;
    this.#context.store.saveSnapshot(mailbox.stream, bytes).catch((error: unknown) => {
      // A snapshot is a cache: without it the next fold is longer.
      this.#context.log.warn('snapshot-not-saved', { stream: mailbox.stream, error });
    });
  }
}

function ignore(_answer: Answer): void {}

/** Idle time after which an entity of this definition leaves memory, in milliseconds. */
export function passivateAfterMs(mailbox: Mailbox, defaultMs: number): number {
  const own = mailbox.definition.options.passivateAfter;
  return own === undefined ? defaultMs : durationMs(own);
}
