import type { Answer } from '../core/answer.ts';
import type { SourceMark } from '../core/record.ts';

/**
 * One signal or update on its way to an entity, from the moment the edge (HTTP, client, outbox, later Kafka) hands it to the host until its answer.
 *
 * Invariants:
 * D1. `done` is called exactly once, never from inside `deliver`.
 * D2. State goes waiting -> taken -> answered, or waiting -> withdrawn -> answered, never back.
 */
export interface Delivery {
  readonly type: string;
  readonly id: string;
  readonly name: string;
  /** Decoded, not validated: that happens inside the turn. */
  readonly payload: unknown;
  /** `durability` (a signal): answered once it is durable. `outcome` (an update): answered with its outcome. */
  readonly wants: 'durability' | 'outcome';
  readonly signalId: string;
  /** Did the sender choose the id? Only then it enters the window; an id made by the edge is nobody's to repeat. */
  readonly idChosen: boolean;
  readonly mark: SourceMark | undefined;
  readonly context: MessageContext | undefined;
  /** Size on the wire in bytes, for the limits of mailboxes. */
  readonly bytes: number;
  readonly done: (answer: Answer, delivery: Delivery) => void;
  /** Kept by the host (D2). */
  state: 'waiting' | 'taken' | 'withdrawn' | 'answered';
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
