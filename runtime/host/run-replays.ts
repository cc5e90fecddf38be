import { createHash } from 'node:crypto';
import type { EntityDefinition } from '../core/definition/erased.ts';
import type { Image } from '../core/image.ts';
import type { StallReason } from '../core/journal.ts';
import type { OpenRun } from '../core/run/open-run.ts';
import { handlerOf, revive } from '../core/run/replay.ts';
import type { RunHost } from '../core/run/scope.ts';
import type { TurnEnv } from '../core/turn/step.ts';
import { guard } from './guard.ts';

/** What runs are executed with once more. */
export interface RunReplayParts {
  readonly definitions: readonly EntityDefinition[];
  /** Names of the activities at hand. */
  readonly activities: readonly string[];
  /** Resolves when no microtask is left, however long their chains. */
  readonly drained: () => Promise<void>;
  /** As in the host that is to run them: checkedFreeze in development and tests, identity in production. */
  readonly freeze: TurnEnv['freeze'];
  /** Largest append, as in the host that is to run them. */
  readonly maxTurnBytes: number;
  /** Compares the data of what a run asks for too, not only what it asks for: stricter than a node is. */
  readonly isStrict: boolean;
}

/**
 * Recorded runs, executed once more beside any node.
 *
 * Invariants:
 * P1. A run is executed by the very replay that a node would use; nothing is written and nothing that it asks for takes effect.
 * P2. Of a run that stalled in a segment, that segment is left out: it left nothing to compare with, and a retry executes it anew.
 */
export class RunReplays {
  readonly #parts: RunReplayParts;
  readonly #host: RunHost;

  constructor(parts: RunReplayParts) {
    this.#parts = parts;
    const { definitions, activities } = parts;
    this.#host = {
      incarnation: 'replay',
      digest: (text) => createHash('sha256').update(text).digest('base64url').slice(0, DIGEST_LENGTH),
      scoped: (scope, work) => guard.scoped(scope, work),
      hasActivity: (name) => activities.includes(name),
      isQuery: (type, name) => definitions.some((one) => one.type === type && one.declarations.get(name)?.kind === 'query'),
      tell: () => undefined,
    };
  }

  /**
   * Executes a run of an image, open or ended, that has its inputs (not `cold`). Resolves with where it parts from what was recorded (`replay-diverged`,
   * both histories of that segment as details), undefined if it comes out as recorded.
   */
  async divergence(image: Image, run: OpenRun): Promise<StallReason | undefined> {
    const steps = revive(image, run, replayableInputs(run), this.#env(image), this.#parts.isStrict);
    for (let step = steps.next(); ; step = steps.next()) {
      if (step.done === true) return step.value.ok ? undefined : step.value.reason;
      await this.#parts.drained();
    }
  }

  #env({ books }: Image): TurnEnv {
    const { freeze, maxTurnBytes } = this.#parts;
    return { nowMs: books.lastTimeMs, turnId: 'replay', freeze, maxTurnBytes, runs: this.#host };
  }
}

/** 128 bits of base64url, as the host has it: callback tokens are inputs of what runs ask for. */
const DIGEST_LENGTH = 22;

/** How many inputs of a run can be compared (P2). */
export function replayableInputs({ inputs, stalled }: OpenRun): number {
  return inputs.length - (stalled?.resumes === 'segment' ? 1 : 0);
}

/** Has the definition a durable handler for a signal (or timer) that waits to be started? */
export function canStart(definition: EntityDefinition, name: string): boolean {
  return (['signal', 'timer'] as const).some((of) => handlerOf(definition, { name, of }) !== undefined);
}
