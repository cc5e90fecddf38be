import { PerdureError } from '../errors.ts';
import type { RecordMeta } from '../record.ts';
import type { TurnContext } from '../turn/context.ts';
import type { RunHost, RunScope } from './scope.ts';

/** What is fixed for a run, however often its handler is executed. */
export interface RunIdentity {
  readonly type: string;
  readonly entityId: string;
  readonly id: string;
  readonly name: string;
  readonly seed: string;
  /** Metadata of every record that it writes. */
  readonly meta: RecordMeta;
  readonly chain: readonly string[];
  /** Lines that it went through by its history: change to the segment that did so first. */
  readonly versions: ReadonlyMap<string, number>;
}

/**
 * The segments of one execution: which is open, and what user code stands in while it is.
 *
 * Invariants:
 * S1. User code asks for things only inside an open segment; outside it every use fails and spoils the run.
 */
export class Segments {
  /** The first error that the execution raised itself: a defect even if user code catches it. */
  poison: unknown;
  isReplaying = false;
  /** Place of the open segment among all of the run, from 0. */
  index = -1;
  readonly scope: RunScope;
  readonly #identity: RunIdentity;
  #open: TurnContext | undefined;

  constructor(identity: RunIdentity, host: RunHost) {
    this.#identity = identity;
    const { type, entityId, id, name } = identity;
    const unhandled = (error: unknown) => host.tell('rejection-unhandled', { type, id: entityId, run: id, name, error });
    this.scope = { nowMs: 0, seed: identity.seed, unhandled };
  }

  /** What the open segment asks for goes here (S1). Throws `turn-over`. */
  get context(): TurnContext {
    if (this.#open !== undefined) return this.#open;
    throw this.spoilt(new PerdureError('turn-over', 'a run used its context while it waited: something other than the run had woken it'));
  }

  /** Opens the next segment, in a context that collects what it asks for, made for the seed of its randomness. */
  open(makeContext: (seed: string) => TurnContext, nowMs: number, isReplaying: boolean): TurnContext {
    this.index += 1;
    const { seed, id } = this.#identity;
    const own = `${seed}/${id}/${this.index}`;
    const context = makeContext(own);
    this.#open = context;
    this.scope.nowMs = nowMs;
    this.scope.seed = own;
    this.isReplaying = isReplaying;
    return context;
  }

  close(): void {
    this.#open?.close();
    this.#open = undefined;
  }

  /** Makes an error the run's defect, whatever user code does with it. */
  spoilt(error: unknown): unknown {
    this.poison ??= error;
    return error;
  }
}
