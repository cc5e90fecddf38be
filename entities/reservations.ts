/**
 * Who holds how many units of one sku: an immutable map from order id to quantity that is plain data.
 *
 * A hot sku holds thousands of reservations, and a record or an array of them would be copied whole for every event. Spread over 128
 * buckets, a change copies one bucket and the list of buckets: about 200 entries instead of 10 000. Buckets are arrays: they copy faster
 * than records, and an order named `__proto__` is an order like any other.
 *
 * Invariants:
 * V1. An order stands in the bucket of its hash and in no other; its quantity is at least 1.
 * V2. `count` is the number of orders, `units` the sum of their quantities.
 * V3. A value is never changed in place.
 */
export interface Reservations {
  readonly count: number;
  readonly units: number;
  /** All of them, or none while nobody holds anything: most skus are quiet. */
  readonly buckets: readonly (readonly Reservation[])[];
}

export interface Reservation {
  readonly orderId: string;
  readonly quantity: number;
}

/** Part of the stored format: raise `stateVersion` when it changes. */
const BUCKETS = 128;
const EMPTY: Reservations['buckets'] = Array.from({ length: BUCKETS }, () => []);

export const noReservations: Reservations = { count: 0, units: 0, buckets: [] };

/** Units that an order holds; 0 if none. */
export function heldBy(all: Reservations, orderId: string): number {
  return held(all.buckets[bucketOf(orderId)] ?? [], orderId);
}

/** With the units that an order holds set anew; 0 ends its reservation. */
export function withHeld(all: Reservations, orderId: string, quantity: number): Reservations {
  const at = bucketOf(orderId);
  const old = all.buckets[at] ?? [];
  const next = old.filter((one) => one.orderId !== orderId);
  if (quantity > 0) next.push({ orderId, quantity });
  const count = all.count + next.length - old.length;
  if (count === 0) return noReservations;
  const buckets = (all.count === 0 ? EMPTY : all.buckets).with(at, next);
  return { count, units: all.units + quantity - held(old, orderId), buckets };
}

function held(bucket: readonly Reservation[], orderId: string): number {
  return bucket.find((one) => one.orderId === orderId)?.quantity ?? 0;
}

/** FNV-1a (Fowler, Noll, Vo) over UTF-16 code units, 32 bits. */
function bucketOf(orderId: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < orderId.length; i++) hash = Math.imul(hash ^ orderId.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % BUCKETS;
}
