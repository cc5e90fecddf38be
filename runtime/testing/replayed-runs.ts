import { createHash } from 'node:crypto';
import type { EntityDefinition } from '../core/definition/erased.ts';
import { type ErrorCode, PerdureError } from '../core/errors.ts';
import type { Image } from '../core/image.ts';
import { LIMITS } from '../core/limits.ts';
import { checkedFreeze } from '../core/plain.ts';
import { streamOf } from '../core/record.ts';
import type { OpenRun } from '../core/run/open-run.ts';
import { revive } from '../core/run/replay.ts';
import type { RunHost } from '../core/run/scope.ts';
import { guard } from '../host/guard.ts';
import { drained } from './drained.ts';

/** Executes recorded runs once more, each input of each run once. */
export class ReplayedRuns {
  readonly #host: RunHost;
  /** Inputs of each run that were executed again. */
  readonly #checked = new Map<string, number>();

  constructor(definitions: readonly EntityDefinition[], activities: readonly string[]) {
    const isQuery = (type: string, name: string) =>
      definitions.some((one) => one.type === type && one.declarations.get(name)?.kind === 'query');
    this.#host = {
      incarnation: 'replay',
      digest: (text) => createHash('sha256').update(text).digest('base64url').slice(0, 22),
      scoped: (scope, work) => guard.scoped(scope, work),
      hasActivity: (name) => activities.includes(name),
      isQuery,
      tell: () => undefined,
    };
  }

  /** The first run that does not come out as it was recorded, as a PerdureError (`replay-diverged`). */
  async divergence(image: Image, runs: readonly OpenRun[]): Promise<PerdureError | undefined> {
    for (const run of runs) {
      const key = `${streamOf(image.definition.type, image.id)} ${run.id}`;
      // The segment that a stalled run stopped in left nothing, and is executed again by `retry`.
      const count = run.inputs.length - (run.stalled?.resumes === 'segment' ? 1 : 0);
      if (run.cold || count <= (this.#checked.get(key) ?? 0)) continue;
      this.#checked.set(key, count);
      const steps = revive(image, run, count, this.#env(image), true);
      for (;;) {
        const step = steps.next();
        if (step.done !== true) {
          await drained();
          continue;
        }
        if (step.value.ok) break;
        const { code, message, details } = step.value.reason;
        return new PerdureError(code as ErrorCode, `${image.definition.type}/${image.id}: ${message}`, details);
      }
    }
    return undefined;
  }

  #env({ books }: Image) {
    return { nowMs: books.lastTimeMs, turnId: 'replay', freeze: checkedFreeze, maxTurnBytes: LIMITS.maxTurnBytes, runs: this.#host };
  }
}
