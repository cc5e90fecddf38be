import { open } from 'node:fs/promises';

/**
 * A look at an lmdb data file before lmdb maps it: a file that is no database, or has lost its end, would end the process
 * with a signal instead of an error. Layout: two meta pages; behind a page header of 24 bytes magic u32, version u32, address u64,
 * map size u64, two database records of 48 bytes (the first begins with the page size u32), last page u64, transaction u64.
 *
 * Invariants:
 * J1. Only what lmdb would crash on is called unusable: calling a good file unusable would lose its values.
 */
const MAGIC = 0xbeefc0de;
const META = { magic: 24, pageSize: 48, lastPage: 144, transaction: 152, bytes: 160 } as const;
/** Pages at the end that were given back before they were written may be missing from a good file. */
const SPARE_PAGES = 8;

/** Can lmdb open this file? A file that is only short of pages nobody uses is filled up. */
export async function usableIndexFile(path: string): Promise<boolean> {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(path, 'r+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  try {
    const first = Buffer.alloc(META.bytes);
    await handle.read(first, 0, META.bytes, 0);
    if (first.readUInt32LE(META.magic) !== MAGIC) return false;
    const pageSize = first.readUInt32LE(META.pageSize);
    if (pageSize < 512 || pageSize > 65_536) return false;
    const second = Buffer.alloc(META.bytes);
    await handle.read(second, 0, META.bytes, pageSize);
    if (second.readUInt32LE(META.magic) !== MAGIC) return false;
    const newest = first.readBigUInt64LE(META.transaction) >= second.readBigUInt64LE(META.transaction) ? first : second;
    const wanted = (Number(newest.readBigUInt64LE(META.lastPage)) + 1) * pageSize;
    const { size } = await handle.stat();
    if (size < wanted - SPARE_PAGES * pageSize) return false;
    if (size < wanted) await handle.truncate(wanted);
    return true;
  } finally {
    await handle.close();
  }
}
