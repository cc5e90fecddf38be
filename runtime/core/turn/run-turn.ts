import { type Answer, failed } from '../answer.ts';
import type { Bookkeeping } from '../bookkeeping.ts';
import type { Image } from '../image.ts';
import { journal, journalType, REPLY, type RunAsk } from '../journal.ts';
import { canBegin, owesAttempts, wakeAtMs } from '../owed.ts';
import { plainSize } from '../plain.ts';
import { evaluateQuery } from '../query.ts';
import { JOURNAL_PREFIX, type NewRecord } from '../record.ts';
import { stalledAnswer, stallRecord } from './conclude.ts';
import { failedOutcome } from './facts.ts';
import { Following, Round } from './follow.ts';
import { holdSignal, holdTimer, nameOf, operate, parkAgain } from './hold.ts';
import type { BeginInput, Decision, Effect, Input, QueryInput, Step } from './input.ts';
import { handleDurable, handleDurableTimer, handlePlain, handlePlainTimer, joined } from './message.ts';
import { release } from './release.ts';
import { handleCallback, handleHeartbeat, handleOutcome, handleWait } from './run-inputs.ts';
import { endQueued } from './run-operations.ts';
import { startedStalled, startRun } from './start-run.ts';
import { done, nothing, type TurnEnv } from './step.ts';

/**
 * The turn: one atomic step of an entity. Messages in, records out; no I/O, clock or randomness of its own.
 *
 * Invariants:
 * U1. The records of all messages taken form one append at the revision the image stood at; either all are durable or the image is thrown away.
 * U2. Each message sees the state that the messages before it left, and leaves either all it asked for or none of it.
 * U3. A message that would carry the append over `maxTurnBytes` is not taken, unless it is the first: alone and too large it is a defect.
 * U4. A message handled before (by mark or by id) leaves nothing.
 * U5. Folding the records into the image of before gives the image of after.
 * U7. After each message runs go on as far as they can, at most `maxSegmentsPerTurn` segments each; what is left is owed, and a `Wake` says so.
 * U6. When the entity's next wake-up became earlier than the earliest before, the turn carries a `Wake`: the agenda is never later than the truth.
 */
export interface TurnResult {
  readonly records: readonly NewRecord[];
  /** One per input taken, in order. */
  readonly decisions: readonly Decision[];
  /** For each decision the number of records up to and including its own. */
  readonly recordsUpTo: readonly number[];
  readonly bytes: number;
  /** What follows once it is durable, in order. */
  readonly effects: readonly Effect[];
}

/** Turn time: the clock, but never before the entity's last turn. Milliseconds since 1970. */
export function turnTime(image: Image, clockMs: number): number {
  return Math.max(clockMs, image.books.lastTimeMs);
}

/** A turn that waits until all microtasks have run: user code of a durable handler is at work. Go on with `resume`, outside of them. */
export interface Pause {
  readonly resume: () => TurnResult | Pause;
}

/** Does the turn wait for a drain? */
export function isPause(turn: TurnResult | Pause): turn is Pause {
  return 'resume' in turn;
}

/**
 * Runs one turn on an image that has all durable records folded, and moves it on as if the result were durable. If the append then fails,
 * the caller throws the image away. Takes at least the first input. An entity without durable handlers never pauses.
 */
export function runTurn(image: Image, inputs: readonly Input[], env: TurnEnv): TurnResult | Pause {
  const turn = new Collected(image.books);
  // The initial state is frozen here; every later one was when it was reduced.
  image.state = env.freeze(image.state);
  if (image.foldError === undefined && image.books.parked?.reason === 'fold') {
    adopt(image, [journal('Resumed', { of: 'fold', by: 'perdure', why: 'the state can be folded again' })], turn, env);
  }
  // As far as it goes without runs it goes without a generator: most turns of most entities are over then.
  let taken = 0;
  for (; taken < inputs.length && !image.books.hasRuns; taken += 1) {
    const input = inputs[taken];
    const step = input === undefined ? undefined : immediateStep(image, input, env, taken);
    if (input === undefined || step === undefined) break;
    if (takeInput(image, input, step, turn, env) === undefined) return ended(image, turn, undefined, env);
  }
  if (taken === inputs.length) return ended(image, turn, undefined, env);
  return next(turnSteps(image, inputs, taken, turn, env));
}

function next(steps: Generator<void, TurnResult>): TurnResult | Pause {
  const { done: isOver, value } = steps.next();
  return isOver === true ? value : { resume: () => next(steps) };
}

/** The rest of a turn, from the input at `from` on. */
function* turnSteps(image: Image, inputs: readonly Input[], from: number, turn: Collected, env: TurnEnv): Generator<void, TurnResult> {
  const { books } = image;
  const following = new Following(books.asks);
  for (let index = from; index < inputs.length; index += 1) {
    const input = inputs[index];
    if (input === undefined) break;
    const step = immediateStep(image, input, env, index) ?? (yield* stepOf(image, input, env, index));
    const taken = takeInput(image, input, step, turn, env);
    if (taken === undefined) break;
    if (taken.asks !== undefined) following.asks.push(...taken.asks);
    if (books.hasRuns && !(yield* follow(image, following, turn, index, env))) break;
  }
  return ended(image, turn, following, env);
}

/** The end of a turn: the agenda hears of what is owed earlier than before (U6), and what did not fit stays known (L4). */
function ended(image: Image, turn: Collected, following: Following | undefined, env: TurnEnv): TurnResult {
  const { books } = image;
  const asks = books.hasRuns && following !== undefined ? following.asks : NO_ASKS;
  const more = following?.more === true || asks.length > 0;
  const due = wakeAtMs(books);
  const isEarlier = due !== undefined && (turn.dueBefore === undefined || due < turn.dueBefore);
  if (!more && !isEarlier && !(owesAttempts(books) && !turn.owedAttempts) && !books.advanceDue) return turn;
  const at = more ? env.nowMs : (due ?? env.nowMs);
  const incarnation = owesAttempts(books) ? { incarnation: env.runs.incarnation } : {};
  const advance = more ? { advance: true as const, ...(asks.length > 0 ? { asks } : {}) } : {};
  adopt(image, [journal('Wake', { at, ...incarnation, ...advance })], turn, env);
  return turn;
}
const NO_ASKS: readonly RunAsk[] = [];

/** Carries out what follows from a message (U7). False if the turn has no more room. */
function* follow(image: Image, following: Following, turn: Collected, index: number, env: TurnEnv): Generator<void, boolean> {
  const round = new Round();
  for (;;) {
    const next = yield* following.next(image, round, index, env);
    if (next === undefined) return !following.more;
    const step = fitted(image, next, env);
    if (!take(image, step, turn, env)) {
      following.more = true;
      return false;
    }
    if (step.defect !== undefined) env.onDefect?.(step.defect, { kind: 'advance' }, image, step.run);
    if (step.asks !== undefined) following.asks.push(...step.asks);
  }
}

/** Takes the step of an input, or what is done instead if it is too large (U3). Undefined if the turn has no room for it. */
function takeInput(image: Image, input: Input, step: Step, turn: Collected, env: TurnEnv): Step | undefined {
  const short = fitted(image, step, env);
  const taken = turn.bytes === 0 && short.bytes > env.maxTurnBytes ? tooLarge(image, input, short, env) : short;
  if (!take(image, taken, turn, env)) return undefined;
  if (taken.defect !== undefined) env.onDefect?.(taken.defect, input, image, taken.run);
  turn.decide(taken.decision);
  return taken;
}

/** Makes a step part of the turn. False if it does not fit: the execution that moved on with it is dropped, and comes back from its stream. */
function take(image: Image, step: Step, turn: Collected, env: TurnEnv): boolean {
  if (step.bytes > 0 && turn.bytes > 0 && turn.bytes + step.bytes > env.maxTurnBytes) {
    drop(image, step);
    return false;
  }
  turn.bytes += step.bytes;
  adopt(image, step.records, turn, env);
  image.state = step.state;
  if (step.effects !== undefined && step.effects.length > 0) turn.effects = [...turn.effects, ...step.effects];
  return true;
}

/** The triggers of segments. */
const BEGINS: readonly string[] = (['RunStarted', 'Resolved', 'CancelRequested', 'RunResumed'] as const).map(journalType);

/** A segment that alone asks for more than a turn may hold stalls its run: only what began it is recorded. */
function fitted(image: Image, step: Step, env: TurnEnv): Step {
  if (step.bytes <= env.maxTurnBytes || step.run === undefined) return step;
  const begin = step.records.findIndex(({ type }) => BEGINS.includes(type));
  const began = step.records[begin];
  if (began === undefined) return step;
  const bytes = plainSize(began.data, 'trigger') + 1_024;
  if (bytes > env.maxTurnBytes) return step;
  drop(image, step);
  const name = image.books.runs.open.get(step.run)?.name ?? began.meta.name ?? '';
  const message = `a segment of run ${step.run} would write about ${step.bytes} bytes, a turn may hold ${env.maxTurnBytes}`;
  const reason = { resumes: 'segment', code: 'turn-too-large', message } as const;
  const answer = stalledAnswer(image, { id: step.run, name }, reason);
  return {
    records: [...step.records.slice(0, begin + 1), stallRecord({ id: step.run, meta: {} }, reason)],
    state: image.state,
    bytes,
    decision: step.decision.kind === 'joined' ? answer : step.decision,
    effects: [{ kind: 'ended', run: step.run, answer }],
    run: step.run,
  };
}

function drop(image: Image, { run }: Step): void {
  if (run !== undefined) image.live?.delete(run);
}

/**
 * What a turn has come to so far. The first message's arrays are taken as they are and copied only when a second one adds to them: most turns have one
 * message with one record, and arrays grown by push are most of what such a turn would leave behind.
 */
class Collected implements TurnResult {
  records: readonly NewRecord[] = NO_RECORDS;
  decisions: readonly Decision[] = NO_DECISIONS;
  recordsUpTo: readonly number[] = NO_NUMBERS;
  bytes = 0;
  effects: readonly Effect[] = NO_EFFECTS;
  /** What the entity owed before. */
  readonly dueBefore: number | undefined;
  readonly owedAttempts: boolean;
  #records: NewRecord[] | undefined;
  #decisions: Decision[] | undefined;
  #recordsUpTo: number[] | undefined;

  constructor(books: Bookkeeping) {
    this.dueBefore = wakeAtMs(books);
    this.owedAttempts = owesAttempts(books);
  }

  add(records: readonly NewRecord[]): void {
    if (records.length === 0) return;
    if (this.records.length === 0) {
      this.records = records;
      return;
    }
    this.#records ??= [...this.records];
    for (const record of records) this.#records.push(record);
    this.records = this.#records;
  }

  decide(decision: Decision): void {
    if (this.decisions.length === 0) {
      this.decisions = [decision];
      this.recordsUpTo = [this.records.length];
      return;
    }
    this.#decisions ??= [...this.decisions];
    this.#recordsUpTo ??= [...this.recordsUpTo];
    this.#decisions.push(decision);
    this.#recordsUpTo.push(this.records.length);
    this.decisions = this.#decisions;
    this.recordsUpTo = this.#recordsUpTo;
  }
}

const NO_RECORDS: readonly NewRecord[] = [];
const NO_EFFECTS: readonly Effect[] = [];
const NO_DECISIONS: readonly Decision[] = [];
const NO_NUMBERS: readonly number[] = [];

/** Folds records into the image (U5) and adds them to the turn's. */
function adopt(image: Image, records: readonly NewRecord[], turn: Collected, env: TurnEnv): void {
  for (const record of records) image.books.fold(record, env.nowMs, env.turnId, image.state);
  turn.add(records);
  image.sinceSnapshot += records.length;
  if (records.length > 0) image.turnId = env.turnId;
}

/** What one input comes to that asks nothing of a run; undefined if it does. */
function immediateStep(image: Image, input: Input, env: TurnEnv, index: number): Step | undefined {
  const { books } = image;
  if (books.forgotten) return afterForgotten(image, input);
  const holding = books.holding || image.foldError !== undefined;
  switch (input.kind) {
    case 'signal': {
      const known = alreadyHandled(image, input);
      if (known !== undefined) return known;
      if (!holding) return handlePlain(image, input, env, index);
      return input.name === REPLY ? undefined : holdSignal(image, input);
    }
    case 'timer':
      if (books.timers.get(input.timer, input.key)?.arming !== input.arming) return nothing(image, done(image));
      return holding ? holdTimer(image, input) : handlePlainTimer(image, input, env, index);
    case 'query':
      return nothing(image, queried(image, input));
    case 'operator':
      return operate(image, input);
    case 'heartbeat':
      return handleHeartbeat(image, input);
    case 'advance':
      return nothing(image, done(image));
    default:
      return undefined;
  }
}

/** What any other input comes to. */
function* stepOf(image: Image, input: Input, env: TurnEnv, index: number): Generator<void, Step> {
  switch (input.kind) {
    case 'signal':
      return yield* handleDurable(image, input, env, index);
    case 'timer':
      return yield* handleDurableTimer(image, input, env, index);
    case 'release':
      return yield* release(image, input, env, index);
    case 'wait':
      return yield* handleWait(image, input, index, env);
    case 'outcome':
      return yield* handleOutcome(image, input, index, env);
    case 'callback':
      return yield* handleCallback(image, input, index, env);
    case 'begin':
      return yield* beginQueued(image, input, env, index);
    default:
      return nothing(image, done(image));
  }
}

/** What was handled before the end comes again as a duplicate: a call has had its reply, and must not get another. */
function afterForgotten(image: Image, input: Input): Step {
  const isHandled = input.kind === 'signal' && input.mark !== undefined && image.books.handled(input.mark);
  if (isHandled) return nothing(image, { ...done(image), repeated: true });
  return nothing(image, failed('forgotten', `${image.definition.type}/${image.id} was forgotten`));
}

/** The next queued serial run, if it is still the next. */
function* beginQueued(image: Image, input: BeginInput, env: TurnEnv, index: number): Generator<void, Step> {
  const { runs } = image.books;
  const [first] = runs.queued;
  if (first?.revision !== input.revision || !canBegin(image.books) || image.foldError !== undefined) return nothing(image, done(image));
  const { received, meta } = input;
  const { name, of } = received;
  const handler = (of === 'signal' ? image.definition.signals : image.definition.timers).get(name);
  const { mark: _mark, ...rest } = meta;
  if (handler === undefined || handler.mode === 'plain')
    return startedStalled(image, { id: first.id, received: input.revision, meta: rest }, received);
  const declaration = of === 'signal' ? image.definition.declarations.get(name) : undefined;
  const request = {
    id: first.id,
    name,
    of,
    handler: handler.run,
    serial: handler.mode === 'serial',
    declaration,
    payload: received.input,
    meta: rest,
  } as const;
  const start = yield* startRun(
    image,
    { ...request, origin: received, facts: [], wantsOutcome: false, index, received: input.revision },
    env,
  );
  return start.kind === 'step' ? start.step : nothing(image, done(image));
}

/** The step of a duplicate (U4), or undefined for a message that is new. */
function alreadyHandled(image: Image, input: Extract<Input, { kind: 'signal' }>): Step | undefined {
  if (input.mark !== undefined && image.books.handled(input.mark)) return nothing(image, { ...done(image), repeated: true });
  if (!input.idChosen) return undefined;
  const { runs } = image.books;
  if (image.books.hasRuns && (runs.open.has(input.signalId) || runs.queued.some(({ id }) => id === input.signalId))) {
    return nothing(image, input.wants === 'outcome' ? joined(image, input.signalId) : { ...done(image), repeated: true });
  }
  const revision = image.books.window.find(input.signalId);
  return revision === undefined ? undefined : nothing(image, { kind: 'known', revision });
}

function queried(image: Image, input: QueryInput): Answer {
  if (image.foldError !== undefined) return failed('parked', image.foldError);
  if (input.name === undefined) return done(image);
  const { state, position, books } = image;
  return evaluateQuery(image.definition, input.name, input.input, { state, position, revision: books.revision });
}

/** A message alone in its turn that asks for more than an append may hold (U3). */
function tooLarge(image: Image, input: Input, step: Step, env: TurnEnv): Step {
  const largest = step.records.find((record) => !record.type.startsWith(JOURNAL_PREFIX)) ?? step.records[0];
  const message = `the message would write about ${step.bytes} bytes, a turn may hold ${env.maxTurnBytes}; look at ${largest?.type ?? 'the result'}`;
  const decision = failed('turn-too-large', message);
  // Left where it is, a host that drains would try it for ever (K3).
  if (input.kind === 'release') return parkAgain(image, input.held, [], { reason: 'defect', name: nameOf(input.held.message), message });
  if (input.kind === 'begin') {
    // Left where it is, it would be tried for ever.
    drop(image, step);
    const queued = image.books.runs.queued.find(({ revision }) => revision === input.revision);
    return queued === undefined ? nothing(image, decision) : endQueued(image, queued, failedOutcome('turn-too-large', message));
  }
  if (input.kind !== 'signal' && input.kind !== 'timer') return nothing(image, decision);
  return handleTooLarge(image, input, message, env) ?? nothing(image, decision);
}

/** A plain signal or timer that is too large parks its entity like any defect; what even as a held message is too large is refused. */
function handleTooLarge(
  image: Image,
  input: Extract<Input, { kind: 'signal' | 'timer' }>,
  message: string,
  env: TurnEnv,
): Step | undefined {
  if (input.kind === 'signal' && input.wants === 'outcome') return undefined;
  const reason = { reason: 'defect', name: input.kind === 'signal' ? input.name : input.timer, message } as const;
  const step = input.kind === 'signal' ? holdSignal(image, input, reason) : holdTimer(image, input, reason);
  return step.bytes > env.maxTurnBytes ? undefined : step;
}
