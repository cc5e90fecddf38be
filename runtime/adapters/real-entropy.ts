import { randomBytes, randomFillSync } from 'node:crypto';

/** Random bytes fetched at once: one call of the system for a thousand turn ids. */
const POOL_BYTES = 16 * 1_024;
const ID_BYTES = 16;

/** Of an incarnation: every recorded attempt carries it, so it is no longer than telling processes apart takes. */
const INCARNATION_BYTES = 9;

/**
 * Unguessable randomness from the system: turn ids (22 characters of base64url, 128 bits), jitter, and the name of this incarnation (12 characters of
 * base64url, 72 bits), which is another for every call.
 */
export function realEntropy(): { turnId(): string; random(): number; readonly incarnation: string } {
  const pool = Buffer.alloc(POOL_BYTES);
  let used = POOL_BYTES;
  const take = (count: number): number => {
    if (used + count > POOL_BYTES) {
      randomFillSync(pool);
      used = 0;
    }
    used += count;
    return used - count;
  };
  return {
    turnId: () => {
      const at = take(ID_BYTES);
      return pool.toString('base64url', at, at + ID_BYTES);
    },
    random: () => pool.readUInt32LE(take(4)) / 4_294_967_296,
    incarnation: randomBytes(INCARNATION_BYTES).toString('base64url'),
  };
}
