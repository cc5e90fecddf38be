import type { Answer } from '../core/answer.ts';
import type { SignalInput } from '../core/turn/input.ts';

/**
 * One signal or update on its way to an entity, from the moment the edge (HTTP, client, outbox, a bus) hands it over until its answer.
 *
 * Invariants:
 * D1. `done` is called exactly once, never from inside the call that hands the delivery over.
 * D2. `waiting` until a turn takes it (`taken`), `waiting` again if that turn came to nothing (conflict, refused append); `withdrawn` only from `waiting`;
 *     `answered` is the end.
 *     `joined`: its run is open, and its answer comes when that ends; it counts no longer among what waits in mailboxes.
 * D3. A delivery with a mark is never answered with a failure that could pass: its source relies on order, so it stays in the mailbox instead.
 */
export interface Delivery extends SignalInput {
  readonly type: string;
  readonly id: string;
  /** Size on the wire in bytes, for the limits of mailboxes. */
  readonly bytes: number;
  readonly done: (answer: Answer, delivery: Delivery) => void;
  /** Kept by the host (D2). */
  state: 'waiting' | 'taken' | 'joined' | 'withdrawn' | 'answered';
}

/**
 * How signals travel from the edges to the hosts that own their entities. Every adapter passes `test/contract/signal-bus.ts`.
 *
 * Promises:
 * G1. A published signal is answered `done` only when it will not be lost: its turn is durable, or the bus keeps it durably itself.
 * G2. Signals of one entity are received in the order in which they were published.
 * G3. What a bus keeps itself and was not answered by its consumer before a crash is received again, with the same id.
 */
export interface SignalBus {
  /** Sends a signal; its `done` is told as G1 says, or with a failure (`draining` while nobody consumes and nothing keeps it). */
  publish(signal: Delivery): void;
  /** Starts delivery: `receive` is handed every signal, and answers it when its turn is durable. One consumer per bus. */
  consume(receive: (signal: Delivery) => void): Promise<void>;
  /** Hands out nothing more. */
  close(): Promise<void>;
}
