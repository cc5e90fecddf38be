// What `npm test` runs: every check of this repository, one after another, and one closing line `N passed, N failed`.
//
// Invariants:
// Z1. Each step (typecheck, lint …) counts as one test, each vitest test as one; a skipped or todo test counts as failed.
// Z2. A failure never hides what comes after it: every step runs, only the end tells. Exit code 1 if anything failed or a pass ran no test.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const STEPS = [
  ['typecheck', ['tsc', '-p', 'tsconfig.json']],
  ['format and lint', ['biome', 'check', '--error-on-warnings', '.']],
  ['direction of dependencies', ['depcruise', '--config', '.dependency-cruiser.cjs', 'runtime', 'entities', 'projections', 'test']],
  ['build', ['tsc', '-p', 'tsconfig.build.json']],
];
const PASSIVE = { PERDURE_LIMIT_PASSIVATE_AFTER: '0ms' };
/** What is about the runtime and its entities, whatever their streams live in. */
const ON_EVENTSTOREDB = [
  'test/e2e/entities',
  ...['kill', 'durable-kill', 'recovery', 'passivation', 'poison', 'timers', 'time', 'drain', 'drain-runs'].map(
    (name) => `test/e2e/${name}.test.ts`,
  ),
  ...['errors-of-code', 'errors-of-callers'].map((name) => `test/e2e/${name}.test.ts`),
];
/** Folders and files of tests, and what the environment adds. A folder that does not exist yet is left out. */
const PASSES = [
  ['unit and contract', ['test/unit', 'test/contract', 'test/golden', 'test/http'], {}],
  ['EventStoreDB on the wire', ['test/wire'], {}],
  ['simulation', ['test/simulation'], {}],
  ['end to end', ['test/e2e'], {}],
  ['entities, passivated after every turn', ['test/e2e/entities'], PASSIVE],
  ['entities, crashes and recovery on EventStoreDB', ON_EVENTSTOREDB, { PERDURE_TEST_STORE: 'eventstoredb' }],
];

const rows = [];
for (const [name, command] of STEPS) rows.push(step(name, command));
for (const [name, folders, env] of PASSES) {
  const present = folders.filter((folder) => existsSync(folder));
  if (present.length > 0) rows.push(pass(name, present, env));
}
process.exitCode = report(rows);

function step(name, command) {
  const startedMs = performance.now();
  const ok = run(command, {});
  return { name, passed: ok ? 1 : 0, failed: ok ? 0 : 1, notes: [], seconds: secondsSince(startedMs) };
}

function pass(name, folders, env) {
  const startedMs = performance.now();
  const scratch = mkdtempSync(join(tmpdir(), 'perdure-test-'));
  const file = join(scratch, 'results.json');
  try {
    const paths = folders.map((path) => (path.endsWith('.ts') ? path : `${path}/`));
    const ok = run(['vitest', 'run', ...paths, '--reporter=default', '--reporter=json', `--outputFile.json=${file}`], env);
    return { name, ...counts(existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined, ok), seconds: secondsSince(startedMs) };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Counts one vitest report (Z1). A file that does not load, an error outside of tests and an empty run are one failure each. */
function counts(results, ok) {
  if (results === undefined) return { passed: 0, failed: 1, notes: ['vitest wrote no results'] };
  const notes = [];
  let passed = 0;
  for (const file of results.testResults) {
    const tests = file.assertionResults;
    passed += tests.filter(({ status }) => status === 'passed').length;
    for (const { status, fullName } of tests) if (status !== 'passed') notes.push(`${status}: ${fullName}`);
    if (file.status !== 'passed' && tests.every(({ status }) => status === 'passed')) notes.push(`failed: ${file.name}: ${file.message}`);
    else if (tests.length === 0) notes.push(`empty: ${file.name}`);
  }
  if (passed + notes.length === 0) notes.push('no test ran');
  if (!ok && notes.length === 0) notes.push('vitest failed outside of the tests; see its output above');
  return { passed, failed: notes.length, notes };
}

function run([tool, ...args], env) {
  console.log(`\n── ${tool} ${args.filter((arg) => !arg.startsWith('--')).join(' ')}`);
  const bin = join('node_modules', '.bin', tool);
  const { status, error } = spawnSync(bin, args, { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...env } });
  if (error !== undefined) console.error(error.message);
  return status === 0;
}

function secondsSince(startedMs) {
  return (performance.now() - startedMs) / 1_000;
}

/** Prints the summary; answers the exit code (Z2). */
function report(all) {
  console.log('\n── summary');
  for (const { name, passed, failed, notes, seconds } of all) {
    console.log(
      `${name.padEnd(40)} ${String(passed).padStart(5)} passed ${String(failed).padStart(4)} failed ${seconds.toFixed(1).padStart(7)} s`,
    );
    for (const note of notes.slice(0, 50)) console.log(`    ${note}`);
  }
  const passed = all.reduce((sum, row) => sum + row.passed, 0);
  const failed = all.reduce((sum, row) => sum + row.failed, 0);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
}
