import { definitionOf } from '../core/definition/entity.ts';
import type { Declarations, EventOf, Implementation, SignalMessage } from '../core/definition/types.ts';
import { newestVersion } from '../core/fold.ts';
import { emptyImage, foldTurn } from '../core/image.ts';
import { isJournal, type JournalData, journalType } from '../core/journal.ts';
import { LIMITS } from '../core/limits.ts';
import { deepFreeze } from '../core/plain.ts';
import type { NewRecord } from '../core/record.ts';
import { Rejection } from '../core/rejection.ts';
import type { Decision } from '../core/turn/input.ts';
import { runTurn } from '../core/turn/run-turn.ts';

/** What one message did: the field `rejection` is set if it was rejected; a defect is thrown as it is. */
export interface Then<O, S, Ev> {
  readonly events: readonly Ev[];
  readonly result: O | undefined;
  readonly rejection: Rejection | undefined;
  readonly sent: readonly SignalMessage[];
  /** Armed timers after the message: `name` or `name/key` to the time it is due (milliseconds since 1970). */
  readonly timers: Readonly<Record<string, number>>;
  readonly state: S;
}
export interface Given<D extends Declarations, S, E> {
  /** Handles one signal in one turn at `nowMs` (default 0) and shows what came of it. Throws what a defective handler threw. */
  when<O>(message: SignalMessage<O>, options?: { readonly nowMs?: number }): Then<O, S, EventOf<Implementation<D, S, E>>>;
}

/**
 * One turn of a plain handler, without a runtime: `given(cart, ...events).when(Cart('1').checkOut())`. Events are folded first, as a stream would be.
 * Throws `fold-failed` if they cannot be.
 */
export function given<D extends Declarations, S, E>(
  of: Implementation<D, S, E>,
  ...events: readonly EventOf<Implementation<D, S, E>>[]
): Given<D, S, E> {
  const definition = definitionOf(of);
  return {
    when: <O>(message: SignalMessage<O>, { nowMs = 0 }: { readonly nowMs?: number } = {}) => {
      const image = emptyImage(definition, message.id);
      const history = events as readonly { readonly type: string; readonly data?: unknown }[];
      const records = history.map(({ type, data }): NewRecord => recordOf(type, data, newestVersion(definition, type)));
      if (records.length > 0) {
        foldTurn(
          image,
          { stream: `${message.type}-${message.id}`, firstRevision: 0, position: 0, turnId: 'given', time: 0, records },
          deepFreeze,
        );
      }
      if (image.foldError !== undefined) throw new Error(image.foldError);
      const result = runTurn(
        image,
        [
          {
            kind: 'signal',
            name: message.name,
            payload: message.payload,
            wants: 'outcome',
            signalId: 'when',
            idChosen: false,
            mark: undefined,
            context: undefined,
          },
        ],
        { nowMs, turnId: 'when', freeze: deepFreeze, maxTurnBytes: LIMITS.maxTurnBytes, onDefect: rethrow },
      );
      const seen = outcomeOf(result.decisions[0]);
      const timers = Object.fromEntries(image.books.timers.all().map((t) => [t.key === '' ? t.timer : `${t.timer}/${t.key}`, t.dueAt]));
      return {
        events: eventsOf(result.records) as readonly EventOf<Implementation<D, S, E>>[],
        result: seen.result as O | undefined,
        rejection: seen.rejection,
        sent: sentOf(result.records),
        timers,
        state: image.state as S,
      };
    },
  };
}

function recordOf(type: string, data: unknown, version: number): NewRecord {
  return { type, data: data ?? null, meta: version === 1 ? {} : { version } };
}

function rethrow(error: unknown): never {
  throw error;
}

function outcomeOf(decision: Decision | undefined): { result: unknown; rejection: Rejection | undefined } {
  if (decision?.kind === 'rejected') {
    return { result: undefined, rejection: new Rejection(decision.code, decision.details, decision.by, decision.message) };
  }
  if (decision?.kind === 'done') return { result: decision.result ?? undefined, rejection: undefined };
  throw new Error(
    decision?.kind === 'failed' ? `${decision.code}: ${decision.message} ${JSON.stringify(decision.details ?? '')}` : 'no decision',
  );
}

function eventsOf(records: readonly NewRecord[]): readonly unknown[] {
  return records.filter((record) => !isJournal(record)).map(({ type, data }) => (data === null ? { type } : { type, data }));
}

function sentOf(records: readonly NewRecord[]): readonly SignalMessage[] {
  return records.filter(({ type }) => type === journalType('SignalSent')).map(({ data }) => data as JournalData['SignalSent']);
}
