/**
 * Deterministic randomness: a small, fast generator seeded by a string. Not for secrets: the seed (a turn's id) is what is unguessable.
 *
 * Source: sfc32 by Chris Doty-Humphrey (PractRand), seeded through four rounds of a 32-bit multiply-xor mix.
 */
export interface Random {
  /** 0 <= x < 1, 32 bits of resolution. */
  next(): number;
  /** A whole number from 0 to 2^32 - 1. */
  word(): number;
}

/** A generator that gives the same numbers for the same seed. */
export function randomFrom(seed: string): Random {
  let a = mix(seed, 0x9e3779b9);
  let b = mix(seed, 0x243f6a88);
  let c = mix(seed, 0xb7e15162);
  let counter = 1;
  const word = () => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + t;
    c |= 0;
    return t >>> 0;
  };
  for (let i = 0; i < 12; i += 1) word();
  return { word, next: () => word() / 4_294_967_296 };
}

/** A UUID of version 4 from a generator (RFC 9562, section 5.4). */
export function uuidFrom(random: Random): string {
  const hex = () => random.word().toString(16).padStart(8, '0');
  const [a, b, c, d] = [hex(), hex(), hex(), hex()];
  const variant = ((Number.parseInt(c[0] ?? '0', 16) & 3) | 8).toString(16);
  return `${a}-${b.slice(0, 4)}-4${b.slice(5)}-${variant}${c.slice(1, 4)}-${c.slice(4)}${d}`;
}

function mix(text: string, start: number): number {
  let h = start ^ text.length;
  for (let i = 0; i < text.length; i += 1) {
    h = Math.imul(h ^ text.charCodeAt(i), 2_654_435_761);
    h = (h << 13) | (h >>> 19);
  }
  h = Math.imul(h ^ (h >>> 16), 2_246_822_507);
  h = Math.imul(h ^ (h >>> 13), 3_266_489_909);
  return h ^ (h >>> 16);
}
