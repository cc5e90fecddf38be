import type { EventMeta, EventOf, Implementation, QueryMessage, SignalMessage } from 'perdure';
import { type Given, given, type Then } from '../../../runtime/testing/given.ts';

/** One entity over many turns, with a clock: `given` with timers that fire by themselves. Time stands still but for `passTo`. */
export interface Live {
  /** Handles one update: its result, or the code it was rejected with. */
  tell<O>(message: SignalMessage<O>): { readonly result?: O | undefined; readonly rejected?: string };
  /** Moves the clock and fires what falls due on the way, in order. */
  passTo(atMs: number): void;
  answers<O>(query: QueryMessage<O>): O;
  /** All that happened, as a projection sees it; `revision` counts events alone. */
  readonly events: readonly Happened[];
}
export interface Happened {
  readonly type: string;
  readonly data: unknown;
  readonly meta: EventMeta;
}

/** Begins the life of the entity with that id. */
export function live<D extends Parameters<typeof given>[0]['entity']['declarations'], S, E>(of: Implementation<D, S, E>, id: string): Live {
  const events: Happened[] = [];
  let now: Given<D, S, E> = given(of);
  let timers: Readonly<Record<string, number>> = {};
  let clockMs = 0;

  function lived<O>(then: Then<O, D, S, E>): Then<O, D, S, E> {
    for (const event of then.events as readonly EventOf<Implementation<never, unknown, Record<string, unknown>>>[]) {
      events.push({ type: event.type, data: event.data ?? null, meta: metaOf(id, events.length, clockMs) });
    }
    now = then;
    timers = then.timers;
    return then;
  }

  return {
    events,
    tell: (message) => {
      const { result, rejection } = lived(now.when(message, { nowMs: clockMs }));
      return rejection === undefined ? { result } : { rejected: rejection.code };
    },
    passTo: (atMs) => {
      for (let [next] = Object.entries(timers); next !== undefined && next[1] <= atMs; [next] = Object.entries(timers)) {
        const [name, dueAt] = next;
        const cut = name.indexOf('/');
        clockMs = dueAt;
        lived(cut < 0 ? now.fires(name) : now.fires(name.slice(0, cut), name.slice(cut + 1)));
      }
      clockMs = atMs;
    },
    answers: (query) => now.answers(query),
  };
}

function metaOf(id: string, revision: number, time: number): EventMeta {
  return { id, revision, time, position: String(revision), signalId: '', correlationId: '', baggage: {} };
}
