// A process of its own for the tests: `open {dir}` says whether it may, `append {dir}` appends and prints what was acknowledged.
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const [, , verb, dir] = process.argv;
const source = fileURLToPath(new URL('../../../runtime/adapters/embedded/open.ts', import.meta.url));
const { module } = await runnerImport(source, { logLevel: 'error', configFile: false });

function appendTo(store, stream, revision) {
  const records = [{ type: 'Happened', data: `${stream}/${revision}`, meta: {} }];
  const commit = { stream, expectedRevision: revision - 1, turnId: randomBytes(16).toString('base64url'), time: 0, records };
  store.append([commit], (_, outcome) => {
    if (outcome.kind !== 'committed') throw new Error(JSON.stringify(outcome));
    process.stdout.write(`${stream} ${revision}\n`);
    appendTo(store, stream, revision + 1);
  });
}

try {
  const store = await module.openEmbeddedStore({ dir, partitions: 16, flushIntervalMs: 20, segmentBytes: 256 * 1024 });
  if (verb === 'append') for (let n = 0; n < 50; n++) appendTo(store, `cart-${n}`, 0);
  else {
    console.log('opened');
    await store.close();
  }
} catch (error) {
  console.log(error.code ?? error);
}
