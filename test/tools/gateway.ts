import { fastify } from 'fastify';
import { z } from 'zod';
import { type LedgerEntry, sandbox } from '../../entities/payments-sandbox.ts';

/** A payment gateway of its own, which survives the nodes that charge through it. */
export interface GatewayServer {
  /** What `PERDURE_PAYMENTS_URL` takes. */
  readonly url: string;
  ledger(): readonly LedgerEntry[];
  stop(): Promise<void>;
}

const Key = z.string().min(1).max(1_000);
const Payment = z.object({ orderId: z.string(), amount: z.int(), paymentMethod: z.string() });

/**
 * Starts the sandbox (entities/payments-sandbox.ts says what the payment methods tell it) as an HTTP server on a free port of this machine:
 * `POST /charges`, `POST /refunds`, `GET /ledger`. As a real gateway does, it goes on with a charge whose sender has hung up. `wait` is how
 * it is slow.
 */
export async function startGateway(wait?: (ms: number) => Promise<void>): Promise<GatewayServer> {
  const bank = sandbox(wait);
  const app = fastify({ forceCloseConnections: true });
  const requestOf = ({ headers, body }: { readonly headers: Readonly<Record<string, unknown>>; readonly body: unknown }) =>
    [Payment.parse(body), { key: Key.parse(headers['idempotency-key']), signal: new AbortController().signal }] as const;
  app.post('/charges', async (request, reply) => {
    const code = await bank.charge(...requestOf(request));
    return reply.code(code === undefined ? 200 : 402).send(code === undefined ? { status: 'charged' } : { code });
  });
  app.post('/refunds', async (request) => {
    await bank.refund(...requestOf(request));
    return { status: 'refunded' };
  });
  app.get('/ledger', async () => bank.ledger());
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return { url, ledger: () => bank.ledger(), stop: () => app.close() };
}
