import { type Commit, JOURNAL_PREFIX, type NewRecord, type Revision, type SourceMark } from '../core/record.ts';
import type { HostContext } from './context.ts';

/** The stream of dead letters of a store without Kafka. */
export const DEAD_LETTERS = 'perdure.dead-letters';

/** What could not be delivered: all that is needed to understand it and send it again. */
export interface DeadLetter {
  readonly type: string;
  readonly id: string;
  readonly name: string;
  readonly payload: unknown;
  readonly signalId: string;
  readonly mark: SourceMark | null;
  readonly code: string;
  readonly message: string;
}

/**
 * Appends dead letters, one after another.
 *
 * Invariants:
 * D1. `put` resolves when the letter is durable; it is tried again until then, so the source of the message does not move past it before.
 */
export class DeadLetters {
  readonly #context: HostContext;
  #revision: Revision | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(context: HostContext) {
    this.#context = context;
  }

  /** Records one letter. */
  put(letter: DeadLetter): Promise<void> {
    this.#last = this.#last.then(() => this.#append(letter));
    return this.#last;
  }

  async #append(letter: DeadLetter): Promise<void> {
    const { clock, counters, entropy, log, store } = this.#context;
    const records: readonly NewRecord[] = [{ type: `${JOURNAL_PREFIX}DeadLetter`, data: letter, meta: {} }];
    for (let commit: Commit | undefined; ; ) {
      this.#revision ??= await store.headRevision(DEAD_LETTERS);
      commit ??= { stream: DEAD_LETTERS, expectedRevision: this.#revision, turnId: entropy.turnId(), time: clock.now(), records };
      const sent = commit;
      const outcome = await new Promise<string>((resolve) => store.append([sent], (_commit, told) => resolve(told.kind)));
      if (outcome === 'committed') break;
      // Unknown: the very same commit again, or the letter might be there twice. Otherwise it is not there: anew, behind the head.
      if (outcome !== 'unknown') {
        commit = undefined;
        this.#revision = undefined;
      }
      log.warn('dead-letter-delayed', { outcome });
      await new Promise<void>((resolve) => void clock.after(1_000, resolve));
    }
    this.#revision = (this.#revision ?? -1) + 1;
    counters.deadLetters += 1;
    const { payload: _payload, ...logged } = letter;
    log.warn('dead-letter', { ...logged });
  }
}
