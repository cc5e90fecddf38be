import type { Answer } from '../core/answer.ts';
import type { EntityDefinition } from '../core/definition/erased.ts';
import type { Position, Revision } from '../core/record.ts';
import type { Delivery } from '../ports/signal-bus.ts';

/**
 * What the edges (HTTP, client in process, CLI, tests) may ask of a host. Everything that is one per signal takes a callback, so that a tick
 * answers its whole batch without a promise each; what operators ask returns promises. Promises reject with PerdureError.
 */
export interface HostSurface {
  readonly storeId: string;
  /** Registered entity types, by type. */
  readonly definitions: ReadonlyMap<string, EntityDefinition>;

  /** Puts a signal or update into the mailbox of its entity; unknown types and names, limits and drain are answered, not thrown. */
  deliver(delivery: Delivery): void;
  /**
   * Takes an update back whose caller has stopped waiting. True: it had not been taken and never will be. False: it was taken and goes on.
   * Its `done` is not called any more either way.
   */
  withdraw(delivery: Delivery): boolean;

  /**
   * Evaluates a declared query. Without `strong` on the entity's last durable state; with it, in mailbox order and confirmed by the store.
   * Answer `done` carries the value. An entity without a stream answers from its initial state.
   */
  query(request: QueryRequest, done: (answer: Answer) => void): void;

  /** What is known of an entity. Rejects `not-found` without a stream, `forgotten`. */
  view(type: string, id: string, options: { readonly strong: boolean }): Promise<EntityView>;
  /** Decoded records from a revision on, at most `limit`. Rejects `not-found` without a stream. */
  history(type: string, id: string, from: Revision, limit: number): Promise<HistoryPage>;
  /** Status and outcome of the run that a signal id opened; waits up to `waitMs` for it to end or stall. Rejects `unknown-run`. */
  run(type: string, id: string, signalId: string, options: { readonly waitMs: number }): Promise<RunView>;
  /**
   * Completes or fails a callback. Told again the same, it answers the same. Rejects `malformed-request` for what is no token, `callback-forged`,
   * `callback-closed`, `callback-completed`, `invalid-payload`, `unknown-entity-type`, `parked`, `paused`, `forgotten`.
   */
  callback(request: CallbackRequest): Promise<CallbackView>;
  /** An operator's verb, recorded with who asked. Rejects `not-parked`, `not-paused`, `not-found`, `unknown-run`, `malformed-request`, `forgotten` … */
  admin(request: AdminRequest): Promise<EntityView>;

  status(): HostStatus;
  metrics(): HostMetrics;
}

export interface QueryRequest {
  readonly type: string;
  readonly id: string;
  readonly name: string;
  /** Not validated. */
  readonly input: unknown;
  readonly strong: boolean;
}

export interface CallbackRequest {
  readonly token: string;
  readonly outcome: { readonly result: unknown } | { readonly error: { readonly code: string; readonly message: string } };
}
/** Where a callback belongs, and that it is durable. */
export interface CallbackView {
  readonly type: string;
  readonly id: string;
  readonly run: string;
  readonly position: Position;
}

export interface OpenRunView {
  readonly signalId: string;
  readonly name: string;
  readonly status: 'queued' | 'running' | 'stalled';
  /** Milliseconds since 1970. */
  readonly since: number;
  /** Why it stalled. */
  readonly problem?: { readonly code: string; readonly message: string; readonly details?: unknown };
}

/** Something an entity owes. */
export interface OwedView {
  readonly kind: 'timer' | 'sleep' | 'until' | 'callback' | 'activity' | 'query' | 'call';
  /** Of a timer, an activity, or a message (`type/id name`). */
  readonly name: string;
  /** Key of a timer; else the number of the call in its run. */
  readonly key: string;
  /** When it is due, milliseconds since 1970; of an activity, its next attempt. Null if time does not bring it. */
  readonly dueAt: number | null;
  readonly run?: string;
  /** Attempts that failed, and why the last one did. */
  readonly failures?: number;
  readonly lastFailure?: { readonly code: string; readonly message: string };
  /** What the last heartbeat told. */
  readonly progress?: unknown;
}

export interface EntityView {
  readonly type: string;
  readonly id: string;
  /** Null if it cannot be folded. */
  readonly state: unknown;
  readonly revision: Revision;
  readonly position: Position;
  /** Open runs. */
  readonly runs: readonly OpenRunView[];
  /** What the entity owes, soonest first. Times are milliseconds since 1970. */
  readonly owes: readonly OwedView[];
  readonly parked: {
    readonly reason: string;
    /** The signal or timer that failed first. */
    readonly signal: string | null;
    readonly message: string;
    readonly since: number;
    /** Number of held messages, the failed one included. */
    readonly held: number;
  } | null;
  readonly paused: { readonly by: string; readonly why: string; readonly since: number } | null;
}

export interface HistoryPage {
  readonly events: readonly {
    readonly revision: Revision;
    readonly position: Position;
    readonly type: string;
    readonly data: unknown;
    readonly metadata: unknown;
    /** Turn time, milliseconds since 1970. */
    readonly time: number;
  }[];
  /** Revision to go on from; undefined at the head. */
  readonly next: Revision | undefined;
}

export interface RunView {
  readonly signalId: string;
  readonly name: string;
  readonly status: 'held' | 'queued' | 'running' | 'stalled' | 'completed' | 'rejected' | 'failed' | 'cancelled' | 'terminated';
  readonly result?: unknown;
  /** `by`: who said no, of a rejected run. */
  readonly problem?: { readonly code: string; readonly message: string; readonly details?: unknown; readonly by?: string };
  /** Covers what it wrote; absent while it is open. */
  readonly position?: Position;
}

export type AdminVerb = 'retry' | 'skip' | 'edit' | 'pause' | 'resume' | 'cancel' | 'terminate' | 'forget';
export interface AdminRequest {
  readonly type: string;
  readonly id: string;
  readonly verb: AdminVerb;
  /** Who asks: recorded. */
  readonly by: string;
  /** Why: recorded. */
  readonly why: string;
  /** `cancel`, `terminate` and `retry` of stalled runs: signal id of the run; all open ones if absent. */
  readonly run?: string;
  /** `edit`: the payload that replaces the first held signal's. */
  readonly payload?: unknown;
}

export interface HostStatus {
  readonly state: 'starting' | 'running' | 'draining' | 'stopped' | 'failed';
  /** Why it is not ready; empty when it is. */
  readonly reasons: readonly string[];
}

/** Plain numbers, read by the metrics endpoint. Counters only grow; gauges say what is. Keyed by name, optionally with one label. */
export interface HostMetrics {
  readonly counters: Readonly<Record<string, number>>;
  readonly gauges: Readonly<Record<string, number>>;
}
