import type { AnyDurableHandler } from '../definition/types.ts';
import { isPerdureError, PerdureError } from '../errors.ts';
import { journal, type ScheduledCall, type SentSignal, type StallReason } from '../journal.ts';
import { LIMITS } from '../limits.ts';
import { CancelledError, isRejection } from '../rejection.ts';
import type { TurnContext } from '../turn/context.ts';
import { Awaited } from './awaited.ts';
import { Idlers } from './idlers.ts';
import type { Trigger } from './open-run.ts';
import { decodeOutcome } from './outcome.ts';
import { Patches } from './patches.ts';
import { PendingCalls, type Waiting } from './pending-calls.ts';
import type { RunHost } from './scope.ts';
import { type RunIdentity, Segments } from './segments.ts';

/** How a handler ended. `hasWaited`: a saga of the run was open then, and has ended since (E5). */
export type Settled = { readonly hasWaited: boolean } & (
  | { readonly kind: 'returned'; readonly value: unknown }
  | { readonly kind: 'threw'; readonly error: unknown }
);

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
 * E2. User code asks for things only inside an open segment (S1 of segments.ts).
 * E3. A promise settles only by a trigger (or at a point of the drain that is the same in every execution), never by time or I/O.
 * E4. Cancellation is delivered once: to the waits that are open, or instead of the next thing started.
 * E5. A handler has settled when its sagas have ended too, each finished or undone. Only a defect does not wait: it stalls the run as it stands.
 */
export class RunExecution {
  readonly identity: RunIdentity;
  readonly host: RunHost;
  readonly segments: Segments;
  readonly calls = new PendingCalls();
  readonly idlers = new Idlers();
  settled: Settled | undefined;
  /** Sagas in no other saga that have not ended. */
  openSagas = 0;
  /** The handler asked to stop here until an operator says otherwise. */
  stall: StallReason | undefined;
  /** Was the run asked to stop, and is it still to be told? */
  readonly cancellation = { isAsked: false, isDue: false };
  /** Items that `map` started in this segment, and the break that it shares when these are too many. */
  readonly mapping: { starts: number; turnBreak: Promise<unknown> | undefined } = { starts: 0, turnBreak: undefined };
  readonly #patches = new Patches();

  constructor(identity: RunIdentity, host: RunHost) {
    this.identity = identity;
    this.host = host;
    this.segments = new Segments(identity, host);
  }

  /** Opens the next segment. */
  open(makeContext: (seed: string) => TurnContext, nowMs: number, isReplaying: boolean): TurnContext {
    this.mapping.starts = 0;
    this.stall = undefined;
    this.calls.predicates.renew();
    return this.segments.open(makeContext, nowMs, isReplaying);
  }

  /** Starts the handler. */
  start(handler: AnyDurableHandler, context: unknown, input: unknown): void {
    const threw = (error: unknown) => {
      if (endsRun(error)) this.#settle({ kind: 'threw', error, hasWaited: this.openSagas > 0 });
      else this.settled = { kind: 'threw', error, hasWaited: false };
    };
    try {
      const returned: unknown = this.host.scoped(this.segments.scope, () => handler(context, input));
      Promise.resolve(returned).then((value: unknown) => this.#settle({ kind: 'returned', value, hasWaited: this.openSagas > 0 }), threw);
    } catch (error) {
      threw(error);
    }
  }

  #settle(settled: Settled): void {
    if (!settled.hasWaited) this.settled = settled;
    else
      void this.idlers
        .until(() => this.openSagas === 0)
        .then(() => {
          this.settled = settled;
        });
  }

  /** Hands a trigger (other than `started`) to the promises that wait for it. */
  deliver(trigger: Exclude<Trigger, { kind: 'started' }>): void {
    if (trigger.kind === 'resolved') {
      const waiting = this.calls.take(trigger.call);
      const decoded = waiting === undefined ? undefined : decodeOutcome(trigger.outcome, waiting, this);
      if (decoded?.ok === true) waiting?.resolve(decoded.value);
      else if (decoded?.ok === false) waiting?.reject(decoded.error);
    } else if (trigger.kind === 'resumed') {
      for (const waiting of this.calls.takeAll('resume')) waiting.resolve(undefined);
    } else {
      this.cancellation.isAsked = true;
      this.cancellation.isDue = trigger.closes.length === 0;
      for (const call of trigger.closes) this.calls.take(call)?.reject(new CancelledError());
    }
  }

  /**
   * Asks for something and waits for it; `record` makes what is recorded of it, given its number. If a cancellation is due, the promise rejects with it
   * and nothing is asked for: there is no number (E4). Throws `too-many-calls`.
   */
  wait(waiting: Waiting, record: (call: number) => Asked, bytes: number, shielded = false): Begun {
    const { calls, cancellation, identity, segments } = this;
    const { context } = segments;
    if (cancellation.isDue && !shielded) {
      cancellation.isDue = false;
      return { promise: new Awaited<unknown>((_resolve, reject) => reject(new CancelledError())), call: undefined };
    }
    if (calls.size >= LIMITS.maxCallsPerRun) {
      throw segments.spoilt(new PerdureError('too-many-calls', `the run waits for ${calls.size} things at once; bound it, with map say`));
    }
    const call = calls.next();
    const made = record(call);
    context.add(
      'sent' in made ? journal('SignalSent', made.sent, identity.meta) : journal('Scheduled', made.scheduled, identity.meta),
      bytes + 48,
    );
    return { promise: calls.add(call, waiting), call };
  }

  /** Does the run go through this line the new way? Marks the first time that it does. */
  patched(change: string): boolean {
    const { context, index, isReplaying } = this.segments;
    const way = this.#patches.pass(change, this.identity.versions.get(change), index, isReplaying);
    if (way === 'first') context.add(journal('VersionMarked', { change }, this.identity.meta), change.length + 48);
    return way !== 'old';
  }
}

/** Is it one of the ends of a run, and no defect? */
function endsRun(error: unknown): boolean {
  return isRejection(error) || isPerdureError(error, 'cancelled');
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
