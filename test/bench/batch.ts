import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runBatch } from './batch/driver.ts';
import { partsOf } from './batch/samples.ts';
import { readArguments } from './lib/arguments.ts';
import { judged, printTable, shown, shownSpread } from './lib/figures.ts';
import { describeMachine } from './lib/machine.ts';
import { scratchDirectory } from './lib/scratch.ts';
import { startPerdure } from './restate/restate.ts';

/**
 * One batch of 1 000 000 tasks as 1 000 children of 1 000, on the reference program as `npm start` runs it: how fast, and how much memory in which tenth
 * of its time. `--tasks N` runs another number, `--quick` 100 000. Memory is judged by what the process allocated (`anon`); pages of the store that
 * are mapped (`file`) are the system's to take back.
 */
const CHILD_SIZE = 1_000;
const PARTS = 10;
const EVERY_MS = 250;
const PROMISED_TASKS = 1_000_000;
/** What a heap that collects when it must may waver by. A shorter batch is not judged: it ends while the process still grows to its working size. */
const FLAT = { at: 'most', value: 1.5 } as const;

const { tasks, rest } = tasksOf(process.argv.slice(2));
const { quick } = readArguments(rest);
const load = { id: 'b', tasks: tasks ?? (quick ? 100_000 : PROMISED_TASKS), childSize: CHILD_SIZE };
const scratch = scratchDirectory('batch');
const { port, services } = await startPerdure(fileURLToPath(new URL('../../perdure.config.js', import.meta.url)), join(scratch, 'data'));
const [node] = services;
if (node === undefined) throw new Error('no node was started');
const samples = await runBatch({ ...load, port, pid: node.pid }, EVERY_MS).finally(() => node.stop());

const seconds = (samples.at(-1)?.ms ?? Number.NaN) / 1_000;
const parts = partsOf(samples, PARTS);
for (const line of describeMachine(scratch, ['lmdb', 'msgpackr'])) console.log(line);
console.log(
  `batch     ${shown(load.tasks)} tasks in children of ${shown(CHILD_SIZE)}: ${shown(seconds)} s, ${shown(load.tasks / seconds)} tasks/s`,
);
printTable(
  'by tenth of its time; memory in MiB, median (min–max)',
  ['tasks done', 'tasks/s', 'anon', 'file', 'RSS'],
  parts.map(({ done, perSecond, anon, file, rss }) => [shown(done), shown(perSecond), ...[anon, file, rss].map(shownSpread)]),
);
const lastToFirst = (pick: (part: (typeof parts)[number] | undefined) => number | undefined) =>
  (pick(parts.at(-1)) ?? Number.NaN) / (pick(parts[0]) ?? Number.NaN);
const growth = lastToFirst((part) => part?.anon.median);
console.log(`\nlast tenth to the first: anon ${shown(growth)} ${judged(growth, load.tasks >= PROMISED_TASKS ? FLAT : undefined)}`.trim());
const [middle, last] = [parts[PARTS / 2 - 1], parts.at(-1)];
const perTask = ((last?.anon.median ?? Number.NaN) - (middle?.anon.median ?? Number.NaN)) / ((last?.done ?? 0) - (middle?.done ?? 0));
console.log(`over the second half: anon grew by ${shown(perTask * 2 ** 20)} bytes per task`);
console.log(`last tenth to the first: tasks/s ${shown(lastToFirst((part) => part?.perSecond))}`);

/** Takes `--tasks N` out of the arguments. Throws unless N is a whole number from 1. */
function tasksOf(args: readonly string[]): { readonly tasks: number | undefined; readonly rest: readonly string[] } {
  const at = args.indexOf('--tasks');
  if (at < 0) return { tasks: undefined, rest: args };
  const tasks = Number(args[at + 1]);
  if (!Number.isInteger(tasks) || tasks < 1) throw new Error(`--tasks takes a whole number from 1, not ${args[at + 1]}`);
  return { tasks, rest: args.filter((_, place) => place !== at && place !== at + 1) };
}
