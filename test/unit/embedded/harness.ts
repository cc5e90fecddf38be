import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach } from 'vitest';
import type { EmbeddedEventStore } from '../../../runtime/adapters/embedded/event-store.ts';
import { type LogFile, type LogFiles, nodeFiles } from '../../../runtime/adapters/embedded/log-files.ts';
import { type EmbeddedOptions, openEmbeddedStore } from '../../../runtime/adapters/embedded/open.ts';

const dirs: string[] = [];
const stores: EmbeddedEventStore[] = [];

afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
  for (const dir of dirs.splice(0)) await rm(dir, { recursive: true, force: true });
});

/** A directory of its own, removed after the test. */
export async function tempDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'perdure-'));
  dirs.push(dir);
  return dir;
}

/** Opens a store that is closed after the test; the index is not flushed by time, so that tests decide when; segments are small. */
export async function openStore(dir: string, options: Partial<EmbeddedOptions> = {}): Promise<EmbeddedEventStore> {
  const store = await openEmbeddedStore({ dir, partitions: 16, flushIntervalMs: 3_600_000, segmentBytes: 256 * 1024, ...options });
  stores.push(store);
  return store;
}

/** What a crash would leave of a store that is open: a copy of its directory as it is now. */
export async function crashCopy(dir: string): Promise<string> {
  const copy = join(await tempDir(), randomBytes(4).toString('hex'));
  await cp(dir, copy, { recursive: true, filter: (path) => !path.endsWith('lock.mdb') });
  return copy;
}

/** All files of a directory with their contents, without lmdb's table of readers, which is bookkeeping of its process. */
export async function contentsOf(dir: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && entry.name !== 'lock.mdb').map((entry) => join(entry.parentPath, entry.name));
  return new Map(
    await Promise.all(files.sort().map(async (file) => [relative(dir, file), (await readFile(file)).toString('base64')] as const)),
  );
}

export const FIRST_SEGMENT = join('log', '0000000000000000.log');

/** What happens to a write: undefined = it works; otherwise so many bytes of it are written, then it fails with this code. */
export interface Fault {
  readonly code: string;
  readonly written: number;
}

/** File operations that fail when told to. `fault` is asked before every write to a log file. */
export function faultyFiles(
  fault: (bytes: number, offset: number) => Fault | undefined,
  cut: () => string | undefined = () => undefined,
): LogFiles {
  const wrap = (file: LogFile): LogFile => ({
    write: async (bytes, offset) => {
      const failing = fault(bytes.length, offset);
      await file.write(failing === undefined ? bytes : bytes.subarray(0, failing.written), offset);
      if (failing !== undefined) throw systemError(failing.code);
    },
    extend: async (from, to) => {
      const failing = fault(to - from, from);
      if (failing !== undefined) throw systemError(failing.code);
      await file.extend(from, to);
    },
    truncate: async (size) => {
      const code = cut();
      if (code !== undefined) throw systemError(code);
      await file.truncate(size);
    },
    read: (into, offset) => file.read(into, offset),
    size: () => file.size(),
    close: () => file.close(),
  });
  return { ...nodeFiles, open: async (path, create) => wrap(await nodeFiles.open(path, create)) };
}

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}
