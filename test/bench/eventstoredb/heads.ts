import type { Revision, StreamName } from '../../../runtime/core/record.ts';

/** The streams of a closed loop, and how far each is: a stream has one append out at a time, so what was sent is what will stand. */
export class Heads {
  readonly #revisions = new Map<number, Revision>();

  /** The stream of a key with the revision that an append of one event must expect. */
  next(key: number): { readonly stream: StreamName; readonly expected: Revision } {
    const expected = this.#revisions.get(key) ?? -1;
    this.#revisions.set(key, expected + 1);
    return { stream: `ledger-${key}`, expected };
  }
}
