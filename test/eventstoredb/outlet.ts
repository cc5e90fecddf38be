import type streams from '@eventstore/db-client/generated/streams_pb.js';
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { ServerContext } from './context.ts';
import { callError } from './errors.ts';
import type { OpenCall } from './fault-state.ts';
import type { Refusal } from './refusals.ts';

/**
 * The answering half of one Read call, read or subscription. One loop writes to it.
 *
 * Invariants:
 * O1. The loop waits while the client does not read (flow control), the server is frozen, or subscriptions are held.
 * O2. Nothing is written after the call ended, was cancelled or failed.
 */
export class Outlet implements OpenCall {
  readonly #call: ServerWritableStream<streams.ReadReq, streams.ReadResp>;
  readonly #context: ServerContext;
  readonly #isSubscription: boolean;
  #wake: (() => void) | undefined;
  #isOver = false;

  constructor(context: ServerContext, call: ServerWritableStream<streams.ReadReq, streams.ReadResp>, isSubscription: boolean) {
    this.#context = context;
    this.#call = call;
    this.#isSubscription = isSubscription;
    context.state.openReads.add(this);
    call.on('drain', () => this.wake());
    for (const last of ['cancelled', 'close', 'error']) call.on(last, () => this.#leave());
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** May the loop write now? */
  get isClear(): boolean {
    const { isFrozen, areSubscriptionsHeld } = this.#context.state;
    return !this.#isOver && !isFrozen && !(this.#isSubscription && areSubscriptionsHeld) && !this.#call.writableNeedDrain;
  }

  /** Waits until the loop may write; false if it never will. */
  async clear(): Promise<boolean> {
    while (!this.#isOver && !this.isClear) await this.waked();
    return !this.#isOver;
  }

  /** Waits until something changed. */
  waked(): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  wake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  /** Writes one message. The loop has seen that the outlet is clear. */
  write(message: streams.ReadResp): void {
    if (!this.#isOver) this.#call.write(message);
  }

  end(): void {
    if (this.#leave()) this.#call.end();
  }

  fail(refusal: Refusal): void {
    if (this.#leave()) this.#call.emit('error', callError(refusal));
  }

  /** True the first time. */
  #leave(): boolean {
    const isFirst = !this.#isOver;
    this.#isOver = true;
    this.#context.state.openReads.delete(this);
    this.wake();
    return isFirst;
  }
}
