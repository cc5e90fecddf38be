import { entity, type Schema, signal } from 'perdure';
import { z } from 'zod';

/**
 * The work that both sides do for one signal: decode JSON, decide against the entity's state, one event of about 200 bytes.
 */
export interface Booking {
  readonly reference: string;
  readonly customer: string;
  readonly sku: string;
  readonly quantity: number;
  readonly unitPrice: number;
  readonly currency: string;
  readonly note: string;
}
export interface Booked extends Booking {
  readonly total: number;
}
export interface Ledger {
  readonly count: number;
  readonly total: number;
}

export const EMPTY: Ledger = { count: 0, total: 0 };
export function decide(ledger: Ledger, booking: Booking): Booked {
  const { reference, customer, sku, quantity, unitPrice, currency, note } = booking;
  return { reference, customer, sku, quantity, unitPrice, currency, note, total: ledger.total + quantity * unitPrice };
}
export function fold(ledger: Ledger, booked: Booked): Ledger {
  return { count: ledger.count + 1, total: booked.total };
}

/** Encoded payloads to take in turn, so that no two neighbours are equal. */
export function payloads(count: number): Buffer[] {
  return Array.from({ length: count }, (_, n) => {
    const booking: Booking = {
      reference: `order-${100_000 + n}-line-${n % 7}`,
      customer: `customer-${10_000 + ((n * 7919) % 90_000)}`,
      sku: `SKU-${1_000 + (n % 9_000)}`,
      quantity: 1 + (n % 9),
      unitPrice: 100 + ((n * 31) % 10_000),
      currency: 'EUR',
      note: `left at the door of number ${n % 300}`,
    };
    return Buffer.from(JSON.stringify(booking));
  });
}

export function decoded(bytes: Buffer): unknown {
  return JSON.parse(bytes.toString('latin1'));
}

// ── the same as an entity: once with a schema written by hand, once with zod ──

const TEXTS = ['reference', 'customer', 'sku', 'currency', 'note'] as const;
const NUMBERS = ['quantity', 'unitPrice'] as const;
function isBooking(value: unknown): value is Booking {
  if (typeof value !== 'object' || value === null) return false;
  const fields = value as Record<string, unknown>;
  return TEXTS.every((name) => typeof fields[name] === 'string') && NUMBERS.every((name) => Number.isSafeInteger(fields[name]));
}
const byHand: Schema<Booking> = {
  '~standard': {
    version: 1,
    vendor: 'bench',
    validate: (value) => (isBooking(value) ? { value } : { issues: [{ message: 'not a booking' }] }),
  },
};
const byZod = z.object({
  reference: z.string(),
  customer: z.string(),
  sku: z.string(),
  quantity: z.int(),
  unitPrice: z.int(),
  currency: z.string(),
  note: z.string(),
});

function ledgerOf(type: string, input: Schema<Booking>) {
  return entity(type, { book: signal({ input }) })
    .fold((): Ledger => EMPTY, { Booked: (ledger, booked: Booked) => fold(ledger, booked) })
    .implement({
      signals: {
        book(turn, booking) {
          turn.emit.Booked(decide(turn.state(), booking));
        },
      },
    });
}
export const ledger = ledgerOf('ledger', byHand);
export const zodLedger = ledgerOf('zodLedger', byZod);
