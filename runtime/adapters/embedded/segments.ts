import { join } from 'node:path';
import { PerdureError } from '../../core/errors.ts';
import type { Position } from '../../core/record.ts';
import { AHEAD_BYTES, EXTEND_BYTES } from './format.ts';
import type { LogFile, LogFiles } from './log-files.ts';

/**
 * The log as one long range of bytes over segment files.
 *
 * Invariants:
 * S1. A block is never written while zeros are being written to the place it takes: `write` waits for `extend`.
 * S2. At most MAX_OPEN files are open; one that is in use is not closed.
 * S3. Growing ahead is an optimisation: its failure changes nothing but speed.
 */
export class Segments {
  readonly #files: LogFiles;
  readonly #directory: string;
  readonly #segmentBytes: number;
  readonly #open = new Map<number, OpenSegment>();
  /** Zeroed up to here, in the segment of the tail. */
  #ready: Position = 0;
  #extending: Promise<void> | undefined;
  /** After a failure growing is not tried again before the tail has come this far. */
  #growFrom: Position = 0;

  constructor(files: LogFiles, directory: string, segmentBytes: number) {
    this.#files = files;
    this.#directory = directory;
    this.#segmentBytes = segmentBytes;
  }

  /** Name of the file that holds a position. */
  fileOf(position: Position): string {
    return `${this.startOf(position).toString(16).padStart(16, '0')}.log`;
  }

  /** First position of the segment that holds a position. */
  startOf(position: Position): Position {
    return Math.floor(position / this.#segmentBytes) * this.#segmentBytes;
  }

  /** First position of the segment after the one that holds a position. */
  endOf(position: Position): Position {
    return this.startOf(position) + this.#segmentBytes;
  }

  /** First positions of the segments that exist, in order. */
  async starts(): Promise<readonly Position[]> {
    const names = await this.#files.list(this.#directory);
    const starts = names.filter((name) => /^[0-9a-f]{16}\.log$/.test(name)).map((name) => Number.parseInt(name, 16));
    const wrong = starts.find((start) => start % this.#segmentBytes !== 0);
    if (wrong !== undefined) throw new PerdureError('store-corrupt', `${this.fileOf(wrong)} is not the name of a segment of this store.`);
    return starts;
  }

  /** Bytes that exist in the file of the segment that starts at `start`. */
  size(start: Position): Promise<number> {
    return this.#with(start, false, (file) => file.size());
  }

  /** Tells where writing goes on, once, after recovery. */
  async startAt(position: Position): Promise<void> {
    const start = this.startOf(position);
    this.#ready = start + (await this.#with(start, true, (file) => file.size()));
    this.#growAhead(position);
  }

  /** Writes a block durably; rejects with the system's error. */
  async write(bytes: Uint8Array, position: Position): Promise<void> {
    const end = position + bytes.length;
    if (end > this.#ready && this.#extending !== undefined) await this.#extending;
    const start = this.startOf(position);
    await this.#with(start, true, (file) => file.write(bytes, position - start));
    if (end > this.#ready) this.#ready = end;
    this.#growAhead(end);
  }

  /** Replaces bytes that are durable already. */
  async rewrite(bytes: Uint8Array, position: Position): Promise<void> {
    const start = this.startOf(position);
    await this.#with(start, false, (file) => file.write(bytes, position - start));
  }

  /** Removes everything from a position on, durably, within its segment. */
  async truncate(position: Position): Promise<void> {
    await this.#extending;
    const start = this.startOf(position);
    await this.#with(start, true, (file) => file.truncate(position - start));
    this.#ready = position;
  }

  /** Removes the file of a segment. */
  async remove(start: Position): Promise<void> {
    const open = this.#open.get(start);
    this.#open.delete(start);
    if (open !== undefined) await (await open.file).close();
    await this.#files.remove(join(this.#directory, this.fileOf(start)));
  }

  /** Reads up to `length` bytes from `position`, not beyond the position's segment. */
  async read(position: Position, length: number): Promise<Buffer> {
    const start = this.startOf(position);
    const bytes = Buffer.allocUnsafeSlow(Math.min(length, start + this.#segmentBytes - position));
    const count = await this.#with(start, false, (file) => file.read(bytes, position - start));
    return bytes.subarray(0, count);
  }

  async close(): Promise<void> {
    await this.#extending;
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const { file } of open) await (await file).close();
  }

  #growAhead(tail: Position): void {
    const segmentEnd = this.endOf(tail);
    if (this.#extending !== undefined || tail < this.#growFrom || this.#ready >= Math.min(tail + AHEAD_BYTES, segmentEnd)) return;
    const from = Math.max(this.#ready, tail);
    const to = Math.min(from + EXTEND_BYTES, segmentEnd);
    const start = this.startOf(tail);
    this.#extending = this.#with(start, true, (file) => file.extend(from - start, to - start))
      .then(
        () => {
          this.#ready = to;
        },
        () => {
          this.#growFrom = tail + AHEAD_BYTES;
        },
      )
      .finally(() => {
        this.#extending = undefined;
      });
  }

  async #with<T>(start: Position, create: boolean, use: (file: LogFile) => Promise<T>): Promise<T> {
    const segment = this.#segment(start, create);
    segment.users++;
    try {
      return await use(await segment.file);
    } finally {
      segment.users--;
    }
  }

  #segment(start: Position, create: boolean): OpenSegment {
    const found = this.#open.get(start);
    if (found !== undefined) {
      this.#open.delete(start);
      this.#open.set(start, found);
      return found;
    }
    const opened: OpenSegment = { users: 0, file: this.#files.open(join(this.#directory, this.fileOf(start)), create) };
    opened.file.catch(() => {
      if (this.#open.get(start) === opened) this.#open.delete(start);
    });
    this.#open.set(start, opened);
    for (const [other, idle] of this.#open) {
      if (this.#open.size <= MAX_OPEN) break;
      if (idle.users > 0 || other === start) continue;
      this.#open.delete(other);
      idle.file.then((file) => file.close()).catch(() => undefined);
    }
    return opened;
  }
}

interface OpenSegment {
  users: number;
  readonly file: Promise<LogFile>;
}

const MAX_OPEN = 64;
