import { journalType } from '../core/journal.ts';
import type { StoredTurn, StreamName } from '../core/record.ts';

const OPENS: ReadonlySet<string> = new Set((['SignalReceived', 'RunStarted'] as const).map(journalType));
const ENDS = journalType('RunCompleted');
const FORGOTTEN = journalType('Forgotten');

/** The types of the records that tell which runs are in flight. */
export const RUN_RECORDS: readonly string[] = [...OPENS, ENDS, FORGOTTEN];

/**
 * Which streams have runs in flight, open or queued, told from their records alone: no definition is needed, and memory is for those in flight only.
 */
export class RunsInFlight {
  readonly #runs = new Map<StreamName, Set<string>>();

  /** Takes the next turn of the log, or of each stream in any order of streams. */
  take({ stream, records }: StoredTurn): void {
    for (const { type, meta } of records) {
      if (type === FORGOTTEN) this.#runs.delete(stream);
      else if (meta.run === undefined) continue;
      else if (OPENS.has(type)) this.#opened(stream, meta.run);
      else if (type === ENDS) this.#ended(stream, meta.run);
    }
  }

  /** Streams that have one, in the order in which they got it. */
  get streams(): readonly StreamName[] {
    return [...this.#runs.keys()];
  }

  /** Number of runs in flight of a stream. */
  count(stream: StreamName): number {
    return this.#runs.get(stream)?.size ?? 0;
  }

  #opened(stream: StreamName, run: string): void {
    const runs = this.#runs.get(stream);
    if (runs === undefined) this.#runs.set(stream, new Set([run]));
    else runs.add(run);
  }

  #ended(stream: StreamName, run: string): void {
    const runs = this.#runs.get(stream);
    if (runs?.delete(run) === true && runs.size === 0) this.#runs.delete(stream);
  }
}
