import type { EntityDefinition } from '../core/definition/erased.ts';
import { addressOf, type StoredTurn, type StreamName } from '../core/record.ts';
import { type CheckTotals, EntityCheck, type Finding, StrangerCheck, type StreamCheck } from './entity-check.ts';
import { type RunReplayParts, RunReplays } from './run-replays.ts';
import type { SnapshotStore } from './snapshot-image.ts';

/** What streams are checked against. */
export interface StreamCheckParts extends RunReplayParts {
  /** Also executes the runs that have ended. */
  readonly endedRuns: boolean;
  /** The store that the streams are of: runs are executed from its snapshots too, as by a node. Absent for exported streams. */
  readonly store?: SnapshotStore;
}

/**
 * Checks streams against the code at hand: folds each, and executes its runs once more.
 *
 * Invariants:
 * S1. Turns of one stream come next to each other, from its first on. What is held is one entity at a time, with its runs in flight.
 * S2. It runs beside any node and writes nothing. The determinism guard must be installed.
 */
export class StreamChecks {
  readonly totals: CheckTotals = { entities: 0, runsInFlight: 0, endedRuns: 0, breaks: 0, strangers: new Map() };
  readonly #parts: StreamCheckParts;
  readonly #replays: RunReplays;
  readonly #definitions: ReadonlyMap<string, EntityDefinition>;

  constructor(parts: StreamCheckParts) {
    this.#parts = parts;
    this.#replays = new RunReplays(parts);
    this.#definitions = new Map(parts.definitions.map((one) => [one.type, one]));
  }

  /** Yields what it finds, stream by stream. Rejects with what the source fails with, and `invariant-violated` for a stream with a gap. */
  async *findings(turns: AsyncIterable<StoredTurn>): AsyncGenerator<Finding> {
    let check: StreamCheck | undefined;
    for await (const turn of turns) {
      if (check?.stream !== turn.stream) {
        if (check !== undefined) yield* this.#counted(await check.conclude());
        check = this.#begin(turn.stream);
      }
      yield* this.#counted(await check.take(turn));
    }
    if (check !== undefined) yield* this.#counted(await check.conclude());
  }

  #counted(findings: readonly Finding[]): readonly Finding[] {
    this.totals.breaks += findings.filter(({ kind }) => kind !== 'stalled').length;
    return findings;
  }

  #begin(stream: StreamName): StreamCheck {
    const address = addressOf(stream) ?? { type: stream, id: '' };
    const definition = this.#definitions.get(address.type);
    if (definition === undefined) return new StrangerCheck(stream, address, this.totals);
    const { freeze, endedRuns, store } = this.#parts;
    return new EntityCheck({ definition, id: address.id, freeze, endedRuns, store, replays: this.#replays, totals: this.totals });
  }
}
