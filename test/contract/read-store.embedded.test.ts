/** What only a process of its own shows of the embedded read store: kill -9, and a disk that is full for a while. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, expect, test } from 'vitest';
import { openEmbeddedReadStore } from '../../runtime/adapters/embedded/read-store.ts';

const CHILD = join(import.meta.dirname, 'read-store-child.mjs');
const TABLE = { table: 'kill@1', indexes: { byBatch: ['batch'] } };

const dirs: string[] = [];
const tempDir = async () => {
  const dir = await mkdtemp(join(tmpdir(), 'perdure-rows-'));
  dirs.push(dir);
  return dir;
};
afterEach(async () => {
  for (const dir of dirs.splice(0)) await rm(dir, { recursive: true, force: true });
});

/** The lines that a child prints, one at a time; undefined once it has ended. */
function linesOf(child: ChildProcess): () => Promise<string | undefined> {
  if (child.stdout === null) throw new Error('the child has no output');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async () => {
    const { done, value } = await lines.next();
    return done === true ? undefined : value;
  };
}

test.each([1, 40, 300])(
  'P1: after a kill -9 the rows are exactly the batches up to the checkpoint (killed after batch %d)',
  async (count) => {
    const dir = await tempDir();
    const child = spawn(process.execPath, [CHILD, 'batches', dir], { stdio: ['ignore', 'pipe', 'inherit'] });
    const next = linesOf(child);
    let acknowledged = 0;
    for (let line = await next(); line !== undefined; line = await next()) {
      const [batch, outcome] = line.split(' ');
      expect(outcome).toBe('written');
      acknowledged = Number(batch);
      if (acknowledged === count) child.kill('SIGKILL');
    }
    const store = await openEmbeddedReadStore({ dir });
    await store.declare(TABLE);
    const position = (await store.checkpoint(TABLE.table))?.position ?? 0;
    expect([acknowledged, acknowledged + 1]).toContain(position);
    const rows = new Map<string, unknown>();
    for (const index of [undefined, 'byBatch']) {
      const found = new Map<string, unknown>();
      let cursor: string | undefined;
      do {
        const part = { ...(index === undefined ? {} : { index }), ...(cursor === undefined ? {} : { cursor }) };
        const page = await store.find({ table: TABLE.table, limit: 1_000, ...part });
        for (const { key, row } of page.rows) found.set(key, row);
        cursor = page.cursor;
      } while (cursor !== undefined);
      if (index === undefined) for (const [key, row] of found) rows.set(key, row);
      else expect(found).toEqual(rows);
    }
    const expected = new Map<string, unknown>([['last', { batch: position, filler: '' }]]);
    for (let batch = 1; batch <= position; batch++) {
      const first = batch === position ? 0 : 1;
      for (let row = first; row < 10; row++) expected.set(`${batch}/${row}`, { batch, filler: 'x'.repeat(batch % 500) });
    }
    expect(rows).toEqual(expected);
    await store.close();
  },
  60_000,
);

test('P1: a full disk refuses the write and leaves the process alive; with room again the same write goes through', async () => {
  const dir = await tempDir();
  const through = `trap '' XFSZ; ulimit -S -f 20480; exec "$@"`;
  const child = spawn('bash', ['-c', through, 'bash', process.execPath, CHILD, 'full', dir], { stdio: ['pipe', 'pipe', 'ignore'] });
  const next = linesOf(child);
  const refused = await next();
  // lmdb reports a write that was cut short as an I/O error: only one that wrote nothing is known to be for want of room.
  expect(refused).toMatch(/^\d+ store-(full|failed)$/);
  const batch = Number(refused?.split(' ')[0]);
  expect(batch).toBeGreaterThan(1);
  expect(spawnSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited']).status).toBe(0);
  child.stdin?.write('on\n');
  expect(await next()).toBe(`${batch} written`);
  expect(await next()).toBe(`rows 9 checkpoint ${batch}`);
  const [code] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode];
  expect(code).toBe(0);
}, 60_000);
