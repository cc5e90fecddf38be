import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { mountOf } from './machine.ts';

/** File systems that keep nothing: a sync costs nothing there, so no figure means anything. */
const IN_MEMORY = new Set(['tmpfs', 'ramfs', 'devtmpfs']);

/**
 * Makes a directory for data on a real disk: in `BENCH_DIR`, else in the system's temporary directory, else beside it. Removed when the
 * process exits. Throws if all of them are in memory.
 */
export function scratchDirectory(name: string): string {
  const wished = process.env['BENCH_DIR'];
  const places = wished === undefined ? [tmpdir(), '/var/tmp', resolve('..')] : [wished];
  for (const place of places) {
    if (IN_MEMORY.has(mountOf(resolve(place)).type)) continue;
    mkdirSync(place, { recursive: true });
    const directory = mkdtempSync(join(place, `perdure-bench-${name}-`));
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
    process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
    return directory;
  }
  throw new Error(`No real disk among ${places.join(', ')} (all are in memory): set BENCH_DIR to a directory on one.`);
}
