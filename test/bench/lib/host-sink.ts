import type { Answer } from '../../../runtime/core/answer.ts';
import type { HostSurface } from '../../../runtime/host/surface.ts';
import type { Delivery } from '../../../runtime/ports/signal-bus.ts';

let sent = 0;

/** A signal on its way into a host, as an edge would make it: no id of the sender's, answered when durable. Throws out of `done` for any other answer. */
export function delivery(
  to: { readonly type: string; readonly id: string; readonly name: string },
  payload: unknown,
  bytes: number,
  done: () => void,
): Delivery {
  sent += 1;
  return {
    kind: 'signal',
    type: to.type,
    id: to.id,
    name: to.name,
    payload,
    wants: 'durability',
    signalId: `s${sent}`,
    idChosen: false,
    mark: undefined,
    context: undefined,
    bytes,
    state: 'waiting',
    done: (answer: Answer) => {
      if (answer.kind !== 'done') throw new Error(`answered ${JSON.stringify(answer)}`);
      done();
    },
  };
}

/** Delivers `count` signals, at most `inFlight` at once, and waits until all are durable. */
export function deliverAll(
  host: HostSurface,
  count: number,
  inFlight: number,
  make: (n: number) => { type: string; id: string; name: string; payload: unknown },
): Promise<void> {
  let started = 0;
  let finished = 0;
  return new Promise((resolve) => {
    const next = () => {
      const { payload, ...to } = make(started++);
      host.deliver(
        delivery(to, payload, 64, () => {
          finished += 1;
          if (started < count) next();
          else if (finished === count) resolve();
        }),
      );
    };
    while (started < Math.min(count, inFlight)) next();
  });
}
