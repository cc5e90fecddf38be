import { type Answer, failed } from '../answer.ts';
import type { Image } from '../image.ts';
import { journal } from '../journal.ts';
import { evaluateQuery } from '../query.ts';
import { JOURNAL_PREFIX, type NewRecord } from '../record.ts';
import { holdSignal, holdTimer, nameOf, operate, parkAgain, release } from './hold.ts';
import type { Decision, Input, QueryInput, Step } from './input.ts';
import { handleSignal, handleTimer } from './message.ts';
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
 * U6. When the entity's next wake-up became earlier than the earliest before, the turn carries a `Wake`: the agenda is never later than the truth.
 */
export interface TurnResult {
  readonly records: readonly NewRecord[];
  /** One per input taken, in order. */
  readonly decisions: readonly Decision[];
  /** For each decision the number of records up to and including its own. */
  readonly recordsUpTo: readonly number[];
  readonly bytes: number;
}

/** Turn time: the clock, but never before the entity's last turn. Milliseconds since 1970. */
export function turnTime(image: Image, clockMs: number): number {
  return Math.max(clockMs, image.books.lastTimeMs);
}

/**
 * Runs one turn on an image that has all durable records folded, and moves it on as if the result were durable. If the append then fails,
 * the caller throws the image away. Takes at least the first input.
 */
export function runTurn(image: Image, inputs: readonly Input[], env: TurnEnv): TurnResult {
  const turn = new Collected();
  // The initial state is frozen here; every later one was when it was reduced.
  image.state = env.freeze(image.state);
  const dueBefore = image.books.wakeAtMs;
  if (image.foldError === undefined && image.books.parked?.reason === 'fold') {
    adopt(image, [journal('Resumed', { of: 'fold', by: 'perdure', why: 'the state can be folded again' })], turn, env);
  }
  for (const input of inputs) {
    let step = stepOf(image, input, env, turn.decisions.length);
    if (step.bytes > 0 && turn.bytes + step.bytes > env.maxTurnBytes) {
      if (turn.bytes > 0) break;
      step = tooLarge(image, input, step, env);
    }
    if (step.defect !== undefined) env.onDefect?.(step.defect, input, image);
    turn.bytes += step.bytes;
    adopt(image, step.records, turn, env);
    image.state = step.state;
    turn.decide(step.decision);
  }
  const due = image.books.wakeAtMs;
  if (due !== undefined && (dueBefore === undefined || due < dueBefore)) adopt(image, [journal('Wake', { at: due })], turn, env);
  return turn;
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
  #records: NewRecord[] | undefined;
  #decisions: Decision[] | undefined;
  #recordsUpTo: number[] | undefined;

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
const NO_DECISIONS: readonly Decision[] = [];
const NO_NUMBERS: readonly number[] = [];

/** Folds records into the image (U5) and adds them to the turn's. */
function adopt(image: Image, records: readonly NewRecord[], turn: Collected, env: TurnEnv): void {
  for (const record of records) image.books.fold(record, env.nowMs);
  turn.add(records);
  image.sinceSnapshot += records.length;
  if (records.length > 0) image.turnId = env.turnId;
}

/** What one input comes to. */
function stepOf(image: Image, input: Input, env: TurnEnv, index: number): Step {
  if (image.books.forgotten) return nothing(image, failed('forgotten', `${image.definition.type}/${image.id} was forgotten`));
  const holding = image.books.holding || image.foldError !== undefined;
  switch (input.kind) {
    case 'signal':
      return alreadyHandled(image, input) ?? (holding ? holdSignal(image, input) : handleSignal(image, input, env, index));
    case 'timer':
      if (image.books.timers.get(input.timer, input.key)?.arming !== input.arming) return nothing(image, done(image));
      return holding ? holdTimer(image, input) : handleTimer(image, input, env, index);
    case 'query':
      return nothing(image, queried(image, input));
    case 'release':
      return release(image, input, env, index);
    case 'operator':
      return operate(image, input);
  }
}

/** The step of a duplicate (U4), or undefined for a message that is new. */
function alreadyHandled(image: Image, input: Extract<Input, { kind: 'signal' }>): Step | undefined {
  if (input.mark !== undefined && image.books.handled(input.mark)) return nothing(image, { ...done(image), repeated: true });
  const revision = input.idChosen ? image.books.window.find(input.signalId) : undefined;
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
