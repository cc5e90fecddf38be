import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Runs the benches that are named, or all, one after another: `node dist/test/bench/main.js [names…] [--quick]`. */
const VALUED = ['--rounds', '--only', '--tasks'];
const BENCHES = ['in-process', 'growth', 'rehydrate', 'timers', 'http', 'restate', 'flow', 'replay', 'batch', 'eventstoredb'];
const given = process.argv.slice(2);
const names: string[] = [];
const flags: string[] = [];
for (let at = 0; at < given.length; at += 1) {
  const argument = given[at] ?? '';
  if (!argument.startsWith('-')) names.push(argument);
  else flags.push(argument, ...(VALUED.includes(argument) ? [given[++at] ?? ''] : []));
}
if (flags.includes('--help')) {
  console.log(`npm run bench -- [${BENCHES.join('|')}…] [--quick] [--rounds N] [--only TEXT] [--tasks N]`);
  process.exit(0);
}
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
