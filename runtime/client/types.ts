import type { Address, Duration, Projection, QueryMessage, SignalMessage } from '../core/definition/types.ts';

/**
 * What another service, a browser or a test does with entities: six verbs over messages. Knows contracts only.
 *
 * Problems of the runtime are thrown as PerdureError with their code, an entity's "no" as Rejection (`Cart.rejected(error, 'cart-closed')`).
 */
export interface Client {
  /**
   * Sends a signal. Durable once this resolves; does not wait for what it leads to. Repeated with its id until it is, within `timeout`. A `once` signal
   * that was accepted before has no effect; what it resolves with names the first one, whose outcome stands.
   */
  signal<O>(message: SignalMessage<O>, options?: SendOptions): Promise<Sent<O>>;
  /**
   * Sends many, in the order of the list. If some fail, the others have been sent; what is thrown is the first one's error, with a BatchFailure
   * as its `details`.
   */
  signal(messages: readonly SignalMessage[], options?: BatchOptions): Promise<readonly Sent<unknown>[]>;
  /**
   * Sends an update and waits for its result. Repeated with its id while the connection is lost, the node is busy or the outcome unknown, so it
   * takes effect at most once. Throws Rejection; `update-timeout` or `withdrawn` when the time is up, with `details.signalId` to join it by.
   */
  update<O>(message: SignalMessage<O>, options?: SendOptions): Promise<O>;
  /** Evaluates a query. `strong`: in mailbox order; else on the last durable state. */
  query<O>(message: QueryMessage<O>, options?: QueryOptions): Promise<O>;
  /**
   * Waits for the outcome of a run that a signal opened. Throws Rejection, and PerdureError: `cancelled`, `terminated`, `run-stalled` with
   * `{run, code, message, details?}` as details when it stopped at a defect, `update-timeout` when the time is up, `unknown-run`, `outcome-expired`.
   */
  outcome<O>(sent: Sent<O>, options?: WaitOptions): Promise<O>;
  /** How far a run is. Throws `unknown-run`. */
  status(sent: Sent<unknown>): Promise<RunStatus>;
  /**
   * Completes or fails a callback; the token is all that is needed. Told again the same, it resolves again. Throws `callback-completed` if it was completed
   * otherwise, `callback-closed` if nobody waits any more, `callback-forged`, `invalid-payload` with what does not fit as details.
   */
  callback(token: string, completion: Completion, options?: WaitOptions): Promise<Completed>;
  /** The rows of a projection. Reads wait until they show what this client wrote. */
  rows<R, X extends string>(projection: Projection<R, X>): Rows<R, X>;
  /** Tokens of the newest changes that this client was told of, as one text; undefined before the first. */
  readonly position: string | undefined;
  /** A client with a memory of its own for read-your-writes, which starts from `position` (a `position` of this or another client). */
  session(position?: string): Client;
}

/** A signal that is durable. Plain data: it may be stored and used by another client. */
export interface Sent<O> extends Address {
  readonly name: string;
  readonly signalId: string;
  readonly position: string | undefined;
  /** Type only: what `outcome` resolves with. */
  readonly outcome?: { readonly of: O } | undefined;
}

export interface WaitOptions {
  /** Longest wait, repetitions included; 30 s without it. */
  readonly timeout?: Duration;
  /** Stops waiting; throws its reason. What was sent may take effect. */
  readonly signal?: AbortSignal;
}
export interface SendOptions extends WaitOptions {
  /** Id of the signal: sent twice with one id, it takes effect once. Made by the client if absent. */
  readonly id?: string;
}
export interface BatchOptions extends WaitOptions {
  /** One id per message, in their order. */
  readonly ids?: readonly string[];
}
export interface QueryOptions extends WaitOptions {
  readonly consistency?: 'strong' | 'cached';
}

/** How a callback ends: its result, or an error, which its run sees as a rejection with this code (`[a-z][a-z0-9-]*`, none of the runtime's). */
export type Completion = { readonly result: unknown } | { readonly error: { readonly code: string; readonly message: string } };

/** The run that waited for a callback; its position is remembered, so that reads wait for it. */
export interface Completed extends Address {
  /** Signal id of the run. */
  readonly run: string;
}

/** `held`, `queued` and `running` runs go on by themselves, `stalled` ones when an operator retries them; all others have ended. */
export type RunStatus = 'held' | 'queued' | 'running' | 'stalled' | 'completed' | 'rejected' | 'failed' | 'cancelled' | 'terminated';

/** What a list of signals fails with: the places that failed and why, and what was sent. */
export interface BatchFailure {
  readonly failures: readonly { readonly index: number; readonly code: string; readonly message: string; readonly signalId: string }[];
  readonly sent: readonly (Sent<unknown> | undefined)[];
}

export interface Rows<R, X extends string> {
  /** One row, undefined if absent. */
  get(key: string, options?: WaitOptions): Promise<R | undefined>;
  find(query?: RowsQuery<X>, options?: WaitOptions): Promise<Page<R>>;
}

export type Scalar = string | number | boolean | null;

export interface RowsQuery<X extends string> {
  /** Without it rows are ordered by key. */
  readonly index?: X;
  /** Values of the index's first fields. */
  readonly equals?: readonly Scalar[];
  /** Inclusive bounds of the field after them; without an index, of the key (a text). */
  readonly from?: Scalar;
  readonly to?: Scalar;
  readonly descending?: boolean;
  /** 1 to 1 000; 100 without it. */
  readonly limit?: number;
  /** From the page before. */
  readonly cursor?: string;
}

export interface Page<R> {
  readonly rows: readonly R[];
  /** The keys of the rows, in their order. */
  readonly keys: readonly string[];
  /** Undefined on the last page. */
  readonly cursor: string | undefined;
}
