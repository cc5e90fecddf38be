import { isPerdureError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { plainSize } from '../core/plain.ts';
import { malformed } from './problem.ts';

/**
 * What a decoded body may be, whatever it was decoded from.
 *
 * Invariants:
 * B1. Only plain data reaches the host: no deeper than `LIMITS.maxDepth`, no key that changes prototypes when it is copied, no infinite number.
 * B2. msgpack is checked byte by byte before it is decoded: lengths that the bytes cannot hold, extensions and values that JSON does not have
 *     never reach the decoder, so a small body cannot ask for a large allocation.
 */

/** Checks a decoded value (B1). Throws `malformed-request`, naming the path. */
export function checkPlain(value: unknown): void {
  try {
    plainSize(value, 'body');
  } catch (error) {
    if (isPerdureError(error, 'payload-not-plain')) malformed(error.message); // the caller's fault here, not a handler's
    throw error;
  }
}

/** Checks that bytes are one msgpack value which JSON could hold too (B1, B2). Throws `malformed-request`. */
export function checkMsgpack(bytes: Buffer): void {
  const end = new MsgpackScan(bytes).value(0, 0, false);
  if (end !== bytes.length) malformed('the msgpack body has bytes after its value');
}

class MsgpackScan {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Checks the value at an offset; the offset behind it. */
  value(at: number, depth: number, asKey: boolean): number {
    this.#need(at, 1);
    const head = this.#bytes[at] ?? 0;
    if (head >= 0xa0 && head <= 0xbf) return this.#text(at + 1, head & 0x1f, asKey);
    if (head >= 0xd9 && head <= 0xdb) {
      const width = 1 << (head - 0xd9);
      return this.#text(at + 1 + width, this.#length(at + 1, width), asKey);
    }
    if (asKey) malformed('a key in the msgpack body is not a string');
    if (head <= 0x7f || head >= 0xe0 || head === 0xc0 || head === 0xc2 || head === 0xc3) return at + 1;
    if (head <= 0x8f) return this.#items(at + 1, head & 0x0f, true, depth);
    if (head <= 0x9f) return this.#items(at + 1, head & 0x0f, false, depth);
    if (head >= 0xdc) {
      const width = head & 1 ? 4 : 2;
      return this.#items(at + 1 + width, this.#length(at + 1, width), head >= 0xde, depth);
    }
    return this.#number(head, at + 1);
  }

  #number(head: number, at: number): number {
    const width = NUMBER_WIDTH[head];
    if (width === undefined) malformed('the msgpack body has a binary or an extension value; use what JSON has too');
    this.#need(at, width);
    const isFloat = head === 0xca || head === 0xcb;
    if (isFloat && !Number.isFinite(width === 4 ? this.#bytes.readFloatBE(at) : this.#bytes.readDoubleBE(at))) {
      malformed('the msgpack body has a number that is not finite');
    }
    if (!isFloat && width === 8) {
      const whole = head === 0xcf ? this.#bytes.readBigUInt64BE(at) : this.#bytes.readBigInt64BE(at);
      if (!Number.isSafeInteger(Number(whole))) malformed('the msgpack body has a whole number beyond 2^53');
    }
    return at + width;
  }

  #text(at: number, length: number, asKey: boolean): number {
    this.#need(at, length);
    if (asKey && length === 9 && this.#bytes.toString('latin1', at, at + 9) === '__proto__') malformed('the body has a key __proto__');
    return at + length;
  }

  #items(at: number, count: number, isMap: boolean, depth: number): number {
    if (depth >= LIMITS.maxDepth) malformed(`the body is nested deeper than ${LIMITS.maxDepth}`);
    this.#need(at, isMap ? 2 * count : count);
    let next = at;
    for (let n = 0; n < count; n += 1) {
      if (isMap) next = this.value(next, depth + 1, true);
      next = this.value(next, depth + 1, false);
    }
    return next;
  }

  #length(at: number, width: number): number {
    this.#need(at, width);
    return this.#bytes.readUIntBE(at, width);
  }

  #need(at: number, count: number): void {
    if (at + count > this.#bytes.length) malformed('the msgpack body is cut short');
  }
}

/** Bytes behind the head of a float or a sized integer. */
const NUMBER_WIDTH: Readonly<Record<number, number>> = {
  202: 4,
  203: 8,
  204: 1,
  205: 2,
  206: 4,
  207: 8,
  208: 1,
  209: 2,
  210: 4,
  211: 8,
};
