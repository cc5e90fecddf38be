import { errorText } from '../errors.ts';
import type { Image } from '../image.ts';
import type { RunAsk } from '../journal.ts';
import { LIMITS } from '../limits.ts';
import type { OpenRun } from '../run/open-run.ts';
import { advanceRun, canGoOn, liveExecution, resumeRun, stallStep } from './advance-run.ts';
import type { Step } from './input.ts';
import { cancelQueued } from './run-inputs.ts';
import { endQueued, terminate } from './run-operations.ts';
import type { TurnEnv } from './step.ts';

/**
 * What runs do when a message was handled: cancellations and resumptions that it asked for, triggers that were deferred, and predicates that became true.
 *
 * Invariants:
 * L1. First what was asked for; then each run goes on as far as it can, in run order and going round: by its deferred triggers in the order in which they
 *     came, then by its `until`s.
 * L2. Predicates are evaluated on the state that every message before left, and never in a replay.
 * L3. A run waiting in `until` is brought into memory whenever its predicate is to be evaluated: nobody else knows it.
 * L4. What was asked for and does not fit into the turn is carried out in the next: it is part of what the turn records.
 */
export class Following {
  /** What was asked for, and is not known to be carried out (L4). */
  readonly asks: RunAsk[];
  /** A run can go on, in the next turn. */
  more = false;
  /** Runs that the first of `asks` still concerns. */
  #asked: string[] | undefined;
  /** Segments of each run in this turn. */
  readonly #advanced = new Map<string, number>();

  /** `asks`: what the turns before had no room for. */
  constructor(asks: readonly RunAsk[]) {
    this.asks = [...asks];
  }

  /** The next step that follows, undefined if nothing does in this turn. `round` is where the runs are gone round, new for each message. */
  *next(image: Image, round: Round, index: number, env: TurnEnv): Generator<void, Step | undefined> {
    const asked = yield* this.#nextAsked(image, index, env);
    if (asked !== undefined) {
      round.moved();
      return asked;
    }
    for (let run = round.current(image); run !== undefined; run = round.skip(image)) {
      if (isQuiet(image, run)) continue;
      const step = yield* this.#goesOn(image, run, index, env);
      if (step === 'more') {
        this.more = true;
        return undefined;
      }
      if (step === undefined) continue;
      round.moved();
      return step;
    }
    return undefined;
  }

  *#nextAsked(image: Image, index: number, env: TurnEnv): Generator<void, Step | undefined> {
    for (let ask = this.asks[0]; ask !== undefined; ask = this.asks[0]) {
      this.#asked ??= concerned(image, ask);
      const run = this.#asked.shift();
      const step = run === undefined ? undefined : yield* carriedOut(image, ask, run, index, env);
      if (step !== undefined) return step;
      if (run !== undefined) continue;
      this.asks.shift();
      this.#asked = undefined;
    }
    return undefined;
  }

  /** What a run does next by itself; `more` if it has had its share of this turn. */
  *#goesOn(image: Image, run: OpenRun, index: number, env: TurnEnv): Generator<void, Step | 'more' | undefined> {
    const trigger = run.deferred[0] ?? (yield* satisfied(image, run, env));
    if (trigger === undefined || 'records' in trigger) return trigger;
    const count = (this.#advanced.get(run.id) ?? 0) + 1;
    if (count > LIMITS.maxSegmentsPerTurn) return 'more';
    this.#advanced.set(run.id, count);
    return yield* advanceRun(image, run, trigger, env, { index });
  }
}

/** Goes round the runs that may have something to do: after the last comes the first again, if any has moved. */
export class Round {
  #runs: readonly OpenRun[] | undefined;
  #at = 0;
  #hasMoved = false;

  /** The run that is looked at, undefined when the round is over. A run that has moved is looked at once more. */
  current({ books }: Image): OpenRun | undefined {
    this.#runs ??= books.hasRuns ? books.runs.attention.inOrder() : [];
    return this.#runs[this.#at];
  }

  /** The run after it. */
  skip(image: Image): OpenRun | undefined {
    this.#at += 1;
    if (this.#hasMoved && this.#at >= (this.#runs?.length ?? 0)) {
      this.#runs = undefined;
      this.#at = 0;
      this.#hasMoved = false;
    }
    return this.current(image);
  }

  moved(): void {
    this.#hasMoved = true;
  }
}

/** The runs that were open (waiting to start, stalled) when it was asked. */
function concerned({ books: { runs } }: Image, { kind, name, run, upTo }: RunAsk): string[] {
  const isMeant = (one: { readonly id: string; readonly name: string }) =>
    (run === undefined || one.id === run) && (name === undefined || one.name === name);
  if (kind === 'resume') {
    return [...runs.open.values()].filter((one) => isMeant(one) && one.stalled !== undefined && one.stalled.at <= upTo).map(({ id }) => id);
  }
  const isOpen = (one: OpenRun) => isMeant(one) && one.startRevision <= upTo && (kind === 'terminate' || !one.cancelAsked);
  const open = [...runs.open.values()].filter(isOpen);
  const queued = runs.queued.filter((one) => isMeant(one) && one.revision <= upTo);
  return [...open, ...queued].map(({ id }) => id);
}

function* carriedOut(image: Image, { kind, by, why }: RunAsk, id: string, index: number, env: TurnEnv): Generator<void, Step | undefined> {
  const run = image.books.runs.open.get(id);
  if (kind === 'resume') {
    const isStill = run?.stalled !== undefined && !image.books.holding;
    return isStill ? yield* resumeRun(image, run, by, why, index, env) : undefined;
  }
  if (kind === 'terminate') return run === undefined ? terminateQueued(image, id, by, why) : terminate(image, run, by, why);
  if (run === undefined) return cancelQueued(image, id);
  return run.cancelAsked ? undefined : yield* advanceRun(image, run, { kind: 'cancelled', by, why, closes: [] }, env, { index });
}

function terminateQueued(image: Image, id: string, by: string, why: string): Step | undefined {
  const queued = image.books.runs.queued.find((one) => one.id === id);
  return queued === undefined ? undefined : endQueued(image, queued, { kind: 'terminated', by, why });
}

/** Is it known, without bringing it into memory, that a run has nothing to do? What its predicate throws is found when it is asked again. */
function isQuiet(image: Image, run: OpenRun): boolean {
  if (run.isOver || !canGoOn(image, run)) return true;
  if (run.deferred.length > 0) return false;
  if (run.untils === 0) return true;
  try {
    const live = image.live?.get(run.id);
    return live !== undefined && live.calls.predicates.first(image.state) === undefined;
  } catch {
    return false;
  }
}

/** The trigger of the first `until` whose predicate holds, or the step of a run that cannot be asked. */
function* satisfied(image: Image, run: OpenRun, env: TurnEnv) {
  if (run.untils === 0) return undefined;
  const live = yield* liveExecution(image, run, env);
  if (!live.ok) return stallStep(image, run, live.reason, []);
  try {
    const call = live.execution.calls.predicates.first(image.state);
    return call === undefined ? undefined : { kind: 'resolved' as const, call, outcome: { kind: 'completed' as const, value: null } };
  } catch (error) {
    return stallStep(image, run, { resumes: 'nothing', code: 'defect', message: `until: ${errorText(error)}` }, []);
  }
}
