import { setTimeout as delay } from 'node:timers/promises';
import type { Gateway, GatewayRequest, Payment } from './payments.ts';

/**
 * A payment gateway without a bank: it keeps a ledger, and the payment method tells it how to behave.
 *
 * | payment method | what it does |
 * | --- | --- |
 * | `decline`, `decline:{code}` | declines, with the code `card-declined` or the one named |
 * | `fail` | every charge fails, and nothing is booked |
 * | `fail-once` | the first charge and the first refund of a key fail, and nothing is booked |
 * | `twice` | the first charge and the first refund of a key are booked, but their answer is lost: it has to answer twice |
 * | `slow` | a charge takes five seconds |
 * | anything else | is charged |
 *
 * Invariants:
 * S1. A key is one payment: at most one charge and one refund of it are booked, and every repetition is answered as the first.
 * S2. A refund wins: a charge that comes after the refund of its key is declined with `refunded`.
 * S3. A key that comes with another payment is an error of the caller.
 */
export interface Sandbox extends Gateway {
  /** What was booked, oldest key first. */
  ledger(): readonly LedgerEntry[];
}

/** All that is known of a key. */
export interface LedgerEntry extends Payment {
  readonly key: string;
  readonly isCharged: boolean;
  readonly isRefunded: boolean;
  /** The code it was declined with. */
  readonly declined: string | undefined;
  /** Requests that arrived, repetitions included. */
  readonly charges: number;
  readonly refunds: number;
}

const SLOW_MS = 5_000;
/** The oldest keys are dropped above it: the ledger of a node that runs for months must end somewhere. */
const MAX_KEYS = 100_000;

/** A new sandbox with an empty ledger. `wait` is how it is slow; it rejects when the signal is aborted. */
export function sandbox(wait: (ms: number, signal: AbortSignal) => Promise<void> = waited): Sandbox {
  const entries = new Map<string, LedgerEntry>();

  /** Notes that a request came, before anything can go wrong with it. */
  function arrived(payment: Payment, { key }: GatewayRequest, kind: 'charges' | 'refunds'): LedgerEntry {
    const entry = entries.get(key) ?? newEntry(payment, key);
    if (!isSame(entry, payment)) throw new Error(`the key ${key} belongs to another payment`);
    return book(entry, { [kind]: entry[kind] + 1 });
  }
  function book(entry: LedgerEntry, change: Partial<LedgerEntry>): LedgerEntry {
    const booked = { ...(entries.get(entry.key) ?? entry), ...change };
    entries.set(entry.key, booked);
    const [oldest] = entries.keys();
    if (entries.size > MAX_KEYS && oldest !== undefined) entries.delete(oldest);
    return booked;
  }
  function decided(entry: LedgerEntry): string | undefined {
    const now = entries.get(entry.key) ?? entry;
    if (now.isCharged) return undefined;
    const declined = now.declined ?? (now.isRefunded ? 'refunded' : declineOf(now.paymentMethod));
    book(now, declined === undefined ? { isCharged: true } : { declined });
    return declined;
  }

  return {
    ledger: () => [...entries.values()],
    charge: async (payment, request) => {
      const entry = arrived(payment, request, 'charges');
      const { paymentMethod: how } = payment;
      if (how === 'slow') await wait(SLOW_MS, request.signal);
      if (how === 'fail' || (how === 'fail-once' && entry.charges === 1)) throw new Error('the gateway is out of order');
      const declined = decided(entry);
      if (how === 'twice' && entry.charges === 1) throw new Error('the answer was lost');
      return declined;
    },
    refund: async (payment, request) => {
      const entry = arrived(payment, request, 'refunds');
      const isFirst = entry.refunds === 1;
      if (payment.paymentMethod === 'fail-once' && isFirst) throw new Error('the gateway is out of order');
      book(entry, { isRefunded: true });
      if (payment.paymentMethod === 'twice' && isFirst) throw new Error('the answer was lost');
    },
  };
}

function newEntry({ orderId, amount, paymentMethod }: Payment, key: string): LedgerEntry {
  return { key, orderId, amount, paymentMethod, isCharged: false, isRefunded: false, declined: undefined, charges: 0, refunds: 0 };
}

function isSame(entry: Payment, { orderId, amount, paymentMethod }: Payment): boolean {
  return entry.orderId === orderId && entry.amount === amount && entry.paymentMethod === paymentMethod;
}

function declineOf(paymentMethod: string): string | undefined {
  const [word, code = 'card-declined'] = paymentMethod.split(':', 2);
  return word === 'decline' ? code : undefined;
}

async function waited(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal });
}
