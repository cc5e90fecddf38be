/**
 * A process of its own for the embedded read store, `batches DIR` writes batch after batch and prints the number of each
 * once it is written; `full DIR` writes until one is refused, prints its code, waits for a line, and writes on.
 */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const [, , mode, dir] = process.argv;
const source = fileURLToPath(new URL('../../runtime/adapters/embedded/read-store.ts', import.meta.url));
const { module } = await runnerImport(source, { logLevel: 'error', configFile: false });
const store = await module.openEmbeddedReadStore({ dir });
const table = 'kill@1';
await store.declare({ table, indexes: { byBatch: ['batch'] } });
const at = (position) => (position === 0 ? undefined : { storeId: 's', position });
const say = (line) => process.stdout.write(`${line}\n`);

/** Batch n changes ten rows of its own, the row `last`, and takes away one row of the batch before. */
function changesOf(n, filler) {
  const own = Array.from({ length: 10 }, (_, row) => ({ key: `${n}/${row}`, row: { batch: n, filler } }));
  const gone = n === 1 ? [] : [{ key: `${n - 1}/0`, row: undefined }];
  return [...own, ...gone, { key: 'last', row: { batch: n, filler: '' } }];
}

const write = (n, filler) => store.write({ table, expected: at(n - 1), next: at(n), changes: changesOf(n, filler) });

if (mode === 'batches') {
  for (let n = 1; ; n++) say(`${n} ${await write(n, 'x'.repeat(n % 500))}`);
} else {
  const filler = 'x'.repeat(100_000);
  let n = 1;
  for (; ; n++) {
    try {
      await write(n, filler);
    } catch (error) {
      say(`${n} ${error.code}`);
      break;
    }
  }
  await once(process.stdin, 'data');
  say(`${n} ${await write(n, filler)}`);
  const { rows } = await store.find({ table, index: 'byBatch', equals: [n - 1], limit: 100 });
  say(`rows ${rows.length} checkpoint ${(await store.checkpoint(table)).position}`);
  await store.close();
  process.exit(0);
}
