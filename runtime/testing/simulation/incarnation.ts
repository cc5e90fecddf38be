import type { Clock } from '../../ports/clock.ts';
import type { World } from './world.ts';

/**
 * One life of a node: from its start to its crash or its end.
 *
 * Invariants:
 * L1. After `end` none of its steps runs: what it had planned is dropped, what it waits for never comes.
 */
export class Incarnation {
  readonly name: string;
  readonly world: World;
  /** What its wall clock shows beyond virtual time; changed by jumps. */
  skewMs = 0;
  #alive = true;
  readonly #onEnd: (() => void)[] = [];

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Plans a step of this life (L1). */
  plan(label: string, delayMs: number, run: () => void): () => void {
    return this.world.plan(`${this.name} ${label}`, delayMs, () => {
      if (this.#alive) run();
    });
  }

  /** Resolves `delayMs` from now, or never. */
  wait(label: string, delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.plan(label, delayMs, resolve));
  }

  /** Adds a fact to the trace, while it lives. */
  note(what: string, ...fields: readonly unknown[]): void {
    if (this.#alive) this.world.note(`${this.name} ${what}`, ...fields);
  }

  /** Calls back at the end; at once if it is over. */
  onEnd(run: () => void): void {
    if (this.#alive) this.#onEnd.push(run);
    else run();
  }

  end(): void {
    if (!this.#alive) return;
    this.#alive = false;
    for (const run of this.#onEnd.splice(0)) run();
  }
}

/** The clock of a node in a simulated world: its delays are virtual time, its wall clock may jump. */
export function simulatedClock(life: Incarnation): Clock {
  return {
    now: () => life.world.nowMs + life.skewMs,
    after: (delayMs, run) => life.plan('timer', delayMs, run),
    soon: (run) => void life.plan('soon', 0, run),
  };
}
