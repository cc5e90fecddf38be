import { setImmediate as breath } from 'node:timers/promises';
import { PerdureError } from '../core/errors.ts';
import { drained } from './drained.ts';
import type { Mishaps } from './mishaps.ts';
import type { Obligations } from './obligations.ts';
import type { Patience } from './patience.ts';
import { stuck } from './stuck.ts';
import type { TestNode } from './test-node.ts';
import { OpenVerb, type Verb } from './verb.ts';
import type { VirtualTime } from './virtual-time.ts';

/** Steps after which the process gets to other things: real I/O, and the test's own time-out. */
const STEPS_PER_BREATH = 1_000;
/** Moves of time for one verb that has no limit: beyond, what it waits for will not come. */
const MAX_MOVES = 1_000;
/** What a move for housekeeping alone counts: there is one every second while an attempt is out. */
const SMALL_MOVE = 0.1;

export interface PaceParts {
  readonly time: VirtualTime;
  readonly patience: Patience;
  readonly obligations: Obligations;
  readonly mishaps: Mishaps;
  /** Looks at what has come to rest; what it finds wrong it adds to the mishaps. */
  readonly inspect: () => Promise<void>;
}

/**
 * The pace of a test: verbs run until they have their outcome and nothing is left that is due; time moves only for those that may skip it.
 *
 * Invariants:
 * P1. A step runs only when all microtasks of the step before have run.
 * P2. A verb is told when everything that is due at that time has run, so what follows from it without waiting has happened.
 * P3. After a verb was told, its caller goes on before time does: what it starts then belongs to the same time.
 * P4. Time is never waited for: it moves to what is due next, or the verbs fail at once and say what stands open.
 */
export class Pace {
  readonly #parts: PaceParts;
  #verbs: OpenVerb[] = [];
  #node: TestNode | undefined;
  #latest: TestNode | undefined;
  #isRunning = false;
  #isClosed = false;
  /** Resolved when something has changed. */
  #changes: (() => void)[] = [];
  #changedAt = '';

  constructor(parts: PaceParts) {
    this.#parts = parts;
  }

  /** Starts a node; verbs under way ask it as soon as it runs. If it cannot start, they fail. */
  start(node: TestNode): void {
    this.#node = undefined;
    this.#latest = node;
    node.start().then(
      () => {
        // It may have crashed before it could say so.
        if (this.#latest !== node) return;
        this.#node = node;
        for (const verb of this.#verbs) verb.begin(node);
      },
      (error: unknown) => this.#failAll(error),
    );
  }

  /** Carries out a verb. Rejects with its error, or with the mishaps that came up meanwhile. */
  perform<T>(verb: Verb<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const open = new OpenVerb<T>(verb, this.#parts.time.nowMs, resolve, reject);
      this.#verbs.push(open as OpenVerb);
      if (this.#isClosed) open.fail(stopped());
      if (this.#node !== undefined) open.begin(this.#node);
      if (!this.#isRunning) void this.#run();
    });
  }

  /** Resolves when something was recorded or time has moved. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#changes.push(resolve));
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#verbs.length > 0) {
      try {
        await this.#settle();
        if (!(await this.#tellVerbs()) && !this.#tellChanges()) this.#move();
      } catch (error) {
        this.#failAll(error);
      }
    }
    this.#isRunning = false;
  }

  /** Runs everything that is due now, and what follows from it. */
  async #settle(): Promise<void> {
    const { time, obligations, patience } = this.#parts;
    for (let steps = 1; ; steps += 1) {
      await (steps % STEPS_PER_BREATH === 0 ? breath() : drained());
      if (time.step()) continue;
      if (this.#node !== undefined && obligations.look(this.#node.host)) continue;
      if (!(await patience.waited())) return;
    }
  }

  /** Tells the verbs that are over (P2); false if none is. */
  async #tellVerbs(): Promise<boolean> {
    const { time, mishaps, inspect } = this.#parts;
    for (const verb of this.#verbs) {
      if (verb.isOver || verb.untilMs > time.nowMs) continue;
      if (this.#node === undefined || !verb.timeUp(this.#node)) verb.fail(this.#stuck(verb.what, 'it had no end within its time'));
    }
    const over = new Set(this.#verbs.filter(({ isOver }) => isOver));
    if (over.size === 0) return false;
    await inspect();
    this.#verbs = this.#verbs.filter((verb) => !over.has(verb));
    for (const verb of over) verb.tell(verb.hasFailed ? undefined : mishaps.take());
    return true;
  }

  /** Tells who waits for a change; false if there is none. */
  #tellChanges(): boolean {
    const at = `${this.#parts.time.nowMs} ${this.#parts.obligations.seen}`;
    if (this.#changes.length === 0 || at === this.#changedAt) return false;
    this.#changedAt = at;
    for (const changed of this.#changes.splice(0)) changed();
    return true;
  }

  #move(): void {
    const { time, obligations } = this.#parts;
    if (this.#failEarly()) return;
    const limit = Math.min(...this.#verbs.map(({ untilMs }) => untilMs));
    const next = this.#next();
    const toMs = next !== undefined && next <= limit ? next : limit;
    if (toMs === Number.POSITIVE_INFINITY) {
      for (const verb of this.#verbs) verb.fail(this.#stuck(verb.what, 'nothing that is due can end this wait'));
      return;
    }
    for (const verb of this.#verbs) {
      verb.moves += toMs === obligations.nextMs(time.nowMs) ? 1 : SMALL_MOVE;
      if (verb.moves > MAX_MOVES && verb.untilMs === Number.POSITIVE_INFINITY) {
        verb.fail(this.#stuck(verb.what, `no end in sight after ${MAX_MOVES} moves of time`));
      }
    }
    const fromMs = time.nowMs;
    time.moveTo(toMs);
    obligations.moved(fromMs, toMs);
  }

  /** A verb that could only be told of a mishap when it ends is told now: what it waits for may never come for it. */
  #failEarly(): boolean {
    const verb = this.#verbs.find(({ time }) => time !== 'runs');
    const mishap = verb === undefined ? undefined : this.#parts.mishaps.take();
    if (verb === undefined || mishap === undefined) return false;
    verb.fail(mishap);
    return true;
  }

  /**
   * Where time may go. The clock is full of housekeeping that comes every second for ever, so it counts only while something is under way for which no
   * entity has a time; from one obligation to the next it is skipped, as by a machine that sleeps.
   */
  #next(): number | undefined {
    const { time, obligations } = this.#parts;
    if (this.#verbs.some((verb) => verb.time === 'still')) return time.nextMs;
    const next = obligations.nextMs(time.nowMs);
    if (!obligations.isWorking(time.nowMs)) return next;
    return Math.min(next ?? Number.POSITIVE_INFINITY, time.nextMs ?? Number.POSITIVE_INFINITY);
  }

  #stuck(what: string, why: string): Error {
    return stuck(what, why, this.#parts.obligations.open(), this.#parts.time.nowMs);
  }

  #failAll(error: unknown): void {
    for (const verb of this.#verbs) verb.fail(error);
  }

  /** Fails everything under way and to come: the runtime is stopped. */
  close(): void {
    this.#node = undefined;
    this.#isClosed = true;
    this.#failAll(stopped());
  }
}

function stopped(): PerdureError {
  return new PerdureError('draining', 'the test runtime is stopped');
}
