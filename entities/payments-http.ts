import { z } from 'zod';
import type { Gateway, GatewayRequest, Payment } from './payments.ts';

/**
 * A payment gateway over HTTP: `POST {baseUrl}/charges` and `/refunds` with header `idempotency-key` and JSON `{orderId, amount, paymentMethod}`.
 * 2xx is done, 402 `{code}` on `/charges` is declined, and anything else rejects, so that it is tried again.
 */
export function httpGateway(baseUrl: string, http: typeof fetch): Gateway {
  const base = baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`;
  const post = ({ orderId, amount, paymentMethod }: Payment, { key, signal }: GatewayRequest, path: string) =>
    http(new URL(path, base), {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': headerOf(key) },
      body: JSON.stringify({ orderId, amount, paymentMethod }),
      // A redirected POST becomes a GET, and a page that answers it is no charge.
      redirect: 'error',
      signal,
    });
  return {
    charge: async (payment, request) => {
      const response = await post(payment, request, 'charges');
      if (response.status === 402) return declineCode(await bodyStart(response));
      await done(response);
      return undefined;
    },
    refund: async (payment, request) => done(await post(payment, request, 'refunds')),
  };
}

/** Keys are texts, headers are ASCII: what is none is escaped, so that no two keys become one. */
function headerOf(key: string): string {
  return key.replace(/[^!-~]|%/g, (unit) => `%${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

async function done(response: Response): Promise<void> {
  await response.body?.cancel();
  if (!response.ok) throw new Error(`the payment gateway answered ${response.status}`);
}

const MAX_BODY_BYTES = 16 * 1024;
const Declined = z.object({ code: z.string().min(1).max(100) });

/** 402 alone says no; why is for people, so a body that does not tell is no reason to ask again. */
function declineCode(text: string): string {
  try {
    return Declined.parse(JSON.parse(text)).code;
  } catch {
    return 'unknown';
  }
}

/** The body up to the limit: a gateway that talks without end fills no memory. */
async function bodyStart({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    chunks.push(chunk);
    bytes += chunk.byteLength;
    if (bytes >= MAX_BODY_BYTES) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}
