import type { Answer } from '../answer.ts';
import type { HeldMessage } from '../journal.ts';
import type { NewRecord, RecordMeta, Revision, SourceMark } from '../record.ts';

/**
 * What a turn is given: messages of one entity, in mailbox order.
 */
export type Input = SignalInput | TimerInput | QueryInput | ReleaseInput | OperatorInput;

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

/** An operator's verb that is no release. */
export interface OperatorInput {
  readonly kind: 'operator';
  readonly verb: 'pause' | 'resume' | 'forget';
  readonly by: string;
  readonly why: string;
}

/** The outcome of one input before it is durable. `known`: a repeated id, to be answered from the record at `revision`. */
export type Decision = Answer | { readonly kind: 'known'; readonly revision: Revision };

/** What one input comes to: records to append, the state after them, what to answer when they are durable. */
export interface Step {
  readonly records: readonly NewRecord[];
  readonly state: unknown;
  /** Estimated bytes of the records. */
  readonly bytes: number;
  readonly decision: Decision;
  /** What user code threw, for the log. */
  readonly defect?: unknown;
}
