import { constants, read, write } from 'node:fs';
import { type FileHandle, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { makeDirectory } from './make-directory.ts';

/**
 * The file operations of the log, as a seam: tests make them fail, tear and lie.
 *
 * Invariants:
 * L1. What `write`, `extend` and `truncate` did is synced when they resolve.
 */
export interface LogFile {
  /** Writes all of `bytes` at `offset` (L1). After a rejection nobody knows how much is there. */
  write(bytes: Uint8Array, offset: number): Promise<void>;
  /** Fills `[from, to)` with zeros (L1). */
  extend(from: number, to: number): Promise<void>;
  /** Cuts the file (L1). */
  truncate(size: number): Promise<void>;
  /** Reads up to `into.length` bytes; answers how many there were. */
  read(into: Uint8Array, offset: number): Promise<number>;
  size(): Promise<number>;
  close(): Promise<void>;
}

export interface LogFiles {
  /** Names of the files of a directory, sorted; the directory is made if it is missing. */
  list(directory: string): Promise<readonly string[]>;
  /** Opens a file; `create` makes it (durably) if it is missing. */
  open(path: string, create: boolean): Promise<LogFile>;
  /** Replaces a small file at once and durably: temporary file, sync, rename, sync of the directory. */
  replace(path: string, bytes: Uint8Array): Promise<void>;
  /** Removes a file durably; nothing happens if there is none. */
  remove(path: string): Promise<void>;
}

/** The seam over the real file system. */
export const nodeFiles: LogFiles = { list, open: openFile, replace, remove };

async function list(directory: string): Promise<readonly string[]> {
  await makeDirectory(directory);
  return (await readdir(directory)).sort();
}

async function openFile(path: string, create: boolean): Promise<LogFile> {
  const isNew = create && (await stat(path).catch(ifMissing)) === undefined;
  const handle = await open(path, constants.O_RDWR | constants.O_DSYNC | (create ? constants.O_CREAT : 0), 0o600);
  if (isNew) await syncDirectory(dirname(path));
  return new NodeLogFile(handle);
}

async function replace(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.tmp`);
  const handle = await open(temporary, 'w', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
  await syncDirectory(dirname(path));
}

async function remove(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncDirectory(dirname(path));
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function ifMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}

const ZEROS = Buffer.alloc(1024 * 1024);

/** Opened with O_DSYNC, so that a write and its sync are one call on the thread pool. */
class NodeLogFile implements LogFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** By callback, as `read`. */
  write(bytes: Uint8Array, offset: number): Promise<void> {
    const { fd } = this.#handle;
    return new Promise((resolve, reject) => {
      const next = (done: number): void => {
        write(fd, bytes, done, bytes.length - done, offset + done, (error, count) => {
          if (error !== null) reject(error);
          else if (done + count === bytes.length) resolve();
          else next(done + count);
        });
      };
      next(0);
    });
  }

  async extend(from: number, to: number): Promise<void> {
    for (let at = from; at < to; ) {
      const { bytesWritten } = await this.#handle.write(ZEROS, 0, Math.min(ZEROS.length, to - at), at);
      at += bytesWritten;
    }
  }

  async truncate(size: number): Promise<void> {
    await this.#handle.truncate(size);
    await this.#handle.sync();
  }

  /** By callback: a handle's promise costs more than a short read itself. */
  read(into: Uint8Array, offset: number): Promise<number> {
    const { fd } = this.#handle;
    return new Promise((resolve, reject) => {
      const next = (done: number): void => {
        read(fd, into, done, into.length - done, offset + done, (error, count) => {
          if (error !== null) reject(error);
          else if (count === 0 || done + count === into.length) resolve(done + count);
          else next(done + count);
        });
      };
      next(0);
    });
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
