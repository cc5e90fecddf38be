import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Runs the benches that are named, or all, one after another: `node dist/test/bench/main.js [names…] [--quick]`. */
const BENCHES = ['in-process', 'growth', 'rehydrate', 'timers', 'http', 'restate'];
const given = process.argv.slice(2);
const names = given.filter((argument) => !argument.startsWith('-'));
const flags = given.filter((argument) => argument.startsWith('-'));
const unknown = names.filter((name) => !BENCHES.includes(name));
if (unknown.length > 0) throw new Error(`unknown bench ${unknown.join(', ')}; known are ${BENCHES.join(', ')}`);
let failed = 0;
for (const name of names.length === 0 ? BENCHES : names) {
  console.log(`\n== ${name} ==\n`);
  const { status } = spawnSync(process.execPath, [...process.execArgv, fileURLToPath(new URL(`./${name}.js`, import.meta.url)), ...flags], {
    stdio: 'inherit',
  });
  if (status !== 0) failed += 1;
}
process.exitCode = failed === 0 ? 0 : 1;
