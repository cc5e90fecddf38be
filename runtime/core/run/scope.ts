/**
 * What a turn is given to run durable handlers with, beside its messages.
 */

/** The place that user code of a run stands in: what answers clock and randomness while its segments run, however long its promises live. */
export interface RunScope {
  /** Turn time of the segment, milliseconds since 1970. */
  nowMs: number;
  /** Seed of the segment's randomness. */
  seed: string;
  /** A promise of user code was rejected and nobody took it. */
  readonly unhandled: (reason: unknown) => void;
}

/** What the engine asks of its host. Functions of their arguments, but for `scoped`. */
export interface RunHost {
  /** Random per process start: who starts attempts. */
  readonly incarnation: string;
  /** 22 characters of base64url: the first 128 bits of SHA-256. What makes callback tokens unguessable. */
  digest(text: string): string;
  /** Calls `work` so that it and everything that it awaits later stands in the scope. */
  scoped<T>(scope: RunScope, work: () => T): T;
  /** Is an activity of this name registered? */
  hasActivity(name: string): boolean;
  /** Is it a query that the entity type declares under this name? */
  isQuery(type: string, name: string): boolean;
  /** Something about a run that people should know. */
  tell(event: 'rejection-unhandled' | 'call-abandoned' | 'many-inputs', fields: Readonly<Record<string, unknown>>): void;
}
