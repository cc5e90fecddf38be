import type { AnyImplementation, EventMeta, SignalMessage } from 'perdure';
import { definitionOf } from '../../../runtime/core/definition/entity.ts';
import { emptyImage } from '../../../runtime/core/image.ts';
import { isJournal } from '../../../runtime/core/journal.ts';
import { LIMITS } from '../../../runtime/core/limits.ts';
import { deepFreeze } from '../../../runtime/core/plain.ts';
import type { Decision, Input } from '../../../runtime/core/turn/input.ts';
import { runTurn, turnTime } from '../../../runtime/core/turn/run-turn.ts';

/**
 * One entity over many turns, timers included: `given` shows one turn, this a life. Time stands still but for `passTo`.
 */
export interface Live {
  /** Handles one update: its result, or the code it was rejected with. Anything else is thrown. */
  tell<O>(message: SignalMessage<O>): { readonly result?: O; readonly rejected?: string };
  /** Moves the clock and fires what falls due on the way, in order. */
  passTo(atMs: number): void;
  query(name: string): unknown;
  /** All that happened, as a projection sees it. */
  readonly events: readonly Happened[];
  state(): unknown;
}
export interface Happened {
  readonly type: string;
  readonly data: unknown;
  readonly meta: EventMeta;
}

export function live(of: AnyImplementation, id: string): Live {
  const image = emptyImage(definitionOf(of), id);
  const events: Happened[] = [];
  let clockMs = 0;
  let turns = 0;

  function turn(input: Input): Decision | undefined {
    turns += 1;
    const nowMs = turnTime(image, clockMs);
    const env = { nowMs, turnId: `turn-${turns}`, freeze: deepFreeze, maxTurnBytes: LIMITS.maxTurnBytes, onDefect: rethrow };
    const first = image.books.revision + 1;
    const { records, decisions } = runTurn(image, [input], env);
    records.forEach((record, i) => {
      if (!isJournal(record)) events.push({ type: record.type, data: record.data, meta: metaOf(id, first + i, nowMs) });
    });
    return decisions[0];
  }

  return {
    events,
    state: () => image.state,
    tell: <O>(message: SignalMessage<O>) => {
      const { name, payload } = message;
      const asked = {
        kind: 'signal',
        wants: 'outcome',
        signalId: `s${turns}`,
        idChosen: false,
        mark: undefined,
        context: undefined,
      } as const;
      const decision = turn({ ...asked, name, payload });
      return decision?.kind === 'rejected' ? { rejected: decision.code } : { result: resultOf(decision) as O };
    },
    passTo: (atMs) => {
      for (let due = image.books.timers.earliest(); due !== undefined && due.dueAt <= atMs; due = image.books.timers.earliest()) {
        clockMs = due.dueAt;
        const { timer, key, arming } = due;
        resultOf(turn({ kind: 'timer', timer, key, arming }));
      }
      clockMs = atMs;
    },
    query: (name) => resultOf(turn({ kind: 'query', name, input: {} })),
  };
}

function metaOf(id: string, revision: number, time: number): EventMeta {
  return { id, revision, time, position: String(revision), signalId: '', correlationId: '', baggage: {} };
}

function rethrow(error: unknown): never {
  throw error;
}

function resultOf(decision: Decision | undefined): unknown {
  if (decision?.kind === 'done') return decision.result;
  throw new Error(`not done: ${JSON.stringify(decision)}`);
}
