import type { AnyDurableHandler, AnySchema, Meta } from '../definition/types.ts';
import { PerdureError } from '../errors.ts';
import { journal, type ScheduledCall, type SentSignal, type StallReason } from '../journal.ts';
import { LIMITS } from '../limits.ts';
import type { RecordMeta } from '../record.ts';
import { CancelledError } from '../rejection.ts';
import type { TurnContext } from '../turn/context.ts';
import { Awaited } from './awaited.ts';
import type { Trigger } from './open-run.ts';
import { type Decoded, decodeOutcome } from './outcome.ts';
import { Predicates } from './predicates.ts';
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

/** Something that the handler waits for. */
export interface Pending {
  readonly kind: 'signal' | 'activity' | 'query' | 'sleep' | 'until' | 'callback' | 'resume';
  readonly call: number;
  readonly name: string;
  readonly promise: Awaited<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
  /** `until`: what it waits for. */
  readonly predicate: ((state: unknown) => boolean) | undefined;
  /** `callback`: what a completion has to fit. */
  readonly output: AnySchema | undefined;
}

export type Settled = { readonly kind: 'returned'; readonly value: unknown } | { readonly kind: 'threw'; readonly error: unknown };

/** What is waited for, beside the record that asks for it. */
export type Waiting = Pick<Pending, 'kind' | 'name'> & Partial<Pick<Pending, 'predicate' | 'output'>>;

/** What is recorded of something that is waited for. */
export type Asked = { readonly sent: SentSignal } | { readonly scheduled: ScheduledCall };
/** Something that is waited for, and its number. */
export interface Begun {
  readonly promise: Awaited<unknown>;
  readonly call: number | undefined;
}

/**
 * One execution of a durable handler: its promise, and the promises that it was given. Segments are opened and closed from outside; between them nothing of
 * it runs.
 *
 * Invariants:
 * E1. Calls are numbered in the order in which the handler starts them, so a number means the same in every execution.
 * E2. User code asks for things only inside an open segment; outside it every use fails and spoils the run.
 * E3. A promise settles only by a trigger (or at a point of the drain that is the same in every execution), never by time or I/O.
 * E4. Cancellation is delivered once: to the waits that are open, or instead of the next thing started.
 */
export class RunExecution {
  readonly identity: RunIdentity;
  readonly host: RunHost;
  readonly pending = new Map<number, Pending>();
  /** Of those that are `until`s: however much else is open, only they are asked after each message. */
  readonly predicates = new Predicates();
  settled: Settled | undefined;
  /** The first error that the execution raised itself: a defect even if user code catches it. */
  poison: unknown;
  /** The handler asked to stop here until an operator says otherwise. */
  stall: StallReason | undefined;
  /** The run was asked to stop and does not know it yet. */
  cancelDue = false;
  cancelAsked = false;
  isReplaying = false;
  /** Items that `map` started in this segment, and the break that it shares when these are too many. */
  mapStarts = 0;
  turnBreak: Promise<unknown> | undefined;
  #segment: TurnContext | undefined;
  #index = -1;
  #calls = 0;
  #idlers: { readonly isReady: () => boolean; readonly resolve: () => void }[] = [];
  /** Lines `patched(change)` that it went through itself: as they were before the change, and as the first to do so. */
  readonly #unpatched = new Set<string>();
  readonly #patched = new Set<string>();
  readonly #unclaimed: Pending[] = [];
  readonly #scope: RunScope;

  constructor(identity: RunIdentity, host: RunHost) {
    this.identity = identity;
    this.host = host;
    const { type, entityId, id, name } = identity;
    const unhandled = (error: unknown) => host.tell('rejection-unhandled', { type, id: entityId, run: id, name, error });
    this.#scope = { nowMs: 0, seed: identity.seed, unhandled };
  }

  get meta(): Meta {
    const { id, meta } = this.identity;
    return { signalId: id, correlationId: meta.correlation ?? id, baggage: meta.baggage ?? {} };
  }

  /** The open segment (E2). Throws `turn-over`. */
  get segment(): TurnContext {
    if (this.#segment !== undefined) return this.#segment;
    const error = new PerdureError('turn-over', 'a run used its context while it waited: something other than the run had woken it');
    this.poison ??= error;
    throw error;
  }

  /** Opens the next segment, in a context that collects what it asks for, made for the seed of its randomness. */
  open(makeContext: (seed: string) => TurnContext, nowMs: number, isReplaying: boolean): TurnContext {
    this.#index += 1;
    const seed = `${this.identity.seed}/${this.identity.id}/${this.#index}`;
    const context = makeContext(seed);
    this.#segment = context;
    this.#scope.nowMs = nowMs;
    this.#scope.seed = seed;
    this.isReplaying = isReplaying;
    this.mapStarts = 0;
    this.stall = undefined;
    this.predicates.renew();
    return context;
  }

  /** Turn time of the open segment, milliseconds since 1970. */
  get nowMs(): number {
    return this.#scope.nowMs;
  }

  close(): void {
    this.#segment?.close();
    this.#segment = undefined;
  }

  /** Starts the handler. */
  start(handler: AnyDurableHandler, context: unknown, input: unknown): void {
    const settle = (settled: Settled) => {
      this.settled = settled;
    };
    try {
      const returned: unknown = this.host.scoped(this.#scope, () => handler(context, input));
      Promise.resolve(returned).then(
        (value: unknown) => settle({ kind: 'returned', value }),
        (error: unknown) => settle({ kind: 'threw', error }),
      );
    } catch (error) {
      settle({ kind: 'threw', error });
    }
  }

  /** Hands a trigger (other than `started`) to the promises that wait for it. */
  deliver(trigger: Exclude<Trigger, { kind: 'started' }>): void {
    if (trigger.kind === 'resolved') {
      const waiting = this.#take(trigger.call);
      if (waiting !== undefined) this.#settle(waiting, decodeOutcome(trigger.outcome, waiting, this));
    } else if (trigger.kind === 'resumed') {
      for (const waiting of [...this.pending.values()]) if (waiting.kind === 'resume') this.#take(waiting.call)?.resolve(undefined);
    } else {
      this.cancelAsked = true;
      this.cancelDue = trigger.closes.length === 0;
      for (const call of trigger.closes) this.#take(call)?.reject(new CancelledError());
    }
  }

  /** Calls of the waits that a cancellation would end now (E4). */
  get cancellable(): readonly number[] {
    return [...this.pending.values()].filter(({ kind }) => isWait(kind)).map(({ call }) => call);
  }

  /** After a drain: wakes who waited for it. True if somebody was, so there is more to drain. */
  woken(): boolean {
    if (this.#idlers.length === 0) return false;
    const ready = this.#idlers.filter(({ isReady }) => isReady());
    if (ready.length === 0) return false;
    this.#idlers = this.#idlers.filter((idler) => !ready.includes(idler));
    for (const { resolve } of ready) resolve();
    return true;
  }

  /** Resolves at the end of the first drain after which the condition holds (E3). */
  idle(isReady: () => boolean): Promise<void> {
    return new Promise((resolve) => this.#idlers.push({ isReady, resolve }));
  }

  /**
   * Asks for something and waits for it; `record` makes what is recorded of it, given its number. If a cancellation is due, the promise rejects with it
   * and nothing is asked for: there is no number (E4). Throws `too-many-calls`.
   */
  wait(waiting: Waiting, record: (call: number) => Asked, bytes: number, shielded = false): Begun {
    const { segment } = this;
    if (this.cancelDue && !shielded) {
      this.cancelDue = false;
      return { promise: new Awaited<unknown>((_resolve, reject) => reject(new CancelledError())), call: undefined };
    }
    if (this.pending.size >= LIMITS.maxCallsPerRun) {
      throw this.spoilt(
        new PerdureError('too-many-calls', `the run waits for ${this.pending.size} things at once; bound it, with map say`),
      );
    }
    this.#calls += 1;
    const call = this.#calls;
    const made = record(call);
    const { meta } = this.identity;
    segment.add('sent' in made ? journal('SignalSent', made.sent, meta) : journal('Scheduled', made.scheduled, meta), bytes + 48);
    return { promise: this.#pend(waiting, call), call };
  }

  #pend(waiting: Waiting, call: number): Awaited<unknown> {
    let settle: Pick<Pending, 'resolve' | 'reject'> | undefined;
    const promise = new Awaited<unknown>((resolve, reject) => {
      settle = { resolve, reject };
    });
    if (settle !== undefined) {
      const { kind, name, predicate, output } = waiting;
      this.pending.set(call, { kind, name, call, promise, resolve: settle.resolve, reject: settle.reject, predicate, output });
    }
    if (waiting.predicate !== undefined) this.predicates.add(call, waiting.predicate);
    return promise;
  }

  /** Idempotency key of a call. */
  key(call: number): string {
    return idempotencyKey(this.host, this.identity, call);
  }

  /** Is this a line that the run goes through by its history, or for the first time? Marks the latter. */
  patched(change: string): boolean {
    const { segment } = this;
    const first = this.identity.versions.get(change);
    if (this.#patched.has(change) || (first !== undefined && first <= this.#index)) return true;
    if (this.isReplaying || this.#unpatched.has(change)) {
      this.#unpatched.add(change);
      return false;
    }
    this.#patched.add(change);
    segment.add(journal('VersionMarked', { change }, this.identity.meta), change.length + 48);
    return true;
  }

  /** Makes an error the run's defect, whatever user code does with it. */
  spoilt(error: unknown): unknown {
    this.poison ??= error;
    return error;
  }

  /** Calls that nobody has awaited so far. */
  get abandoned(): readonly Pending[] {
    const isCall = ({ kind }: Pending) => kind === 'signal' || kind === 'activity' || kind === 'query';
    return [...this.#unclaimed, ...this.pending.values()].filter((waiting) => isCall(waiting) && !waiting.promise.isAwaited);
  }

  #take(call: number): Pending | undefined {
    const waiting = this.pending.get(call);
    this.pending.delete(call);
    this.predicates.delete(call);
    // It may still be awaited later.
    if (waiting !== undefined && !waiting.promise.isAwaited) this.#unclaimed.push(waiting);
    return waiting;
  }

  #settle({ resolve, reject }: Pending, decoded: Decoded): void {
    if (decoded.ok) resolve(decoded.value);
    else reject(decoded.error);
  }
}

/**
 * Idempotency key of a call: the same over attempts, restarts and executions, and no other's. 22 characters of base64url, whatever the run's id, so that it
 * may stand in a header.
 */
export function idempotencyKey(
  host: Pick<RunHost, 'digest'>,
  { seed, id }: { readonly seed: string; readonly id: string },
  call: number,
): string {
  return host.digest(`key/${seed}/${id}/${call}`);
}

/** Does waiting for it lose nothing when it is given up? */
function isWait(kind: Pending['kind']): boolean {
  return kind === 'sleep' || kind === 'until' || kind === 'callback';
}
