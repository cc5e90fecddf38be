/**
 * The home partition of an entity: what Kafka's own producers compute for the entity's id as key, so that it is the same in every mode.
 *
 * Source: Kafka's default partitioner (toPositive(murmur2(key)) % partitions); MurmurHash2 by Austin Appleby, 32 bits, seed 0x9747b28c.
 */
export function homePartition(entityId: string, partitions: number): number {
  return (murmur2(utf8(entityId)) & 0x7fffffff) % partitions;
}

/** MurmurHash2 of bytes as a signed 32-bit number. */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  let h = 0x9747b28c ^ length;
  const whole = length - (length % 4);
  for (let i = 0; i < whole; i += 4) {
    let k = at(bytes, i) | (at(bytes, i + 1) << 8) | (at(bytes, i + 2) << 16) | (at(bytes, i + 3) << 24);
    k = Math.imul(k, M);
    k ^= k >>> 24;
    h = Math.imul(h, M) ^ Math.imul(k, M);
  }
  const rest = length % 4;
  if (rest >= 3) h ^= at(bytes, whole + 2) << 16;
  if (rest >= 2) h ^= at(bytes, whole + 1) << 8;
  if (rest >= 1) h = Math.imul(h ^ at(bytes, whole), M);
  h = Math.imul(h ^ (h >>> 13), M);
  return h ^ (h >>> 15);
}

const M = 0x5bd1e995;

function at(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}

/** UTF-8 bytes of a well-formed string. */
function utf8(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    else bytes.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
  }
  return Uint8Array.from(bytes);
}
