import { randomBytes } from 'node:crypto';
import { setTimeout as passed } from 'node:timers/promises';
import type { Commit, StreamName } from '../../../runtime/core/record.ts';
import type { AppendOutcome, EventStore } from '../../../runtime/ports/event-store.ts';
import { append, commitOf } from '../../contract/event-store.ts';
import { within } from './world.ts';

/** How often a commit is sent at most, and how long it waits in between. */
const MAX_SENDINGS = 40;
const PAUSE_MS = 50;

/** A stream that no test has used. */
export function freshStream(type = 'cart'): StreamName {
  return `${type}-${randomBytes(8).toString('hex')}`;
}

/** Sends a commit once. Fails if it is told nothing within the limit. */
export async function send(store: EventStore, commit: Commit): Promise<AppendOutcome> {
  const [outcome] = await within(append(store, commit), `an outcome for ${commit.stream}`);
  if (outcome === undefined) throw new Error('no outcome');
  return outcome;
}

/** Sends the very same commit until it is told something else than `unknown`, as a host does: every outcome, the last one known. */
export async function settle(store: EventStore, commit: Commit): Promise<readonly AppendOutcome[]> {
  const outcomes: AppendOutcome[] = [];
  while (outcomes.length < MAX_SENDINGS) {
    const outcome = await send(store, commit);
    outcomes.push(outcome);
    if (outcome.kind !== 'unknown') return outcomes;
    await passed(PAUSE_MS);
  }
  throw new Error(`still unknown after ${outcomes.length} sendings: ${JSON.stringify(outcomes.at(-1))}`);
}

/** The kinds of outcomes, repetitions left out. */
export function kindsOf(outcomes: readonly AppendOutcome[]): readonly string[] {
  return [...new Set(outcomes.map(({ kind }) => kind))];
}

/** Appends turns of two records each to a stream that has none of the given turns yet; settles each. */
export async function write(store: EventStore, stream: StreamName, turns: number, first = 0): Promise<void> {
  for (let turn = first; turn < first + turns; turn += 1) {
    const outcome = (await settle(store, commitOf(stream, turn * 2 - 1, `${turn}a`, `${turn}b`))).at(-1);
    if (outcome?.kind !== 'committed') throw new Error(`turn ${turn} is ${JSON.stringify(outcome)}`);
  }
}

/** The data of what `write` writes. */
export function written(turns: number): readonly string[] {
  return Array.from({ length: turns }, (_, turn) => [`${turn}a`, `${turn}b`]).flat();
}

/** One turn of `write` after another, until it is told to end. */
export class Writing {
  readonly #done: Promise<number>;
  #isOver = false;

  constructor(store: EventStore, stream: StreamName) {
    this.#done = this.#run(store, stream);
    // Whoever ends it is told; nobody else waits for it.
    this.#done.catch(() => undefined);
  }

  /** Ends it after the turn that is under way; the number of turns. Rejects if one of them failed. */
  end(): Promise<number> {
    this.#isOver = true;
    return this.#done;
  }

  async #run(store: EventStore, stream: StreamName): Promise<number> {
    let turns = 0;
    for (; !this.#isOver; turns += 1) {
      await write(store, stream, 1, turns);
      await passed(PAUSE_MS / 10);
    }
    return turns;
  }
}
