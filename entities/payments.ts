import { type ActivityImplementation, activity } from 'perdure';
import { z } from 'zod';
import { Identifier, Text } from './values.ts';

/**
 * The `charge` and `refund` activities, and what they need of a payment gateway.
 *
 * Invariants:
 * P1. A charge and its refund carry the same idempotency key and the same payment: the key names the money, not the request.
 * P2. A refund undoes its charge whenever that arrives: before it, after it or never. So it may be registered before the charge is asked for.
 * P3. `declined` is final. Whatever else goes wrong leaves the outcome unknown and is tried again.
 */
const Payment = z.object({ orderId: Identifier, amount: z.int().min(1), paymentMethod: Text });
export type Payment = Readonly<z.output<typeof Payment>>;

/** The deadline is shorter than a reservation lasts: what is charged for is still there to be shipped. */
export const charge = activity('charge', {
  input: Payment,
  rejects: ['declined'],
  retry: { initial: '1 second', max: '30 seconds' },
  timeout: '20 seconds',
  deadline: '10 minutes',
});

/** Without a deadline: money that was taken is given back, however long the gateway is away. */
export const refund = activity('refund', { input: Payment, timeout: '20 seconds' });

/** Takes and returns money. Repeated under one key, a request takes effect once. */
export interface Gateway {
  /** Resolves with the code of the decline, undefined when the money was taken. Rejects when it is not known which. */
  charge(payment: Payment, request: GatewayRequest): Promise<string | undefined>;
  /** Resolves also when nothing was charged under the key; a charge that arrives later is declined. */
  refund(payment: Payment, request: GatewayRequest): Promise<void>;
}
export interface GatewayRequest {
  /** The idempotency key. */
  readonly key: string;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** Both activities against one gateway; `declined` carries `{code}` as its details. */
export function payments(gateway: Gateway): readonly ActivityImplementation[] {
  return [
    charge.implement(async (payment, { idempotencyKey: key, signal }) => {
      const code = await gateway.charge(payment, { key, signal });
      if (code !== undefined) throw charge.reject('declined', { code });
    }),
    refund.implement((payment, { idempotencyKey: key, signal }) => gateway.refund(payment, { key, signal })),
  ];
}
