import type { Outcome, ReplyAddress, ScheduledCall, SentSignal, StallReason } from '../journal.ts';
import type { RecordMeta, Revision } from '../record.ts';

/**
 * What is known of an open run from its stream alone: what started it, what it waits for, and the turn inputs that its handler is re-executed against.
 */

/** What began a segment. */
export type Trigger =
  | { readonly kind: 'started'; readonly input: unknown }
  | { readonly kind: 'resolved'; readonly call: number; readonly outcome: Outcome }
  | { readonly kind: 'cancelled'; readonly by: string; readonly why: string; readonly closes: readonly number[] }
  /** An operator let a failed compensation be called again. */
  | { readonly kind: 'resumed' };

/** One thing that a segment asked for, as it is compared when the segment is executed again. */
export interface Command {
  /** Kind and name: `emit Paid`, `call charge`, `sleep`. */
  readonly what: string;
  /** Its data; absent if it came from a snapshot. */
  readonly data?: unknown;
}

/** The input of one segment: with it the segment comes out the same again. */
export interface RunInput {
  readonly trigger: Trigger;
  /** Turn time, milliseconds since 1970. */
  readonly timeMs: number;
  /** The state that the segment saw. */
  readonly state: unknown;
  /** What it asked for. */
  readonly commands: Command[];
}

/** Something that a run waits for. */
export interface OpenCall {
  readonly run: string;
  readonly what: ScheduledCall | ({ readonly kind: 'signal'; readonly call: number } & SentSignal);
  /** When it was asked for, milliseconds since 1970. */
  readonly sinceMs: number;
  /** Attempts that failed. */
  attempts: number;
  /** When the next attempt may start, and who starts it. */
  nextAt: number;
  incarnation: string;
  lastFailure: { readonly code: string; readonly message: string } | undefined;
  progress: unknown;
  /** Its run was asked to stop: no further attempt. */
  cancelling: boolean;
}

/** A trigger that came while its run could not go on. */
export type Deferred = Extract<Trigger, { kind: 'resolved' | 'cancelled' }>;

export interface OpenRun {
  readonly id: string;
  readonly name: string;
  readonly of: 'signal' | 'timer';
  readonly serial: boolean;
  readonly once: boolean;
  /** Unguessable: the id of the turn that started it. */
  readonly seed: string;
  readonly startedAtMs: number;
  readonly startRevision: Revision;
  /** Metadata of every record that it writes. */
  readonly meta: RecordMeta;
  /** Set if it was called: where the reply goes, and what waits for it. */
  readonly reply: ReplyAddress | undefined;
  readonly chain: readonly string[] | undefined;
  inputs: RunInput[];
  /** Set while its inputs must be read from the stream again (warm.ts): the state before its first record. */
  cold: { readonly startState: unknown } | undefined;
  readonly calls: Map<number, OpenCall>;
  readonly deferred: Deferred[];
  /** Lines `patched(change)` that it went through: the segment that did so first. */
  readonly versions: Map<string, number>;
  stalled: (StallReason & { readonly sinceMs: number; readonly at: Revision }) | undefined;
  cancelAsked: boolean;
  /** It has ended: only who is told of ended runs ever sees one that has. */
  isOver: boolean;
  /** Number of open `until`s. */
  untils: number;
}

/** A signal or firing for a serial handler that waits in the stream. */
export interface QueuedRun {
  readonly id: string;
  readonly name: string;
  readonly revision: Revision;
  readonly sinceMs: number;
  readonly reply: ReplyAddress | undefined;
  readonly once: boolean;
}
