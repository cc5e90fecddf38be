import type { StoredTurn } from '../../../runtime/core/record.ts';
import type { EventStore, SubscribeOptions } from '../../../runtime/ports/event-store.ts';
import { placed } from '../../contract/event-store.ts';
import { within } from './world.ts';

/** A subscription that keeps all it is handed. */
export class Follower {
  readonly #turns: StoredTurn[] = [];
  readonly #subscription: ReturnType<EventStore['subscribe']>;
  readonly #ended: Promise<void>;
  #changed: (() => void)[] = [];
  #hasCaughtUp = false;
  #failure: unknown;

  constructor(store: EventStore, options: Partial<SubscribeOptions> = {}) {
    this.#subscription = store.subscribe({ from: 0, ...options });
    this.#ended = this.#read();
  }

  /** All records so far. */
  get records() {
    return placed(this.#turns);
  }

  /** The data of all records so far. */
  get data(): readonly unknown[] {
    return this.records.map(({ data }) => data);
  }

  /** Waits until it has caught up once. */
  async caughtUp(): Promise<this> {
    await this.until(() => this.#hasCaughtUp, 'a subscription catches up');
    return this;
  }

  /** Waits until `count` records have come, and returns the data of all that have. */
  async holds(count: number): Promise<readonly unknown[]> {
    await this.until(
      () => this.records.length >= count,
      () => `${count} records of a subscription (${this.records.length} came)`,
    );
    return this.data;
  }

  /** Waits for a condition, looked at after every batch. */
  async until(isMet: () => boolean, what: string | (() => string)): Promise<void> {
    const wait = async () => {
      while (!isMet()) {
        if (this.#failure !== undefined) throw this.#failure;
        await new Promise<void>((resolve) => this.#changed.push(resolve));
      }
    };
    await within(wait(), 'waiting').catch((error: unknown) => {
      throw new Error(typeof what === 'string' ? what : what(), { cause: error });
    });
  }

  /** Ends it, and waits for its end. */
  async close(): Promise<void> {
    this.#subscription.close();
    await within(this.#ended, 'the end of a subscription');
  }

  async #read(): Promise<void> {
    try {
      for await (const batch of this.#subscription) {
        this.#turns.push(...batch.turns);
        this.#hasCaughtUp ||= batch.caughtUp;
        this.#tell();
      }
    } catch (error) {
      this.#failure = error;
    }
    this.#tell();
  }

  #tell(): void {
    for (const resolve of this.#changed.splice(0)) resolve();
  }
}
