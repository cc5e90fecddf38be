import { definitionOf } from '../core/definition/entity.ts';
import type { EntityDefinition } from '../core/definition/erased.ts';
import type { Declarations, EventOf, Implementation, QueryMessage, SignalMessage } from '../core/definition/types.ts';
import { type ErrorCode, errorText, isPerdureError, PerdureError } from '../core/errors.ts';
import { newestVersion } from '../core/fold.ts';
import { emptyImage, foldTurn, type Image } from '../core/image.ts';
import { isJournal, type JournalData, journalType } from '../core/journal.ts';
import { LIMITS } from '../core/limits.ts';
import { checkedFreeze } from '../core/plain.ts';
import { evaluateQuery } from '../core/query.ts';
import { type NewRecord, type StoredTurn, streamOf } from '../core/record.ts';
import { Rejection } from '../core/rejection.ts';
import type { RunHost } from '../core/run/scope.ts';
import type { Decision, Input } from '../core/turn/input.ts';
import { isPause, runTurn, turnTime } from '../core/turn/run-turn.ts';

/** An entity with a history, to which one more thing happens. Nothing here changes it: each `when` and `fires` is a new history, so they chain. */
export interface Given<D extends Declarations, S, E> {
  /**
   * Handles one signal in one turn at `nowMs` (default: the time of the turn before, 0 at first) and shows what came of it. A defect is thrown as a
   * PerdureError whose message begins with its code, with what the handler threw as its cause.
   */
  when<O>(message: SignalMessage<O>, options?: At): Then<O, D, S, E>;
  /**
   * The timer fires, at `nowMs` (default: when it is due). After a `when` it must be armed. Events alone do not tell what was armed: after them any
   * timer may fire. Throws as `when`.
   */
  fires(timer: string, key?: string, options?: At & Named): Then<void, D, S, E>;
  /** The answer of a query. Throws as `when`. */
  answers<O>(query: QueryMessage<O>): O;
}
/** Milliseconds since 1970. */
export interface At {
  readonly nowMs?: number;
}
/** Which entity it is, where no message before says so. */
export interface Named {
  readonly id?: string;
}
/** What one message or firing did. If it was rejected, `rejection` is set. */
export interface Then<O, D extends Declarations, S, E> extends Given<D, S, E> {
  readonly events: readonly EventOf<Implementation<D, S, E>>[];
  readonly result: O | undefined;
  readonly rejection: Rejection | undefined;
  readonly sent: readonly SignalMessage[];
  /** Armed timers after it: `name` or `name/key` to the time it is due (milliseconds since 1970), soonest first. */
  readonly timers: Readonly<Record<string, number>>;
  readonly state: S;
}

/**
 * Turns of plain handlers, without a runtime: `given(cart, ...events).when(Cart('1').checkOut()).fires('expiry')`. Events are folded first, as a stream
 * would be. Throws `fold-failed` if they cannot be.
 */
export function given<D extends Declarations, S, E>(
  of: Implementation<D, S, E>,
  ...events: readonly EventOf<Implementation<D, S, E>>[]
): Given<D, S, E> {
  const definition = definitionOf(of);
  const history = events as readonly { readonly type: string; readonly data?: unknown }[];
  const records = history.map(({ type, data }): NewRecord => recordOf(type, data, newestVersion(definition, type)));
  const turns = records.length === 0 ? [] : [{ turnId: 'given', time: 0, records }];
  return after<D, S, E>({ definition, id: undefined, turns, hasHappened: false });
}

interface Past {
  readonly definition: EntityDefinition;
  readonly id: string | undefined;
  readonly turns: readonly Pick<StoredTurn, 'turnId' | 'time' | 'records'>[];
  /** Did anything happen beyond the given events? Then its timers are known. */
  readonly hasHappened: boolean;
}

/** `image`: what the past folds to, if it is at hand; the first turn moves it on, and whoever asks again folds anew. */
function after<D extends Declarations, S, E>(past: Past, image?: Image): Given<D, S, E> {
  let atHand = image;
  const take = (id: string): Image => {
    const taken = atHand?.id === id ? atHand : imageOf(past, id);
    atHand = undefined;
    return taken;
  };
  return {
    when: <O>(message: SignalMessage<O>, { nowMs }: At = {}) => {
      const { name, payload } = message;
      const asked = {
        wants: 'outcome',
        signalId: `when-${past.turns.length}`,
        idChosen: false,
        mark: undefined,
        context: undefined,
      } as const;
      return happened<O, D, S, E>(past, take(message.id), { kind: 'signal', name, payload, ...asked }, nowMs);
    },
    fires: (timer, key = '', { nowMs, id = past.id ?? '1' } = {}) => {
      const image = take(id);
      if (!past.hasHappened && image.definition.timerNames.has(timer)) {
        image.books.applyTimer({ timer, key, dueAt: nowMs ?? image.books.lastTimeMs, arming: image.books.armings + 1 });
      }
      const armed = image.books.timers.get(timer, key);
      if (armed === undefined) throw new Error(`the timer ${key === '' ? timer : `${timer}/${key}`} is not armed`);
      return happened<void, D, S, E>(past, image, { kind: 'timer', timer, key, arming: armed.arming }, nowMs ?? armed.dueAt);
    },
    answers: <O>({ id, name, payload }: QueryMessage<O>) => {
      const { definition, state, books, position } = atHand?.id === id ? atHand : imageOf(past, id);
      return resultOf(evaluateQuery(definition, name, payload, { state, revision: books.revision, position })) as O;
    },
  };
}

function happened<O, D extends Declarations, S, E>(past: Past, image: Image, input: Input, nowMs = 0): Then<O, D, S, E> {
  const turnId = `turn-${past.turns.length}`;
  const time = turnTime(image, nowMs);
  const onDefect = (error: unknown) => throwDefect(image, input, error);
  refuseDurable(image, input);
  const env = { nowMs: time, turnId, freeze: checkedFreeze, maxTurnBytes: LIMITS.maxTurnBytes, onDefect, runs: NO_RUNS };
  const turn = runTurn(image, [input], env);
  if (isPause(turn)) throw new Error('a turn of a plain handler does not wait');
  const { records, decisions } = turn;
  const [decision] = decisions;
  const rejection =
    decision?.kind === 'rejected' ? new Rejection(decision.code, decision.details, decision.by, decision.message) : undefined;
  const turns = records.length === 0 ? past.turns : [...past.turns, { turnId, time, records }];
  return {
    ...after<D, S, E>({ definition: past.definition, id: image.id, turns, hasHappened: true }, image),
    events: eventsOf(records) as readonly EventOf<Implementation<D, S, E>>[],
    result: rejection === undefined ? ((resultOf(decision) ?? undefined) as O | undefined) : undefined,
    rejection,
    sent: sentOf(records),
    timers: Object.fromEntries(image.books.timers.all().map((t) => [t.key === '' ? t.timer : `${t.timer}/${t.key}`, t.dueAt])),
    state: image.state as S,
  };
}

/** A durable handler waits, and here is nobody to wait for. */
function refuseDurable({ definition }: Image, input: Input): void {
  const { signals, timers } = definition;
  const [name, handler] =
    input.kind === 'signal'
      ? [input.name, signals.get(input.name)]
      : input.kind === 'timer'
        ? [input.timer, timers.get(input.timer)]
        : ['', undefined];
  if (handler === undefined || handler.mode === 'plain') return;
  throw new Error(`${definition.type}.${name} is ${handler.mode}: given is for plain handlers, use testRuntime`);
}

/** Plain handlers have no use for it. */
const NO_RUNS: RunHost = {
  incarnation: 'given',
  digest: (text) => text,
  scoped: (_scope, work) => work(),
  hasActivity: () => false,
  isQuery: () => false,
  tell: () => undefined,
};

/** The image that the past folds to. */
function imageOf({ definition, id: known, turns }: Past, id: string): Image {
  if (known !== undefined && id !== known)
    throw new Error(`the history is of ${definition.type}/${known}, not of ${definition.type}/${id}`);
  const image = emptyImage(definition, id);
  for (const turn of turns) {
    const firstRevision = image.books.revision + 1;
    foldTurn(image, { ...turn, stream: streamOf(definition.type, id), firstRevision, position: firstRevision }, checkedFreeze);
  }
  if (image.foldError !== undefined) throw new PerdureError('fold-failed', `fold-failed: ${image.foldError}`);
  return image;
}

function recordOf(type: string, data: unknown, version: number): NewRecord {
  return { type, data: data ?? null, meta: version === 1 ? {} : { version } };
}

function throwDefect({ definition }: Image, input: Input, cause: unknown): never {
  const code = isPerdureError(cause) ? (cause.code as ErrorCode) : 'defect';
  const what = input.kind === 'signal' ? input.name : input.kind === 'timer' ? input.timer : input.kind;
  const text = isPerdureError(cause) ? cause.message : errorText(cause);
  throw new PerdureError(code, `${code}: ${definition.type}.${what}: ${text}`, isPerdureError(cause) ? cause.details : undefined, {
    cause,
  });
}

function resultOf(decision: Decision | undefined): unknown {
  if (decision?.kind === 'done') return decision.result;
  if (decision?.kind === 'rejected') throw new Rejection(decision.code, decision.details, decision.by, decision.message);
  if (decision?.kind !== 'failed') throw new Error('the turn decided nothing');
  const { code, message, details } = decision;
  throw new PerdureError(code, `${code}: ${message} ${details === undefined ? '' : JSON.stringify(details)}`.trimEnd(), details);
}

function eventsOf(records: readonly NewRecord[]): readonly unknown[] {
  return records.filter((record) => !isJournal(record)).map(({ type, data }) => (data === null ? { type } : { type, data }));
}

function sentOf(records: readonly NewRecord[]): readonly SignalMessage[] {
  return records.filter(({ type }) => type === journalType('SignalSent')).map(({ data }) => data as JournalData['SignalSent']);
}
