import { isDeepStrictEqual } from 'node:util';
import type { MemoryLog } from '../adapters/memory/event-store-log.ts';
import type { EntityDefinition } from '../core/definition/erased.ts';
import { PerdureError } from '../core/errors.ts';
import type { Image } from '../core/image.ts';
import { streamOf } from '../core/record.ts';
import type { OpenRun } from '../core/run/open-run.ts';
import type { EntityView } from '../host/surface.ts';
import type { Mishaps } from './mishaps.ts';
import { ReplayedRuns } from './replayed-runs.ts';
import { foldedImage } from './streams.ts';

export interface ReplayCheckParts {
  readonly log: MemoryLog;
  readonly definitions: readonly EntityDefinition[];
  readonly activities: readonly string[];
  readonly mishaps: Mishaps;
}

/**
 * What was done is done once more from what was recorded, and must come to the same: else it would come out differently after a crash.
 *
 * Invariants:
 * R1. The state that the host has in memory is what the stream folds to, from its first record on: else a mishap, code `determinism`.
 * R2. Every run, open or ended, asks again for what it asked for, segment by segment, payloads compared: else a mishap, code `replay-diverged`.
 * R3. A stream is checked again when it has grown by a quarter, so all checks together cost a few times what the work cost; at the end each is.
 */
export class ReplayChecks {
  readonly #parts: ReplayCheckParts;
  readonly #runs: ReplayedRuns;
  /** What the host showed of entities that have changed since they were checked. */
  readonly #changed = new Map<string, EntityView>();
  /** Records of each stream when it was last checked. */
  readonly #checked = new Map<string, number>();

  constructor(parts: ReplayCheckParts) {
    this.#parts = parts;
    this.#runs = new ReplayedRuns(parts.definitions, parts.activities);
  }

  /** The host shows an entity. */
  seen(view: EntityView): void {
    this.#changed.set(streamOf(view.type, view.id), view);
  }

  /** Checks what has changed and come to rest; all of it, or what is due by R3. What it finds are mishaps. */
  async inspect(all = false): Promise<void> {
    for (const [stream, view] of [...this.#changed]) {
      const records = view.revision + 1;
      if (!all && records < (this.#checked.get(stream) ?? 0) * 1.25) continue;
      this.#checked.set(stream, records);
      this.#changed.delete(stream);
      await this.#check(view);
    }
  }

  async #check(view: EntityView): Promise<void> {
    const { definitions, log, mishaps } = this.#parts;
    const definition = definitions.find(({ type }) => type === view.type);
    if (definition === undefined || view.parked?.reason === 'fold') return;
    const runs: OpenRun[] = [];
    const image = foldedImage(log, definition, view.id, (run) => runs.push(run));
    const divergence = stateDivergence(view, image) ?? (await this.#runs.divergence(image, [...runs, ...image.books.runs.open.values()]));
    if (divergence !== undefined) mishaps.add(divergence);
  }
}

function stateDivergence({ type, id, state, revision }: EntityView, image: Image): PerdureError | undefined {
  if (image.books.revision !== revision || isDeepStrictEqual(image.state, state)) return undefined;
  const [memory, folded] = [state, image.state].map((one) => JSON.stringify(one));
  const why = `a reducer depends on more than state and event: in memory the state is ${memory}, its stream folds to ${folded}`;
  return new PerdureError('determinism', `${type}/${id}: ${why}`);
}
