import type { Answer } from '../core/answer.ts';
import type { SignalInput } from '../core/turn/input.ts';

/**
 * One signal or update on its way to an entity, from the moment the edge (HTTP, client, outbox, later Kafka) hands it to the host until its answer.
 *
 * Invariants:
 * D1. `done` is called exactly once, never from inside `deliver`.
 * D2. `waiting` until a turn takes it (`taken`), `waiting` again if that turn came to nothing (conflict, refused append); `withdrawn` only from `waiting`;
 *     `answered` is the end.
 * D3. A delivery with a mark is never answered with a failure that could pass: its source relies on order, so it stays in the mailbox instead.
 */
export interface Delivery extends SignalInput {
  readonly type: string;
  readonly id: string;
  /** Size on the wire in bytes, for the limits of mailboxes. */
  readonly bytes: number;
  readonly done: (answer: Answer, delivery: Delivery) => void;
  /** Kept by the host (D2). */
  state: 'waiting' | 'taken' | 'withdrawn' | 'answered';
}

export type { MessageContext } from '../core/turn/input.ts';
