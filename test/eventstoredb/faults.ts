import { Metadata } from '@grpc/grpc-js';
import type { FaultState } from './fault-state.ts';
import type { Log } from './log.ts';
import type { Refusal } from './refusals.ts';
import type { Sockets } from './sockets.ts';

/** An answer to an append that is not made. */
export type AppendError =
  | 'wrong-expected-version'
  | 'stream-deleted'
  | 'access-denied'
  | 'timeout'
  | 'not-ready'
  | 'too-busy'
  | 'no-leader'
  | 'maximum-append-size-exceeded'
  | 'bad-request';

/** What a call ends with. */
export interface CallStatus {
  readonly code: number;
  readonly details: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * What can be made to go wrong. Each method arms a fault or takes it back; `count` says for how many appends it holds. Those that concern
 * appends hold for BatchAppend and Append alike.
 */
export class Faults {
  readonly #state: FaultState;
  readonly #log: Log;
  readonly #sockets: Sockets;

  constructor(state: FaultState, log: Log, sockets: Sockets) {
    this.#state = state;
    this.#log = log;
    this.#sockets = sockets;
  }

  /** The append is not made and never answered. */
  dropBeforeCommit(count = 1): void {
    this.#state.dropsBefore.arm(true, count);
  }

  /** The append is made and never answered. */
  dropAfterCommit(count = 1): void {
    this.#state.dropsAfter.arm(true, count);
  }

  /** The append is made at once and answered `delayMs` later. */
  delayReplies(delayMs: number, count = 1): void {
    this.#state.delays.arm(delayMs, count);
  }

  /** The append is answered twice. */
  duplicateReply(count = 1): void {
    this.#state.duplicates.arm(0, count);
  }

  /** The append is answered, and again `delayMs` later. */
  lateDuplicate(delayMs: number, count = 1): void {
    this.#state.duplicates.arm(delayMs, count);
  }

  /** The next append is not made, and ends its whole call with this status. */
  failStream({ code, details, metadata = {} }: CallStatus, count = 1): void {
    const trailers = new Metadata();
    for (const [key, value] of Object.entries(metadata)) trailers.set(key, value);
    this.#state.callErrors.arm({ code, details, metadata: trailers }, count);
  }

  /** The append is not made and answered with this error. */
  failAppend(error: AppendError, count = 1): void {
    this.#state.refusals.arm((stream) => refusalOf(error, stream), count);
  }

  /** Ends all open BatchAppend calls without an error. */
  endCleanly(): void {
    for (const call of [...this.#state.openAppends]) call.end();
  }

  /** Ends all open reads and subscriptions without an error. */
  endSubscriptions(): void {
    for (const call of [...this.#state.openReads]) call.end();
  }

  /** Resets all connections and goes on listening. */
  killConnections(): void {
    this.#sockets.kill();
  }

  /** While set, calls that require the leader are sent to this one. */
  notLeader(leader: { readonly host: string; readonly port: number } | undefined): void {
    this.#state.leader = leader;
  }

  /** While on, everything is answered as by a server that starts (section 4.7). */
  notReady(on: boolean): void {
    this.#state.isReady = !on;
  }

  /** Nothing is answered and nothing is read from sockets, which stay open: a stopped process. */
  freeze(): void {
    this.#state.isFrozen = true;
    this.#sockets.freeze();
  }

  /** Goes on where `freeze` stopped. */
  thaw(): void {
    if (!this.#state.isFrozen) return;
    this.#state.isFrozen = false;
    this.#sockets.thaw();
    this.#state.wakeAll();
  }

  /** The last records of the log vanish, as those that a deposed leader had not replicated; all connections are reset. */
  loseTail(records: number): void {
    this.#sockets.kill();
    this.#log.loseTail(records);
  }

  /** An append that would be answered as idempotent is not answered. */
  noAnswerWhenIdempotent(count = 1): void {
    this.#state.silences.arm(true, count);
  }

  /** While on, nothing is delivered to subscriptions, and they stay open. */
  holdSubscriptions(on: boolean): void {
    this.#state.areSubscriptionsHeld = on;
    this.#state.wakeAll();
  }

  /** All off. */
  reset(): void {
    const { dropsBefore, dropsAfter, delays, duplicates, callErrors, refusals, silences } = this.#state;
    for (const armed of [dropsBefore, dropsAfter, delays, duplicates, callErrors, refusals, silences]) armed.disarm();
    this.notLeader(undefined);
    this.notReady(false);
    this.holdSubscriptions(false);
    this.thaw();
  }
}

function refusalOf(error: AppendError, stream: string): Refusal {
  if (error === 'wrong-expected-version') return { kind: error, stream, expected: 'any', current: -1n };
  if (error === 'stream-deleted') return { kind: error, stream };
  if (error === 'maximum-append-size-exceeded') return { kind: error, limit: 1024 * 1024 };
  if (error === 'bad-request') return { kind: error, message: 'Bad request.' };
  return { kind: error };
}
