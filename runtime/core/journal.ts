import type { Envelope } from './definition/types.ts';
import { JOURNAL_PREFIX, type NewRecord, type Revision, type SourceMark, type TimerChange } from './record.ts';

/**
 * The journal records that this version writes: the runtime's own facts, each with its data. Type names are wire formats: never changed, only added.
 */
export interface JournalData {
  /** A signal that arrived while the entity was parked or paused, or a timer that fired; raw payload, so that a corrected schema heals it. */
  SignalHeld: HeldMessage;
  /** A signal with a chosen id that was handled and asked for nothing: keeps its id in the window. */
  SignalIgnored: Record<string, never>;
  /** The result of an update whose last record is no event, or that is too large for an event's metadata. */
  UpdateAnswered: { readonly result: unknown };
  /** A signal for another entity, carried out by the outbox. With `call` the run that sent it (`meta.run`) waits for a reply. */
  SignalSent: SentSignal;
  /** Changes of timers by a message that emitted nothing. */
  TimerSet: { readonly timer: string; readonly key: string; readonly dueAt: number; readonly arming: number };
  TimerCleared: { readonly timer: string; readonly key: string };
  TimerFired: { readonly timer: string; readonly key: string; readonly arming: number };
  /** The entity stopped at a defect (or cannot be folded); what follows is held. */
  Parked: {
    readonly reason: 'defect' | 'fold' | 'unknown-signal';
    readonly signal: string | null;
    readonly name: string;
    readonly message: string;
  };
  /** A held message was handled (its records stand behind this one), after which the entity is no longer parked. */
  Released: { readonly held: Revision; readonly by: string; readonly why: string };
  HeldEdited: { readonly held: Revision; readonly payload: unknown; readonly by: string; readonly why: string };
  HeldSkipped: { readonly held: Revision; readonly by: string; readonly why: string };
  Paused: { readonly by: string; readonly why: string };
  /** A pause, or a park on account of a failing fold, is over. */
  Resumed: { readonly of: 'pause' | 'fold'; readonly by: string; readonly why: string };
  /** A signal (or a firing) for a serial handler that has to wait until no other serial run is open. `input` is parsed. */
  SignalReceived: RunOrigin & { readonly input: unknown };
  /** A run has begun: its input as the schema parsed it. The turn's id is the seed of its randomness. The trigger of its first segment. */
  RunStarted: RunOrigin & {
    readonly input: unknown;
    /** Revision of the `SignalReceived` record that waited for this. */
    readonly received?: Revision;
  };
  /** A run has ended; the record carries its signal's id, so the window leads here. */
  RunCompleted: { readonly outcome: Outcome };
  /** A run stopped and goes on when somebody says so. `resumes`: what is then done again. */
  RunStalled: StallReason;
  /** An operator lets a stalled run go on. */
  RunResumed: { readonly by: string; readonly why: string };
  /** What a run waits for (but for calls of entities, which are `SignalSent`). */
  Scheduled: ScheduledCall;
  /** What a run waited for is there: the trigger of a segment, unless `deferred` because the run could not go on just then. */
  Resolved: { readonly call: number; readonly outcome: Outcome; readonly deferred?: true };
  /** An attempt of an activity failed and another follows, started by `incarnation` at `nextAt`. */
  AttemptFailed: {
    readonly call: number;
    readonly attempt: number;
    readonly code: string;
    readonly message: string;
    readonly nextAt: number;
    readonly incarnation: string;
    readonly progress?: unknown;
  };
  HeartbeatRecorded: { readonly call: number; readonly attempt: number; readonly progress: unknown };
  /** Somebody asked a run to stop. `closes`: the sleeps, untils and callbacks that it ends. The trigger of a segment, unless `deferred`. */
  CancelRequested: { readonly by: string; readonly why: string; readonly closes: readonly number[]; readonly deferred?: true };
  /** A run went through a line `patched(change)`. */
  VersionMarked: { readonly change: string };
  /**
   * The entity owes something earlier than before, or attempts where it owed none; feeds the agenda. `incarnation` runs its attempts; `advance`: runs of it
   * can go on at once; `asks`: what was asked of them and did not fit into the turn.
   */
  Wake: { readonly at: number; readonly incarnation?: string; readonly advance?: true; readonly asks?: readonly RunAsk[] };
  /** The entity is gone for good; carries the marks, so that old messages stay dropped. */
  Forgotten: { readonly by: string; readonly why: string; readonly marks: readonly SourceMark[] };
}

/** Something asked of runs: of all, of one, or of those of one signal; those that were open (to `resume`: stalled) at revision `upTo`. */
export interface RunAsk {
  readonly kind: 'cancel' | 'resume' | 'terminate';
  readonly by: string;
  readonly why: string;
  readonly name?: string;
  readonly run?: string;
  readonly upTo: Revision;
}

export type HeldMessage =
  | ({ readonly kind: 'signal'; readonly name: string; readonly payload: unknown } & CallOrigin)
  | { readonly kind: 'timer'; readonly timer: string; readonly key: string; readonly arming?: number };

/** Where the reply to a `call` goes: the run that waits, and which of its calls this is. */
export interface ReplyAddress {
  readonly type: string;
  readonly id: string;
  readonly run: string;
  readonly call: number;
}

/** What a message that was called carries beside its payload. */
export interface CallOrigin {
  readonly reply?: ReplyAddress;
  /** Entities with an open serial run that waits for this message, outermost first: what a cycle is recognised by. */
  readonly chain?: readonly string[];
}

export interface SentSignal {
  readonly type: string;
  readonly id: string;
  /** `perdure:reply` and `perdure:cancel` are the runtime's own. */
  readonly name: string;
  readonly payload: unknown;
  readonly call?: number;
  readonly chain?: readonly string[];
  /** A compensation: it is not asked to stop when its run is. */
  readonly shielded?: true;
}

/** What started a run. */
export interface RunOrigin extends CallOrigin {
  readonly name: string;
  readonly of: 'signal' | 'timer';
  readonly serial?: true;
}

/** How something that was waited for ended. */
export type Outcome =
  | { readonly kind: 'completed'; readonly value: unknown }
  | { readonly kind: 'rejected'; readonly code: string; readonly details: unknown; readonly by: string; readonly message: string }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string; readonly details?: unknown }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'terminated'; readonly by: string; readonly why: string }
  | { readonly kind: 'timedOut' };

/**
 * Why a run stopped. When it is resumed, its last segment is run again (`segment`: what user code threw), or it is told (`trigger`: a compensation failed
 * for good and is called again), or it only goes on (`nothing`: it could not be replayed).
 */
export interface StallReason {
  readonly resumes: 'segment' | 'trigger' | 'nothing';
  readonly code: string;
  readonly message: string;
  readonly details?: unknown;
}

/** What a run waits for. `call` numbers what one run has started. */
export type ScheduledCall =
  | {
      readonly kind: 'activity';
      readonly call: number;
      readonly activity: string;
      readonly input: unknown;
      readonly policy: RecordedPolicy;
      /** Idempotency key; absent: it is derived from run and call. */
      readonly key?: string;
      readonly incarnation: string;
      readonly shielded?: true;
    }
  | { readonly kind: 'query'; readonly call: number; readonly message: Envelope; readonly incarnation: string; readonly shielded?: true }
  | { readonly kind: 'sleep'; readonly call: number; readonly dueAt: number }
  | { readonly kind: 'until'; readonly call: number; readonly dueAt?: number }
  | { readonly kind: 'callback'; readonly call: number; readonly dueAt?: number }
  /** A compensation failed: the run waits for its operator. */
  | { readonly kind: 'resume'; readonly call: number };

/** How an activity is tried, as it was asked for; what is absent is the default. Times in milliseconds. */
export interface RecordedPolicy {
  readonly timeoutMs?: number;
  readonly deadlineMs?: number;
  readonly heartbeatMs?: number;
  readonly retry?: { readonly initialMs?: number; readonly factor?: number; readonly maxMs?: number; readonly attempts?: number };
}

export type JournalType = keyof JournalData;

/** Type name of a journal record as it stands in a stream. */
export function journalType(type: JournalType): string {
  return JOURNAL_PREFIX + type;
}

/** Is it a journal record (rather than a domain event)? */
export function isJournal(record: { readonly type: string }): boolean {
  return record.type.startsWith(JOURNAL_PREFIX);
}

/** Names of the messages that runs send each other; no user's name can have a colon. */
export const REPLY = 'perdure:reply';
export const CANCEL = 'perdure:cancel';
/** The payloads of these. */
export interface ReplyPayload {
  readonly run: string;
  readonly call: number;
  readonly outcome: Outcome;
}
export interface CancelPayload {
  readonly caller: ReplyAddress;
}

/** A journal record to append. */
export function journal<T extends JournalType>(type: T, data: JournalData[T], meta: NewRecord['meta'] = {}): NewRecord {
  return { type: JOURNAL_PREFIX + type, data, meta };
}

/** The record for a timer change that has no event to ride on. */
export function timerRecord(change: TimerChange): NewRecord {
  const { timer, key } = change;
  return change.dueAt === null
    ? journal('TimerCleared', { timer, key })
    : journal('TimerSet', { timer, key, dueAt: change.dueAt, arming: change.arming });
}
