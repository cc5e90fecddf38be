import { invariant } from '../core/errors.ts';
import { emptyImage, type Image } from '../core/image.ts';
import type { HostContext } from './context.ts';
import type { Mailbox } from './mailbox.ts';
import { foldedUp, imageFromSnapshot } from './snapshot-image.ts';

/**
 * Rebuilds images from streams, a bounded number at once.
 *
 * Invariants:
 * Y1. At most `maxRehydrations` streams are read at once; what a caller waits for goes before what the agenda woke.
 * Y2. A snapshot is used only if the stream has, at its revision, a record of the turn that it names; else the whole stream is folded.
 */
export class Rehydrator {
  readonly #context: HostContext;
  readonly #finished: (mailbox: Mailbox, image: Image | undefined) => void;
  readonly #demanded: Mailbox[] = [];
  readonly #woken: Mailbox[] = [];
  #running = 0;

  /** `finished` is told of every mailbox: its image, or undefined if the stream could not be read (logged). */
  constructor(context: HostContext, finished: (mailbox: Mailbox, image: Image | undefined) => void) {
    this.#context = context;
    this.#finished = finished;
  }

  /** Number of entities being rehydrated or waiting for it. */
  get pending(): number {
    return this.#running + this.#demanded.length + this.#woken.length;
  }

  /** Queues a passive mailbox. */
  start(mailbox: Mailbox, demand: boolean): void {
    invariant(mailbox.phase === 'passive' || mailbox.phase === 'waiting', `rehydrating ${mailbox.stream} in phase ${mailbox.phase}`);
    mailbox.phase = 'rehydrating';
    (demand ? this.#demanded : this.#woken).push(mailbox);
    this.#next();
  }

  #next(): void {
    while (this.#running < this.#context.limits.maxRehydrations) {
      const mailbox = this.#demanded.shift() ?? this.#woken.shift();
      if (mailbox === undefined) return;
      this.#running += 1;
      void this.#run(mailbox);
    }
  }

  async #run(mailbox: Mailbox): Promise<void> {
    let image: Image | undefined;
    try {
      image = await this.#rebuild(mailbox);
      this.#context.counters.rehydrations += 1;
    } catch (error) {
      this.#context.log.error('rehydration-failed', { stream: mailbox.stream, error });
    }
    this.#running -= 1;
    this.#finished(mailbox, image);
    this.#next();
  }

  async #rebuild(mailbox: Mailbox): Promise<Image> {
    const { counters, log } = this.#context;
    const { definition, id, stream } = mailbox;
    const snapshot = await imageFromSnapshot(this.#context, definition, id);
    if (snapshot?.image !== undefined) {
      mailbox.snapshotBytes = snapshot.bytes;
      counters.snapshotsUsed += 1;
      counters.rehydratedRecords += snapshot.image.sinceSnapshot;
      return snapshot.image;
    }
    if (snapshot !== undefined) log.warn('snapshot-void', { stream });
    const image = emptyImage(definition, id);
    await foldedUp(this.#context, image);
    counters.rehydratedRecords += image.books.revision + 1;
    return image;
  }
}
