/**
 * Cuts a stream of bytes into lines. Keeps at most one chunk and one line of `maxLineBytes`.
 */
export class LineCutter {
  readonly #maxLineBytes: number;
  #chunk: Buffer = EMPTY;
  #at = 0;
  #parts: Buffer[] = [];
  #partBytes = 0;
  #ended = false;

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /** Adds a chunk. Only when `next` has said `wait`, so that what is kept stays bounded; other chunks are appended by copying. */
  push(chunk: Buffer): void {
    this.#chunk = this.#at < this.#chunk.length ? Buffer.concat([this.#chunk.subarray(this.#at), chunk]) : chunk;
    this.#at = 0;
  }

  /** No more chunks will come: what is left is the last line. */
  end(): void {
    this.#ended = true;
  }

  /** The next line that is not blank; `wait` for more bytes, `end` after the last one, `too-long` for a line over the limit. */
  next(): Buffer | 'wait' | 'end' | 'too-long' {
    for (;;) {
      const newline = this.#chunk.indexOf(10, this.#at);
      const end = newline === -1 ? this.#chunk.length : newline;
      if (this.#partBytes + end - this.#at > this.#maxLineBytes) return 'too-long';
      const piece = this.#chunk.subarray(this.#at, end);
      this.#at = newline === -1 ? end : end + 1;
      if (newline === -1 && !this.#ended) {
        this.#keep(piece);
        return 'wait';
      }
      const line = this.#whole(piece);
      if (!isBlank(line)) return line;
      if (newline === -1) return 'end';
    }
  }

  #keep(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#parts.push(piece);
    this.#partBytes += piece.length;
  }

  #whole(piece: Buffer): Buffer {
    if (this.#parts.length === 0) return piece;
    this.#keep(piece);
    const line = Buffer.concat(this.#parts, this.#partBytes);
    this.#parts = [];
    this.#partBytes = 0;
    return line;
  }
}

const EMPTY = Buffer.alloc(0);

function isBlank(line: Buffer): boolean {
  for (const byte of line) if (byte !== 0x20 && byte !== 0x0d && byte !== 0x09) return false;
  return true;
}
