import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tryLock } from 'fs-native-extensions';
import { PerdureError } from '../../core/errors.ts';
import { FORMAT } from './format.ts';
import type { LogFiles } from './log-files.ts';
import { makeDirectory } from './make-directory.ts';

/**
 * The data directory: its lock and its identity (`store.json`).
 *
 * Invariants:
 * Y1. One process at a time: the lock is the operating system's and ends with its holder, however that ends.
 * Y2. `store.json` is written once, whole and durably, before anything else; a store that is refused is left as it was.
 */
export interface StoreIdentity {
  readonly format: number;
  readonly storeId: string;
  readonly partitions: number;
  /** Seed of all checksums. */
  readonly salt: number;
  readonly segmentBytes: number;
}

export interface StoreDirectory {
  readonly identity: StoreIdentity;
  /** True if it was made just now. */
  readonly created: boolean;
  readonly log: string;
  readonly index: string;
  readonly redo: string;
  release(): Promise<void>;
}

/**
 * Locks a data directory, making it if it is missing. Throws `store-in-use`, `store-too-new`, `store-mismatch` (another number
 * of partitions), `store-corrupt` (an unreadable `store.json`) and `invalid-config` (a directory that cannot be made).
 */
export async function openDirectory(
  files: LogFiles,
  dir: string,
  wanted: { readonly partitions: number; readonly segmentBytes: number },
): Promise<StoreDirectory> {
  await makeDirectory(dir);
  const lock = await open(join(dir, 'lock'), constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    if (!tryLock(lock.fd)) throw new PerdureError('store-in-use', `The data directory ${dir} is in use by another process.`);
    return await identify(files, dir, wanted, lock);
  } catch (error) {
    await lock.close();
    throw error;
  }
}

async function identify(
  files: LogFiles,
  dir: string,
  wanted: { readonly partitions: number; readonly segmentBytes: number },
  lock: FileHandle,
): Promise<StoreDirectory> {
  const path = join(dir, 'store.json');
  const stored = await readIdentity(path);
  const salt = randomBytes(4).readUInt32LE();
  const identity = stored ?? { format: FORMAT, storeId: randomBytes(16).toString('base64url'), salt, ...wanted };
  if (identity.partitions !== wanted.partitions) {
    throw new PerdureError(
      'store-mismatch',
      `The store has ${identity.partitions} partitions, the configuration says ${wanted.partitions}.`,
    );
  }
  if (stored === undefined) {
    if ((await files.list(join(dir, 'log'))).length > 0) {
      throw new PerdureError('store-corrupt', `${path} is missing, but there is a log beside it.`);
    }
    await files.replace(path, Buffer.from(`${JSON.stringify(identity, undefined, 2)}\n`));
  }
  return {
    identity,
    created: stored === undefined,
    log: join(dir, 'log'),
    index: join(dir, 'index'),
    redo: join(dir, 'redo'),
    release: () => lock.close(),
  };
}

async function readIdentity(path: string): Promise<StoreIdentity | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const identity = parse(text);
  if (typeof identity?.format !== 'number') throw new PerdureError('store-corrupt', `${path} cannot be read.`);
  if (identity.format > FORMAT) {
    throw new PerdureError('store-too-new', `The data directory has format ${identity.format}; this version knows up to ${FORMAT}.`);
  }
  const { storeId, partitions, salt, segmentBytes, format } = identity;
  const numbers = [partitions, salt, segmentBytes].every((value) => typeof value === 'number');
  if (typeof storeId !== 'string' || !numbers) throw new PerdureError('store-corrupt', `${path} lacks a field.`);
  return { format, storeId, partitions: Number(partitions), salt: Number(salt), segmentBytes: Number(segmentBytes) };
}

function parse(text: string): Partial<StoreIdentity> | undefined {
  try {
    return JSON.parse(text) as Partial<StoreIdentity>;
  } catch {
    // Told apart by the caller: no format, so not readable.
    return undefined;
  }
}
