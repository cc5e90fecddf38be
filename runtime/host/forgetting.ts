import { invariant } from '../core/errors.ts';
import type { Image } from '../core/image.ts';
import { type Position, type Revision, type StreamName, streamOf } from '../core/record.ts';
import type { HostContext } from './context.ts';

/** What forgetting needs of the outbox. */
export interface Sends {
  /** Resolves when every send recorded before or at a position has reached its receiver. */
  passed(position: Position): Promise<void>;
}

/**
 * The second half of forgetting an entity: once `Forgotten` is durable, its records are made unreadable.
 *
 * Invariants:
 * W1. Nothing is removed before the outbox has carried out what the entity had sent.
 * W2. It is owed until it is done: a forgotten entity stays on the agenda, which repeats it after a crash; repeating it changes nothing.
 */
export class Forgetting {
  readonly #context: HostContext;
  readonly #sends: Sends;
  /** Streams being forgotten now. */
  readonly #running = new Map<string, Promise<void>>();

  constructor(context: HostContext, sends: Sends) {
    this.#context = context;
    this.#sends = sends;
  }

  /** Removes the records of an entity whose image is forgotten; resolves when they are gone. */
  run(image: Image): Promise<void> {
    const stream = streamOf(image.definition.type, image.id);
    invariant(image.books.forgotten, `${stream} is not forgotten`);
    let running = this.#running.get(stream);
    if (running === undefined) {
      running = this.#forget(stream, image.books.forgottenAt, image.position).finally(() => this.#running.delete(stream));
      this.#running.set(stream, running);
    }
    return running;
  }

  async #forget(stream: StreamName, revision: Revision, position: Position): Promise<void> {
    await this.#sends.passed(position);
    await this.#context.store.forget(stream, revision);
    this.#context.log.info('forgotten', { stream, revision });
  }
}
