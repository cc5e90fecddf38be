import { type ActivityDeclaration, activityOf } from '../core/definition/activity.ts';
import { refuse } from '../core/definition/checks.ts';
import type { ActivityImplementation, ActivityInfo, ActivityLimits } from '../core/definition/types.ts';

/** An activity as the host performs it. */
export interface RegisteredActivity {
  readonly name: string;
  readonly declaration: ActivityDeclaration;
  readonly work: (input: unknown, info: ActivityInfo) => unknown;
  readonly limits: ActivityLimits;
}

/** The activities that this node performs, by name. */
export class Activities {
  readonly #byName = new Map<string, RegisteredActivity>();

  /** Throws `invalid-definition` for two activities of one name, and for what no `.implement(…)` made. */
  constructor(implementations: readonly ActivityImplementation[]) {
    for (const implementation of implementations) {
      const declaration = activityOf(implementation);
      const { activity: name, work, limits } = implementation;
      if (!isWork(work)) refuse(`activity ${name}: its implementation has no work`);
      if (this.#byName.has(name)) refuse(`activity ${name} is implemented twice: one program performs it in one way`);
      this.#byName.set(name, { name, declaration, work, limits });
    }
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** Undefined if this node has no such activity. */
  get(name: string): RegisteredActivity | undefined {
    return this.#byName.get(name);
  }
}

/** `.implement(…)` typed it, and the type was forgotten on the way here. */
function isWork(work: unknown): work is RegisteredActivity['work'] {
  return typeof work === 'function';
}
