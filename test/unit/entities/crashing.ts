import { setImmediate as breath } from 'node:timers/promises';
import type { TestRuntime } from 'perdure/testing';
import { expect, onTestFinished } from 'vitest';

/** What is played over and over. */
export interface Scenario {
  /** A new world, ready for `act`. */
  readonly world: () => Promise<TestRuntime>;
  /** What may be cut off at any step. Where it waits, the test runtime asks the next node. */
  readonly act: (world: TestRuntime) => Promise<unknown>;
  /** What must hold afterwards, wherever the crash came. */
  readonly holds: (world: TestRuntime) => Promise<void>;
}

const STEPS_PER_BREATH = 64;
const MAX_STEPS = 2_000;

/** Plays a scenario in new worlds, each time with a crash one step of the process later, until it ends before its crash comes. */
export async function crashedAtEveryStep({ world: start, act, holds }: Scenario): Promise<void> {
  for (let steps = 0; steps < MAX_STEPS; steps += 1) {
    const world = await start();
    onTestFinished(() => world.stop());
    let isOver = false;
    const acting = act(world).finally(() => {
      isOver = true;
    });
    const crashing = (async () => {
      await stepped(steps, () => isOver);
      if (isOver) return false;
      await world.crash();
      return true;
    })();
    const [, hasCrashed] = await Promise.all([acting, crashing]);
    try {
      await holds(world);
    } catch (error) {
      if (error instanceof Error) error.message = `after a crash at step ${steps}: ${error.message}`;
      throw error;
    }
    await world.stop();
    if (!hasCrashed) {
      expect(steps, 'a scenario that is over at once has not been crashed').toBeGreaterThan(3);
      return;
    }
  }
  throw new Error(`the scenario is not over after ${MAX_STEPS} steps`);
}

/** Lets the process do so many steps, and now and then what only comes between them. */
async function stepped(steps: number, isOver: () => boolean): Promise<void> {
  for (let n = 1; n <= steps && !isOver(); n += 1) {
    if (n % STEPS_PER_BREATH === 0) await breath();
    else await new Promise<void>((resolve) => process.nextTick(resolve));
  }
}
