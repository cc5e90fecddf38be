import { PerdureError } from '../core/errors.ts';
import type { Image } from '../core/image.ts';
import { journalType } from '../core/journal.ts';
import type { Commit } from '../core/record.ts';
import type { Input } from '../core/turn/input.ts';
import { isPause, type Pause, runTurn, type TurnResult, turnTime } from '../core/turn/run-turn.ts';
import type { AppendOutcome } from '../ports/event-store.ts';
import type { HostContext } from './context.ts';
import { Flight, type Mailbox, type Queued } from './mailbox.ts';

/**
 * The tick: starts the turns of all mailboxes that have work, and hands their appends to the store in one call.
 *
 * Invariants:
 * I1. A mailbox's turn takes what waits at that moment (up to its limits) and is one append; what arrives meanwhile is the next turn.
 * I3. Turns that wait for a drain share it; a turn that was begun is finished before the next tick, and its mailbox does nothing else meanwhile.
 * I4. After `stop` no turn is begun.
 * I2. No tick handles more than about `maxTickMessages` messages; the rest comes in the next, after I/O had its chance.
 */
export class Tick {
  readonly #context: HostContext;
  readonly #settled: (commit: Commit, outcome: AppendOutcome) => void;
  readonly #confirm: (mailbox: Mailbox, flight: Flight) => void;
  #listed: Mailbox[] = [];
  #scheduled = false;
  #isStopped = false;

  /** `settled` is told the outcome of every append; `confirm` checks a turn that appends nothing. */
  constructor(
    context: HostContext,
    settled: (commit: Commit, outcome: AppendOutcome) => void,
    confirm: (mailbox: Mailbox, flight: Flight) => void,
  ) {
    this.#context = context;
    this.#settled = settled;
    this.#confirm = confirm;
  }

  /** Lists a mailbox that is ready and has messages; its turn runs in the next tick. */
  list(mailbox: Mailbox): void {
    if (mailbox.listed) return;
    mailbox.listed = true;
    this.#listed.push(mailbox);
    this.#schedule();
  }

  /** What was begun is finished (I4). */
  stop(): void {
    this.#isStopped = true;
  }

  #schedule(): void {
    if (this.#scheduled || this.#isStopped) return;
    this.#scheduled = true;
    this.#context.clock.soon(() => this.#run());
  }

  #run(): void {
    this.#scheduled = false;
    if (this.#isStopped) return;
    const listed = this.#listed;
    this.#listed = [];
    const commits: Commit[] = [];
    let messages = 0;
    let at = 0;
    try {
      for (; at < listed.length && messages < this.#context.limits.maxTickMessages; at += 1) {
        const mailbox = listed[at];
        if (mailbox === undefined) break;
        mailbox.listed = false;
        if (mailbox.phase === 'ready') messages += this.#turn(mailbox, commits);
      }
    } catch (error) {
      this.#context.fail(error);
    }
    if (commits.length > 0) this.#context.store.append(commits, this.#settled);
    if (this.#paused.length > 0) this.#drain();
    for (; at < listed.length; at += 1) {
      const mailbox = listed[at];
      if (mailbox !== undefined) this.#listed.push(mailbox);
    }
    if (this.#listed.length > 0) this.#schedule();
  }

  /** Runs one turn; returns the number of messages taken. */
  #turn(mailbox: Mailbox, commits: Commit[]): number {
    const { image } = mailbox;
    if (image === undefined) throw new PerdureError('invariant-violated', `${mailbox.stream} is ready without an image`);
    const batch = this.#take(mailbox);
    if (batch.length === 0) return 0;
    const { clock, entropy, guard, freeze, limits } = this.#context;
    const now = clock.now();
    const time = turnTime(image, now);
    const turnId = entropy.turnId();
    const env = { nowMs: time, turnId, freeze, maxTurnBytes: limits.maxTurnBytes, runs: this.#context.runs, onDefect: this.#onDefect };
    mailbox.phase = 'committing';
    mailbox.recent = true;
    mailbox.lastUsedMs = now;
    this.#context.counters.turns += 1;
    const flight = new Flight(mailbox, image.books.revision, env, batch, now);
    const count = batch.length;
    const turn = guard.run(time, turnId, runTurn, image, batch, env);
    if (isPause(turn)) {
      mailbox.begun = batch;
      this.#paused.push({ flight, turn });
    } else this.#finish(flight, turn, commits);
    return count;
  }

  /** A turn is over: its append is to be made. */
  #finish(flight: Flight, result: TurnResult, commits: Commit[]): void {
    const { mailbox, batch } = flight;
    if (this.#defects.length > 0) this.#tellDefects();
    const taken = result.decisions.length;
    if (taken < batch.length) {
      const left = batch.splice(taken);
      for (const item of left) returned(mailbox, item);
      mailbox.unshift(left);
    }
    flight.result = result;
    flight.records = result.records;
    mailbox.flight = flight;
    mailbox.begun = undefined;
    mailbox.unmeasuredBytes += result.bytes;
    // A Wake is always the last record of its turn.
    if (result.records[result.records.length - 1]?.type === WAKE) mailbox.wakeNoted = true;
    if (result.records.length > 0) commits.push(flight);
    else this.#confirm(mailbox, flight);
  }

  /** Turns that wait for the microtasks to have run (I3), and how many drains they have had without I/O having its chance. */
  #paused: { readonly flight: Flight; readonly turn: Pause }[] = [];
  #drains = 0;
  #draining = false;

  /** One drain at a time: a second one planned for the same moment would come before the microtasks that the first one made. */
  #drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    const { clock, drained } = this.#context;
    this.#drains += 1;
    if (this.#drains % MAX_DRAINS === 0) clock.soon(() => this.#goOn());
    else drained(() => this.#goOn());
  }

  #goOn(): void {
    this.#draining = false;
    const paused = this.#paused;
    this.#paused = [];
    const commits: Commit[] = [];
    for (const { flight, turn } of paused) {
      try {
        const next = this.#context.guard.run(flight.time, flight.turnId, turn.resume);
        if (isPause(next)) this.#paused.push({ flight, turn: next });
        else this.#finish(flight, next, commits);
      } catch (error) {
        this.#context.fail(error);
      }
    }
    if (commits.length > 0) this.#context.store.append(commits, this.#settled);
    if (this.#paused.length > 0) this.#drain();
  }

  #take(mailbox: Mailbox): (Queued & Input)[] {
    const { maxTurnMessages } = this.#context.limits;
    let batch: Queued[] = NONE;
    while (batch.length < maxTurnMessages) {
      const item = mailbox.shift();
      if (item === undefined) break;
      if (item.kind === 'signal') {
        if (item.state !== 'waiting') continue;
        item.state = 'taken';
      } else if (isFiring(item)) mailbox.firingsQueued -= 1;
      // A literal of one is a ninth of what an array grown by push takes, and most turns have one message.
      if (batch === NONE) batch = [item];
      else batch.push(item);
    }
    return batch;
  }

  readonly #defects: { readonly error: unknown; readonly input: Input; readonly image: Image; readonly run: string | undefined }[] = [];
  readonly #onDefect = (error: unknown, input: Input, image: Image, run?: string): void => {
    this.#defects.push({ error, input, image, run });
  };

  /** Outside of the guard, which refuses what a log does to write. */
  #tellDefects(): void {
    for (const { error, input, image, run } of this.#defects.splice(0)) {
      this.#context.counters.defects += 1;
      const about = { type: image.definition.type, id: image.id, kind: input.kind };
      const own = run === undefined ? { name: nameOf(input) } : { run, name: image.books.runs.open.get(run)?.name ?? nameOf(input) };
      this.#context.log.error('defect', { ...about, ...own, error });
    }
  }
}

function nameOf(input: Input): string {
  return input.kind === 'signal' ? input.name : input.kind === 'timer' ? input.timer : input.kind;
}

/** Drains in a row before I/O has its chance. */
const MAX_DRAINS = 64;

const WAKE = journalType('Wake');
const NONE: Queued[] = [];

/** A message goes back to the mailbox as if it had not been taken. */
export function returned(mailbox: Mailbox, item: Queued): void {
  if (item.kind === 'signal' && item.state === 'taken') item.state = 'waiting';
  else if (isFiring(item)) mailbox.firingsQueued += 1;
}

/** What the mailbox itself put there because it is due. */
function isFiring({ kind }: Queued): boolean {
  return kind === 'timer' || kind === 'wait';
}
