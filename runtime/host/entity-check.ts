import type { EntityDefinition } from '../core/definition/erased.ts';
import type { Address } from '../core/definition/types.ts';
import { emptyImage, foldTurn, type Image } from '../core/image.ts';
import { type StoredTurn, type StreamName, streamOf } from '../core/record.ts';
import type { OpenRun, QueuedRun } from '../core/run/open-run.ts';
import type { TurnEnv } from '../core/turn/step.ts';
import { guard } from './guard.ts';
import { canStart, type RunReplays } from './run-replays.ts';
import { RunsInFlight } from './runs-in-flight.ts';
import { imageFromSnapshot, type SnapshotStore } from './snapshot-image.ts';

/** What was found of an entity. */
export interface Finding extends Address {
  /**
   * Breaks: `diverged` (a run does not come out as recorded), `no-handler` (a queued run has no durable handler), `unfoldable`, `unknown-type` (runs in
   * flight of an entity that the program does not have). `stalled` is none: the run had stopped before, and comes out as recorded up to there.
   */
  readonly kind: 'diverged' | 'no-handler' | 'unfoldable' | 'unknown-type' | 'stalled';
  readonly message: string;
  readonly run?: RunAbout;
  /** Of `diverged`: `{segment, trigger, recorded, replayed}`. */
  readonly details?: unknown;
}

export interface RunAbout {
  readonly id: string;
  readonly name: string;
  readonly state: 'open' | 'stalled' | 'queued' | 'ended';
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
}

/** What was looked at. */
export interface CheckTotals {
  entities: number;
  runsInFlight: number;
  endedRuns: number;
  breaks: number;
  /** Entities of types that the program does not have, by type. */
  readonly strangers: Map<string, number>;
}

/** One stream under way. */
export interface StreamCheck {
  readonly stream: StreamName;
  take(turn: StoredTurn): Promise<readonly Finding[]>;
  /** No turn follows. */
  conclude(): Promise<readonly Finding[]>;
}

export interface EntityCheckParts {
  readonly definition: EntityDefinition;
  readonly id: string;
  readonly freeze: TurnEnv['freeze'];
  readonly endedRuns: boolean;
  /** Where snapshots are, if anywhere. */
  readonly store: SnapshotStore | undefined;
  readonly replays: RunReplays;
  readonly totals: CheckTotals;
}

/** An entity of the program: folded, then its runs are executed once more; those that end on the way at once, so that none is kept. */
export class EntityCheck implements StreamCheck {
  readonly stream: StreamName;
  readonly #parts: EntityCheckParts;
  readonly #image: Image;
  readonly #ended: OpenRun[] = [];

  constructor(parts: EntityCheckParts) {
    const { definition, id, endedRuns } = parts;
    this.#parts = parts;
    this.stream = streamOf(definition.type, id);
    this.#image = guard.run(0, id, () => emptyImage(definition, id));
    if (endedRuns) this.#image.books.runs.onEnded = (run) => void this.#ended.push(run);
  }

  async take(turn: StoredTurn): Promise<readonly Finding[]> {
    const { freeze, totals } = this.#parts;
    guard.run(turn.time, turn.turnId, () => foldTurn(this.#image, turn, freeze));
    const ended = this.#ended.splice(0);
    // Without a state its runs have nothing to be executed against.
    if (ended.length === 0 || this.#image.foldError !== undefined) return NONE;
    totals.endedRuns += ended.length;
    return await this.#replayed(ended, () => 'ended');
  }

  async conclude(): Promise<readonly Finding[]> {
    const { totals } = this.#parts;
    const { books, foldError } = this.#image;
    if (books.forgotten) return NONE;
    const { open, queued } = books.runs;
    totals.entities += 1;
    totals.runsInFlight += open.size + queued.length;
    if (foldError !== undefined) {
      const held = open.size + queued.length;
      return [this.#finding('unfoldable', `${foldError}${held === 0 ? '' : `; ${held} of its runs are in flight`}`)];
    }
    const found = await this.#replayed([...open.values()], stateOf);
    return [...found, ...(await this.#fromSnapshot(found)), ...queued.flatMap((one) => this.#unstartable(one))];
  }

  /** A node begins with the snapshot if it may, and its runs with the states that the reducers of then made. */
  async #fromSnapshot(found: readonly Finding[]): Promise<readonly Finding[]> {
    const { definition, id, freeze, store } = this.#parts;
    if (store === undefined || this.#image.books.runs.open.size === 0) return NONE;
    const image = (await imageFromSnapshot({ store, guard, freeze }, definition, id))?.image;
    if (image === undefined) return NONE;
    const known = new Set(found.flatMap(({ kind, run }) => (kind === 'diverged' && run !== undefined ? [run.id] : [])));
    const runs = [...image.books.runs.open.values()].filter((run) => !known.has(run.id));
    const why = 'so it is only with the snapshot, which holds states that older reducers made: raise options.stateVersion';
    const more = await this.#replayed(runs, stateOf, image);
    return more.filter(({ kind }) => kind === 'diverged').map((one) => ({ ...one, message: `${one.message}; ${why}` }));
  }

  #unstartable({ id, name, sinceMs }: QueuedRun): readonly Finding[] {
    if (canStart(this.#parts.definition, name)) return NONE;
    return [{ ...this.#finding('no-handler', `there is no durable handler for '${name}'`), run: { id, name, sinceMs, state: 'queued' } }];
  }

  async #replayed(runs: readonly OpenRun[], stateAs: typeof stateOf, image = this.#image): Promise<readonly Finding[]> {
    const found: Finding[] = [];
    for (const run of runs) {
      const { id, name, startedAtMs, stalled } = run;
      const about: RunAbout = { id, name, state: stateAs(run), sinceMs: stalled?.sinceMs ?? startedAtMs };
      const reason = await this.#parts.replays.divergence(image, run);
      if (reason !== undefined) found.push({ ...this.#finding('diverged', reason.message), run: about, details: reason.details });
      else if (stalled !== undefined) found.push({ ...this.#finding('stalled', `${stalled.code}: ${stalled.message}`), run: about });
    }
    return found;
  }

  #finding(kind: Finding['kind'], message: string): Finding {
    const { definition, id } = this.#parts;
    return { type: definition.type, id, kind, message };
  }
}

function stateOf({ stalled }: OpenRun): RunAbout['state'] {
  return stalled === undefined ? 'open' : 'stalled';
}

/** An entity of a type that the program does not have: only its runs in flight are counted. */
export class StrangerCheck implements StreamCheck {
  readonly stream: StreamName;
  readonly #address: Address;
  readonly #totals: CheckTotals;
  readonly #runs = new RunsInFlight();

  constructor(stream: StreamName, address: Address, totals: CheckTotals) {
    this.stream = stream;
    this.#address = address;
    this.#totals = totals;
  }

  async take(turn: StoredTurn): Promise<readonly Finding[]> {
    this.#runs.take(turn);
    return NONE;
  }

  async conclude(): Promise<readonly Finding[]> {
    const { type, id } = this.#address;
    const { strangers } = this.#totals;
    strangers.set(type, (strangers.get(type) ?? 0) + 1);
    const count = this.#runs.count(this.stream);
    return count === 0
      ? NONE
      : [{ type, id, kind: 'unknown-type', message: `the program has no entity '${type}'; runs in flight: ${count}` }];
  }
}

const NONE: readonly Finding[] = [];
