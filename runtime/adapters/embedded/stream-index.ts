import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import { PerdureError } from '../../core/errors.ts';
import type { Position, Revision, StreamName } from '../../core/record.ts';
import type { Head, Mark, StoredHead } from './heads.ts';
import { usableIndexFile } from './index-file.ts';
import { makeDirectory } from './make-directory.ts';

/**
 * The derived index in lmdb: heads and marks of streams, snapshots, values. It may lag behind the log and is brought up from it.
 *
 * Invariants:
 * D1. It says only what is durable in the log: `through` is where a block ends; all turns before it are indexed.
 * D2. Heads may be ahead of `through`, never of `durable`: applying the log from `through` again changes nothing that is right.
 * D3. A transaction is synced before its promise resolves (no overlapping sync).
 */
const INDEX_FORMAT = 1;
const HEAD_BYTES = 32;
const SLICE = 2048;

export interface Through {
  readonly end: Position;
  readonly lastBlock: Position;
}

type Bytes = Database<Buffer, string>;

export class StreamIndex {
  readonly #root: RootDatabase<Buffer, string>;
  readonly #heads: Bytes;
  readonly #marks: Database<Buffer, [string, number]>;
  readonly #snapshots: Bytes;
  readonly #values: Bytes;
  readonly #meta: Bytes;
  readonly #forgetting: Bytes;

  private constructor(root: RootDatabase<Buffer, string>) {
    this.#root = root;
    const binary = { encoding: 'binary' } as const;
    this.#heads = root.openDB('heads', binary);
    this.#marks = root.openDB('marks', binary);
    this.#snapshots = root.openDB('snapshots', binary);
    this.#values = root.openDB('values', binary);
    this.#meta = root.openDB('meta', binary);
    this.#forgetting = root.openDB('forgetting', binary);
  }

  /** Opens the index of a store. Undefined if there is none, it is damaged, of another format or of another store. */
  static async open(path: string, storeId: string): Promise<StreamIndex | undefined> {
    if (!(await usableIndexFile(join(path, 'data.mdb')))) return undefined;
    const root = openRoot(path);
    try {
      const index = new StreamIndex(root);
      if (index.#meta.get('identity')?.toString() === `${INDEX_FORMAT} ${storeId}`) return index;
    } catch {
      // Whatever is wrong with a derived file is mended by deriving it again.
    }
    await root.close();
    return undefined;
  }

  /** Makes an empty index, in place of whatever is there. */
  static async create(path: string, storeId: string): Promise<StreamIndex> {
    await rm(path, { recursive: true, force: true });
    await makeDirectory(path);
    const index = new StreamIndex(openRoot(path));
    await written(index.#meta.put('identity', Buffer.from(`${INDEX_FORMAT} ${storeId}`)));
    return index;
  }

  /** All turns before `end` are indexed (D1); `lastBlock` is where the last block before it begins, -1 if there is none. */
  get through(): Through {
    const bytes = this.#meta.get('through');
    return bytes === undefined ? { end: 0, lastBlock: -1 } : { end: bytes.readDoubleLE(0), lastBlock: bytes.readDoubleLE(8) };
  }

  /** The log was durable up to here, at least. */
  get durable(): Position {
    return this.#meta.get('durable')?.readDoubleLE() ?? 0;
  }

  head(stream: StreamName): StoredHead | undefined {
    const bytes = this.#heads.getBinaryFast(stream);
    if (bytes === undefined) return undefined;
    return {
      revision: bytes.readDoubleLE(0),
      position: bytes.readDoubleLE(8),
      forgottenBefore: bytes.readDoubleLE(16),
      turnsSinceMark: bytes.readUInt32LE(24),
      bytesSinceMark: bytes.readUInt32LE(28),
    };
  }

  /** The first indexed mark of a stream whose last revision is >= `revision`. */
  mark(stream: StreamName, revision: Revision): Mark | undefined {
    const range = { start: [stream, revision], end: [stream, Number.MAX_SAFE_INTEGER], limit: 1 } satisfies Record<string, unknown>;
    for (const { key, value } of this.#marks.getRange(range as { start: [string, number]; end: [string, number]; limit: number })) {
      return { lastRevision: key[1], position: value.readDoubleLE() };
    }
    return undefined;
  }

  /**
   * Writes heads and their marks, in slices, then up to where all turns are indexed. Removes the marks it wrote.
   * `durable` answers up to where the log is durable (D2).
   */
  async write(heads: readonly Head[], through: Through, durable: () => Position): Promise<void> {
    const failures: unknown[] = [];
    const slices: Promise<unknown>[] = [];
    const marks: [Head, number][] = [];
    for (let from = 0; from < heads.length; from += SLICE) {
      const slice = this.#together(() => {
        for (const head of heads.slice(from, from + SLICE)) if (this.#put(head) > 0) marks.push([head, head.marks.length]);
        handle(this.#meta.put('durable', double(durable())));
      });
      slices.push(slice.catch((error: unknown) => failures.push(error)));
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    await Promise.all(slices);
    if (failures.length > 0) throw failures[0];
    await this.#together(() => {
      handle(this.#meta.put('durable', double(durable())));
      handle(this.#meta.put('through', Buffer.concat([double(through.end), double(through.lastBlock)])));
    });
    for (const [head, count] of marks) head.marks.splice(0, count);
  }

  /** Changes of one transaction. */
  #together(changes: () => void): Promise<void> {
    return written(this.#root.batch(changes));
  }

  #put(head: Head): number {
    const bytes = Buffer.allocUnsafe(HEAD_BYTES);
    bytes.writeDoubleLE(head.revision, 0);
    bytes.writeDoubleLE(head.position, 8);
    bytes.writeDoubleLE(head.forgottenBefore, 16);
    bytes.writeUInt32LE(head.turnsSinceMark, 24);
    bytes.writeUInt32LE(head.bytesSinceMark, 28);
    handle(this.#heads.put(head.stream, bytes));
    for (const mark of head.marks) handle(this.#marks.put([head.stream, mark.lastRevision], double(mark.position)));
    return head.marks.length;
  }

  loadSnapshot(stream: StreamName): Buffer | undefined {
    return this.#snapshots.get(stream);
  }

  async saveSnapshot(stream: StreamName, snapshot: Uint8Array): Promise<void> {
    await written(this.#snapshots.put(stream, Buffer.from(snapshot)));
  }

  getValue(key: string): Buffer | undefined {
    return this.#values.get(key);
  }

  async putValue(key: string, value: Uint8Array): Promise<void> {
    await written(this.#values.put(key, Buffer.from(value)));
  }

  /** Makes a forgetting durable before anything of it is done: head, no snapshot, and a note that it is under way. */
  async beginForget(head: Head, durable: Position): Promise<void> {
    await this.#together(() => {
      handle(this.#meta.put('durable', double(durable)));
      this.#put(head);
      handle(this.#snapshots.remove(head.stream));
      handle(this.#forgetting.put(head.stream, double(head.forgottenBefore)));
    });
  }

  async endForget(stream: StreamName): Promise<void> {
    await written(this.#forgetting.remove(stream));
  }

  /** Forgettings that were begun and not ended. */
  forgettings(): readonly { readonly stream: StreamName; readonly before: Revision }[] {
    return [...this.#forgetting.getRange()].map(({ key, value }) => ({ stream: key, before: value.readDoubleLE() }));
  }

  close(): Promise<void> {
    return this.#root.close();
  }
}

/** Without batching by event turn: a failed transaction of that kind rejects a promise that nobody can handle. */
function openRoot(path: string): RootDatabase<Buffer, string> {
  return open<Buffer, string>({
    path,
    noSubdir: false,
    encoding: 'binary',
    compression: false,
    overlappingSync: false,
    eventTurnBatching: false,
    noMemInit: true,
    maxDbs: 8,
  });
}

function double(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeDoubleLE(value);
  return bytes;
}

/**
 * Waits for a write. Throws `store-full`, which is nearly always why an index cannot be written.
 */
async function written(write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    seen(error);
    throw new PerdureError('store-full', `The index could not be written: ${String(error)}`, undefined, { cause: error });
  }
}

/** A change within a batch: the batch's promise tells its failure. lmdb rejects both, and what nobody handles ends the process. */
function handle(change: Promise<unknown>): void {
  change.catch(seen);
}

/** The cause of a failed transaction is a promise of its own that rejects later; lmdb has logged it. */
function seen(error: unknown): void {
  if (error instanceof Error && 'commitError' in error && error.commitError instanceof Promise) error.commitError.catch(ignore);
}

function ignore(): void {
  // Told through the write that failed.
}
