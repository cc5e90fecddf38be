import type { EntityDefinition } from '../definition/erased.ts';
import { emptyImage, foldTurn, type Image } from '../image.ts';
import type { StoredTurn } from '../record.ts';
import type { OpenRun } from './open-run.ts';

/**
 * Reads the inputs of a run that a snapshot held without them (cold) from its stream again: every turn from its `RunStarted` on, in order.
 */
export class Warming {
  readonly #run: OpenRun;
  readonly #image: Image;

  constructor(definition: EntityDefinition, id: string, run: OpenRun) {
    this.#run = run;
    this.#image = emptyImage(definition, id);
    this.#image.books.revision = run.startRevision - 1;
    this.#image.state = run.cold?.startState;
  }

  /** Takes the next turn; `upTo` is the revision that the snapshot ends with. */
  fold(turn: StoredTurn, upTo: number, freeze: (state: unknown, part: 'state') => unknown): void {
    const kept = upTo - turn.firstRevision + 1;
    if (kept > 0) foldTurn(this.#image, kept < turn.records.length ? { ...turn, records: turn.records.slice(0, kept) } : turn, freeze);
  }

  /** Gives the run its inputs. False if the stream does not have them. */
  finish(): boolean {
    const inputs = this.#image.books.runs.open.get(this.#run.id)?.inputs;
    if (inputs === undefined || this.#image.foldError !== undefined) return false;
    this.#run.inputs = inputs;
    this.#run.cold = undefined;
    return true;
  }
}
