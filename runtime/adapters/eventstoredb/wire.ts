/**
 * Messages of Protocol Buffers as bytes, as far as what is appended and read a thousand times a second needs them: the generated classes serialise through
 * arrays of numbers and were half the CPU of an append. The encoding: https://protobuf.dev/programming-guides/encoding/
 *
 * Invariants:
 * W1. A message is written from its end: what it holds stands before its length is written, so nothing is measured first and nothing moved.
 * W2. A field that nobody asks for is passed over.
 */
const VARINT = 0;
const FIXED_64 = 1;
const BYTES = 2;
const FIXED_32 = 5;

export class WireWriter {
  readonly #bytes: Buffer;
  #at: number;

  /** `capacity`: bytes that are never exceeded. */
  constructor(capacity: number) {
    this.#bytes = Buffer.allocUnsafe(capacity);
    this.#at = capacity;
  }

  /** Where a message ends that is written next, for `message`. */
  get end(): number {
    return this.#at;
  }

  /** What was written from `end` on becomes the message of a field. */
  message(field: number, end: number): void {
    this.#varint(end - this.#at);
    this.#varint(field * 8 + BYTES);
  }

  bytes(field: number, value: Uint8Array): void {
    const end = this.#at;
    this.#at -= value.length;
    this.#bytes.set(value, this.#at);
    this.message(field, end);
  }

  text(field: number, value: string): void {
    const end = this.#at;
    this.#at -= Buffer.byteLength(value);
    this.#bytes.write(value, this.#at);
    this.message(field, end);
  }

  /** A whole number from 0 to 2^53. */
  number(field: number, value: number): void {
    this.#varint(value);
    this.#varint(field * 8 + VARINT);
  }

  finish(): Buffer {
    return this.#bytes.subarray(this.#at);
  }

  #varint(value: number): void {
    let size = 1;
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size += 1;
    this.#at -= size;
    if (this.#at < 0) throw new RangeError('a message is larger than its capacity');
    let at = this.#at;
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.#bytes[at++] = (rest % 128) | 128;
    this.#bytes[at] = rest;
  }
}

/** Goes through the fields of a message: `next` until it is false, and after each one `field` and what it holds. Throws a RangeError for what is cut off. */
export class WireReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  #at: number;
  #valueEnd = 0;
  field = 0;
  /** Of a field of a number. */
  value = 0;

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  next(): boolean {
    this.#at = Math.max(this.#at, this.#valueEnd);
    if (this.#at >= this.#end) return false;
    const tag = this.#varint();
    this.field = Math.floor(tag / 8);
    const kind = tag % 8;
    if (kind === VARINT) this.value = this.#varint();
    const size = kind === BYTES ? this.#varint() : kind === FIXED_64 ? 8 : kind === FIXED_32 ? 4 : 0;
    this.#valueEnd = this.#at + size;
    if (this.#valueEnd > this.#end) throw new RangeError('a message is cut off');
    return true;
  }

  /** The field is a message. */
  message(): WireReader {
    return new WireReader(this.#bytes, this.#at, this.#valueEnd);
  }

  /** The field is bytes: a view, not a copy. */
  bytes(): Buffer {
    return this.#bytes.subarray(this.#at, this.#valueEnd);
  }

  text(): string {
    return this.#bytes.toString('utf8', this.#at, this.#valueEnd);
  }

  #varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined || this.#at > this.#end) throw new RangeError('a message is cut off');
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  }
}
