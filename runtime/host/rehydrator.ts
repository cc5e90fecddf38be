import { invariant } from '../core/errors.ts';
import { emptyImage, foldTurn, type Image } from '../core/image.ts';
import type { StoredTurn } from '../core/record.ts';
import { Warming } from '../core/run/warm.ts';
import { decodeSnapshot } from '../core/snapshot.ts';
import type { HostContext } from './context.ts';
import type { Mailbox } from './mailbox.ts';

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
    const { store, freeze } = this.#context;
    const bytes = await store.loadSnapshot(mailbox.stream);
    const snapshot = bytes === undefined ? undefined : decodeSnapshot(mailbox.definition, mailbox.id, bytes, freeze);
    if (snapshot !== undefined) {
      mailbox.snapshotBytes = bytes?.byteLength ?? 0;
      const image = (await this.#warm(mailbox, snapshot)) ? await this.#fold(mailbox, snapshot) : undefined;
      if (image !== undefined) {
        this.#context.counters.snapshotsUsed += 1;
        return image;
      }
      this.#context.log.warn('snapshot-void', { stream: mailbox.stream });
    }
    return (await this.#fold(mailbox, emptyImage(mailbox.definition, mailbox.id))) ?? emptyImage(mailbox.definition, mailbox.id);
  }

  /** Reads the inputs of runs that the snapshot holds without them. False if the stream does not have them. */
  async #warm(mailbox: Mailbox, image: Image): Promise<boolean> {
    const { store, freeze, guard } = this.#context;
    if (!image.books.hasRuns) return true;
    for (const run of image.books.runs.open.values()) {
      if (run.cold === undefined) continue;
      const warming = new Warming(mailbox.definition, mailbox.id, run);
      for await (const page of store.readStream(mailbox.stream, run.startRevision)) {
        for (const turn of page) guard.run(turn.time, turn.turnId, () => warming.fold(turn, image.books.revision, freeze));
        if ((page.at(-1)?.firstRevision ?? 0) > image.books.revision) break;
      }
      if (!warming.finish()) return false;
    }
    return true;
  }

  /** Folds the stream from where the image stands; undefined if the stream does not have the record that the image ends with (Y2). */
  async #fold(mailbox: Mailbox, image: Image): Promise<Image | undefined> {
    const { store, freeze, counters, guard } = this.#context;
    let checked = image.books.revision < 0;
    for await (const page of store.readStream(mailbox.stream, Math.max(image.books.revision, 0))) {
      for (const turn of page) {
        if (!checked && !endsWith(turn, image)) return undefined;
        checked = true;
        const before = image.books.revision;
        if (turn.firstRevision + turn.records.length - 1 > before) guard.run(turn.time, turn.turnId, () => foldTurn(image, turn, freeze));
        counters.rehydratedRecords += image.books.revision - before;
      }
    }
    return checked ? image : undefined;
  }
}

function endsWith(turn: StoredTurn, image: Image): boolean {
  const { revision } = image.books;
  return turn.turnId === image.turnId && turn.firstRevision <= revision && revision < turn.firstRevision + turn.records.length;
}
