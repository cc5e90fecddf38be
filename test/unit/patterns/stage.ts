import type { AnyImplementation, Duration, SignalMessage } from 'perdure';
import type { Sent } from 'perdure/client';
import { type TestRuntime, testRuntime } from 'perdure/testing';
import { onTestFinished } from 'vitest';
import { Workers } from './work.ts';

const MAX_CRASHES = 100;

/**
 * Plays a scenario twice: without a crash, and with one after every step of the test and after every attempt that has done its work but not yet
 * said so. What the scenario expects must hold both times. Throws what the scenario throws.
 */
export async function play(entities: readonly AnyImplementation[], scenario: (stage: Stage) => Promise<void>): Promise<void> {
  for (const crashes of [false, true]) {
    const workers = new Workers(crashes);
    const world = await testRuntime({ entities, activities: [workers.implementation], seed: 43 });
    onTestFinished(() => world.stop());
    try {
      await scenario(new Stage(world, workers, crashes));
    } catch (error) {
      if (crashes && error instanceof Error) error.message = `when the node crashes at every step: ${error.message}`;
      throw error;
    }
  }
}

/** The runtime of a scenario and who works for it. Each verb resolves when all that happens now has happened. */
export class Stage {
  readonly world: TestRuntime;
  readonly #workers: Workers;
  readonly #crashes: boolean;

  constructor(world: TestRuntime, workers: Workers, crashes: boolean) {
    this.world = world;
    this.#workers = workers;
    this.#crashes = crashes;
  }

  /** Names of the tasks that were carried out, in that order. */
  get trace(): readonly string[] {
    return this.#workers.trace;
  }

  /** Names of the tasks that are being worked on, sorted: the held ones. */
  get open(): readonly string[] {
    return this.#workers.open;
  }

  send<O>(message: SignalMessage<O>): Promise<Sent<O>> {
    return this.#step(() => this.world.signal(message));
  }

  /** Sends an update that is answered in one turn. */
  ask<O>(message: SignalMessage<O>): Promise<O> {
    return this.#step(() => this.world.update(message));
  }

  /** Attempts of these tasks stay open until they are released. */
  hold(...names: readonly string[]): void {
    for (const name of names) this.#workers.hold(name);
  }

  /** Lets held tasks finish, one after the other. */
  async release(...names: readonly string[]): Promise<void> {
    for (const name of names) await this.#step(async () => this.#workers.release(name));
  }

  async advance(by: Duration): Promise<void> {
    await this.#step(() => this.world.advance(by));
  }

  async complete(token: string, result: unknown): Promise<void> {
    await this.#step(() => this.world.callback(token, { result }));
  }

  async #step<T>(act: () => Promise<T>): Promise<T> {
    const result = await act();
    await this.#settle();
    if (this.#crashes) {
      await this.#crash();
      await this.#settle();
    }
    return result;
  }

  /** A node takes up the attempts that another one lost within a second; five are enough for that and for a poll of the agenda. */
  async #settle(): Promise<void> {
    for (let crashes = 0; crashes < MAX_CRASHES; crashes += 1) {
      await this.world.advance(this.#crashes ? '5 seconds' : 0);
      if (!this.#workers.isCrashDue) return;
      await this.#crash();
    }
    throw new Error(`after ${MAX_CRASHES} crashes there is still work that nobody has recorded`);
  }

  async #crash(): Promise<void> {
    this.#workers.crash();
    await this.world.crash();
  }
}
