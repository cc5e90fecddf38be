import { journalType } from '../core/journal.ts';
import { addressOf, type StoredTurn } from '../core/record.ts';
import type { EventStore, SubscribeOptions } from '../ports/event-store.ts';
import { RUN_RECORDS, RunsInFlight } from './runs-in-flight.ts';

/**
 * The streams of the entities of a store, one after another, each whole and in its order.
 *
 * Invariants:
 * W1. Each stream comes once, its turns next to each other; the runtime's own streams do not come.
 * W2. Memory does not grow with the store; with `inFlight` it does with the streams that have runs in flight.
 */
export interface StreamSelection {
  /** Entity types; absent for all. */
  readonly types?: readonly string[];
  /** Only streams that have runs in flight, open or queued. */
  readonly inFlight: boolean;
}

export type StreamStore = Pick<EventStore, 'readStream' | 'subscribe'>;

/** The turns of the selected streams. Rejects with what the store fails with. */
export async function* storedTurns(store: StreamStore, { types, inFlight }: StreamSelection): AsyncGenerator<StoredTurn> {
  const wanted = types === undefined ? {} : { prefixes: types.map((type) => `${type}-`) };
  if (inFlight) {
    const runs = new RunsInFlight();
    for await (const turn of loggedTurns(store, { from: 0, ...wanted, types: RUN_RECORDS })) runs.take(turn);
    for (const stream of runs.streams) if (addressOf(stream) !== undefined) yield* streamTurns(store, stream);
    return;
  }
  for await (const turn of loggedTurns(store, { from: 0, ...wanted }))
    if (addressOf(turn.stream) !== undefined && (await isFirst(store, turn))) yield* streamTurns(store, turn.stream);
}

/** Is it what its stream begins with? What was forgotten is cut off before its `Forgotten`. */
async function isFirst(store: StreamStore, { stream, firstRevision, records }: StoredTurn): Promise<boolean> {
  if (firstRevision > 0 && records[0]?.type !== FORGOTTEN) return false;
  for await (const [first] of store.readStream(stream, 0)) return first?.firstRevision === firstRevision;
  return false;
}
const FORGOTTEN = journalType('Forgotten');

async function* streamTurns(store: StreamStore, stream: string): AsyncGenerator<StoredTurn> {
  for await (const page of store.readStream(stream, 0)) yield* page;
}

/** What the log holds by now. */
async function* loggedTurns(store: StreamStore, options: SubscribeOptions): AsyncGenerator<StoredTurn> {
  const subscription = store.subscribe(options);
  try {
    for await (const { turns, caughtUp } of subscription) {
      yield* turns;
      if (caughtUp) return;
    }
  } finally {
    subscription.close();
  }
}
