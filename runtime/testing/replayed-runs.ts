import type { EntityDefinition } from '../core/definition/erased.ts';
import { type ErrorCode, PerdureError } from '../core/errors.ts';
import type { Image } from '../core/image.ts';
import { LIMITS } from '../core/limits.ts';
import { checkedFreeze } from '../core/plain.ts';
import { streamOf } from '../core/record.ts';
import type { OpenRun } from '../core/run/open-run.ts';
import { RunReplays, replayableInputs } from '../host/run-replays.ts';
import { drained } from './drained.ts';

/** Executes recorded runs once more, each input of each run once. */
export class ReplayedRuns {
  readonly #replays: RunReplays;
  /** Inputs of each run that were executed again. */
  readonly #checked = new Map<string, number>();

  constructor(definitions: readonly EntityDefinition[], activities: readonly string[]) {
    const { maxTurnBytes } = LIMITS;
    this.#replays = new RunReplays({ definitions, activities, drained, freeze: checkedFreeze, maxTurnBytes, isStrict: true });
  }

  /** The first run that does not come out as it was recorded, as a PerdureError (`replay-diverged`). */
  async divergence(image: Image, runs: readonly OpenRun[]): Promise<PerdureError | undefined> {
    for (const run of runs) {
      const key = `${streamOf(image.definition.type, image.id)} ${run.id}`;
      const count = replayableInputs(run);
      if (run.cold || count <= (this.#checked.get(key) ?? 0)) continue;
      this.#checked.set(key, count);
      const reason = await this.#replays.divergence(image, run);
      if (reason === undefined) continue;
      // Told once: what comes after it diverges anyway.
      this.#checked.set(key, Number.POSITIVE_INFINITY);
      const { code, message, details } = reason;
      return new PerdureError(code as ErrorCode, `${image.definition.type}/${image.id}: ${message}`, details);
    }
    return undefined;
  }
}
