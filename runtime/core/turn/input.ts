import type { Answer } from '../answer.ts';
import type { CallOrigin, HeldMessage, JournalData, RunAsk } from '../journal.ts';
import type { NewRecord, RecordMeta, Revision, SourceMark } from '../record.ts';
import type { LoggedLine } from './context.ts';

/**
 * What a turn is given: messages of one entity, in mailbox order.
 */
export type Input =
  | SignalInput
  | TimerInput
  | QueryInput
  | ReleaseInput
  | OperatorInput
  | WaitInput
  | OutcomeInput
  | HeartbeatInput
  | CallbackInput
  | BeginInput
  | AdvanceInput;

/** A signal or an update. `payload` is decoded and not validated. */
export interface SignalInput {
  readonly kind: 'signal';
  readonly name: string;
  readonly payload: unknown;
  /** `durability` (a signal): answered once it is durable. `outcome` (an update): answered with its outcome. */
  readonly wants: 'durability' | 'outcome';
  readonly signalId: string;
  /** Did the sender choose the id? Only then it enters the window; an id made by the edge is nobody's to repeat. */
  readonly idChosen: boolean;
  readonly mark: SourceMark | undefined;
  readonly context: MessageContext | undefined;
  /** Set if it was called by a run: where the reply goes, and what waits for it. */
  readonly origin?: CallOrigin;
}

/** What travels with a message beside its payload. */
export interface MessageContext {
  readonly correlation?: string;
  readonly causation?: string;
  /** W3C traceparent. */
  readonly traceparent?: string;
  /** W3C baggage, decoded. */
  readonly baggage?: Readonly<Record<string, string>>;
}

/** A named timer is due. Void if the timer was set again or cleared since (another arming). */
export interface TimerInput {
  readonly kind: 'timer';
  readonly timer: string;
  readonly key: string;
  readonly arming: number;
}

/** A strong query: evaluated in mailbox order. `input` is not validated. Without a name it only confirms the state (a strong read). */
export interface QueryInput {
  readonly kind: 'query';
  readonly name: string | undefined;
  readonly input: unknown;
}

/** The next held message, read back from the stream by the host, and what is to be done with it. */
export interface ReleaseInput {
  readonly kind: 'release';
  readonly verb: 'drain' | 'retry' | 'skip' | 'edit';
  readonly held: { readonly revision: Revision; readonly message: HeldMessage; readonly meta: RecordMeta };
  /** `edit`: the payload to go on with. */
  readonly payload?: unknown;
  readonly by: string;
  readonly why: string;
}

/** An operator's verb that is no release. Those over runs concern all open ones, or the one named. */
export interface OperatorInput {
  readonly kind: 'operator';
  readonly verb: 'pause' | 'resume' | 'forget' | 'cancel' | 'terminate' | 'resumeRuns';
  readonly by: string;
  readonly why: string;
  readonly run?: string;
}

/** A sleep, or the time-out of an until or a callback, is due. */
export interface WaitInput {
  readonly kind: 'wait';
  readonly run: string;
  readonly call: number;
}

/** How an attempt ended. `lost`: nobody knows, and its node is gone or its time is up. */
export type AttemptOutcome =
  | { readonly kind: 'completed'; readonly value: unknown }
  | { readonly kind: 'rejected'; readonly code: string; readonly details: unknown; readonly by: string; readonly message: string }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string; readonly isFinal?: boolean }
  | { readonly kind: 'lost'; readonly message: string }
  | { readonly kind: 'cancelled' };

/** An attempt of an activity (or of a query that was called) has ended. */
export interface OutcomeInput {
  readonly kind: 'outcome';
  readonly run: string;
  readonly call: number;
  readonly attempt: number;
  readonly outcome: AttemptOutcome;
  readonly progress?: unknown;
}

export interface HeartbeatInput {
  readonly kind: 'heartbeat';
  readonly run: string;
  readonly call: number;
  readonly attempt: number;
  readonly progress: unknown;
}

/** Somebody outside completes or fails a callback. */
export interface CallbackInput {
  readonly kind: 'callback';
  readonly run: string;
  readonly call: number;
  readonly secret: string;
  readonly outcome: { readonly result: unknown } | { readonly error: { readonly code: string; readonly message: string } };
}

/** The next queued serial run, read back from the stream by the host. */
export interface BeginInput {
  readonly kind: 'begin';
  readonly revision: Revision;
  readonly received: JournalData['SignalReceived'];
  readonly meta: RecordMeta;
}

/** Runs may be able to go on although nothing arrived. */
export interface AdvanceInput {
  readonly kind: 'advance';
}

/** The outcome of one input before it is durable. `known`: a repeated id, to be answered from the record at `revision`; `joined`: told when its run ends. */
export type Decision =
  | Answer
  | { readonly kind: 'known'; readonly revision: Revision; readonly first?: string }
  | { readonly kind: 'joined'; readonly run: string; readonly first?: string };

/** What follows from a turn once it is durable, beside its answers. */
export type Effect =
  /** An attempt is to be started, at the time its call says. */
  | { readonly kind: 'attempt'; readonly run: string; readonly call: number }
  /** Nobody waits for an attempt any more, or it was asked to stop. */
  | { readonly kind: 'abort'; readonly run: string; readonly call: number }
  /** A run has ended or stalled: what those who wait for it are told. */
  | { readonly kind: 'ended'; readonly run: string; readonly answer: Answer }
  | { readonly kind: 'logged'; readonly run: string | undefined; readonly line: LoggedLine };

/** What one input comes to: records to append, the state after them, what to answer when they are durable. */
export interface Step {
  readonly records: readonly NewRecord[];
  readonly state: unknown;
  /** Estimated bytes of the records. */
  readonly bytes: number;
  readonly decision: Decision;
  /** What user code threw, for the log. */
  readonly defect?: unknown;
  readonly effects?: readonly Effect[];
  /** What it asks of runs. */
  readonly asks?: readonly RunAsk[] | undefined;
  /** The run whose execution has moved on with it: to be dropped if the step is not taken. */
  readonly run?: string;
}
