import type { sendUnaryData } from '@grpc/grpc-js';
import type { ServerContext } from './context.ts';

/** What a call with one answer is for this: something that may be cancelled. */
interface Cancellable {
  readonly cancelled: boolean;
  on(event: 'cancelled', listener: () => void): unknown;
}

/** A reply of which the first is sent, after a freeze if there is one; nobody waits for a second. */
export function frozenOut<T>({ state }: ServerContext, call: Cancellable, reply: sendUnaryData<T>): sendUnaryData<T> {
  let isAnswered = false;
  return (...answer) => {
    if (isAnswered) return;
    isAnswered = true;
    if (!state.isFrozen) return reply(...answer);
    const waiting = {
      end: () => {},
      wake: () => {
        if (state.isFrozen) return;
        state.openReads.delete(waiting);
        if (!call.cancelled) reply(...answer);
      },
    };
    state.openReads.add(waiting);
    call.on('cancelled', () => state.openReads.delete(waiting));
  };
}
