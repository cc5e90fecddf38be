import type { EntityDefinition } from '../core/definition/erased.ts';
import type { LIMITS } from '../core/limits.ts';
import type { RunHost, RunScope } from '../core/run/scope.ts';
import type { Clock } from '../ports/clock.ts';
import type { EventStore } from '../ports/event-store.ts';
import type { Counters } from './counters.ts';

/** The limits of the host that a deployment may change; the rest are read from LIMITS. */
export type HostLimits = {
  readonly [K in
    | 'maxTurnBytes'
    | 'maxTurnMessages'
    | 'maxTickMessages'
    | 'maxQueuedMessages'
    | 'maxQueuedBytes'
    | 'maxMailboxMessages'
    | 'maxRehydrations'
    | 'maxEntitiesInMemory'
    | 'maxEntityBytesInMemory'
    | 'passivateAfterMs'
    | 'snapshotEvery'
    | 'unknownGiveUpMs']: (typeof LIMITS)[K] extends number ? number : never;
};

/** What every part of the host shares. All that is not deterministic comes in through it. */
export interface HostContext {
  readonly store: EventStore;
  readonly clock: Clock;
  /** Calls `run` once, when no microtask is left, however long their chains. */
  readonly drained: (run: () => void) => void;
  readonly definitions: ReadonlyMap<string, EntityDefinition>;
  readonly limits: HostLimits;
  readonly entropy: Entropy;
  readonly guard: Guard;
  readonly log: HostLog;
  readonly counters: Counters;
  /** What durable handlers need of their host. */
  readonly runs: RunHost;
  /** checkedFreeze in development and tests, identity in production. */
  readonly freeze: (value: unknown, part?: 'state') => unknown;
  /** A defect of the runtime itself: reported once, the host stops taking work. */
  readonly fail: (error: unknown) => void;
}

export interface Entropy {
  /** 22 characters of base64url, 128 random bits. */
  turnId(): string;
  /** 0 <= x < 1, for jitter. */
  random(): number;
  /** Random per process start: records name it as the one that starts an attempt, so another process knows that the attempt went with it. */
  readonly incarnation: string;
}

/** Runs user code so that what is not deterministic is answered from the turn or refused (guard.ts). */
export interface Guard {
  run<A extends readonly unknown[], T>(nowMs: number, seed: string, work: (...args: A) => T, ...args: A): T;
  /** Runs the start of a durable handler; what it awaits later stands in the scope too. */
  scoped<T>(scope: RunScope, work: () => T): T;
}

/** Structured log: an event's name and its fields. */
export interface HostLog {
  debug(event: string, fields: Readonly<Record<string, unknown>>): void;
  info(event: string, fields: Readonly<Record<string, unknown>>): void;
  warn(event: string, fields: Readonly<Record<string, unknown>>): void;
  error(event: string, fields: Readonly<Record<string, unknown>>): void;
}
