import { join } from 'node:path';
import { readArguments } from './lib/arguments.ts';
import { judged, printTable, type Spread, shown, shownSpread, spread } from './lib/figures.ts';
import { describeMachine } from './lib/machine.ts';
import { scratchDirectory } from './lib/scratch.ts';
import { DEFAULT_SNAPSHOTS, fill, json, NO_SNAPSHOTS, reopen, runOf } from './replay/node.ts';

/**
 * What it costs to replay a run. Entities leave memory after every turn, so a strong read brings one back (its stream is read, nothing is replayed),
 * and completing its callback brings it back, replays its run and ends it in one durable turn. The difference is what the replay costs at most: it
 * holds the append and its sync too. Each entity is measured once; both ways in turns over HTTP in this process.
 */
interface Row {
  readonly steps: number;
  readonly snapshots: string;
  readonly reading: Spread;
  readonly resuming: Spread;
  /** Of the differences, milliseconds per 10 steps. */
  readonly perTen: number;
}
/** Of runs of this many steps; with fewer, the one append weighs too much. */
const PROMISED_FROM = 1_000;
const PROMISED = { at: 'most', value: 1 } as const;

const { quick, rounds: wished } = readArguments(process.argv.slice(2));
const rounds = wished ?? (quick ? 7 : 21);
const scratch = scratchDirectory('replay');

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

async function measure(steps: number, snapshots: string, snapshotEvery: number): Promise<Row> {
  const dir = join(scratch, `${steps}-${snapshotEvery}`);
  // One more than is counted: the first warms the code up.
  const ids = Array.from({ length: rounds + 1 }, (_, n) => `w${n}`);
  const tokens = await fill(dir, snapshotEvery, ids, steps);
  const node = await reopen(dir, snapshotEvery);
  const reading: number[] = [];
  const resuming: number[] = [];
  try {
    for (const id of ids) {
      const entity = `${node.url}/v1/entities/walk/${id}`;
      reading.push(await timed(() => json(`${entity}?consistency=strong`)));
      resuming.push(await timed(() => json(`${node.url}/v1/callbacks/${tokens.get(id)}`, { result: { answer: 42 } })));
      await expectCompleted(entity, id, steps);
    }
  } finally {
    await node.stop();
  }
  const counted = (values: readonly number[]) => values.slice(1);
  const differences = counted(resuming.map((ms, at) => ms - (reading[at] ?? 0)));
  return {
    steps,
    snapshots,
    reading: spread(counted(reading)),
    resuming: spread(counted(resuming)),
    perTen: (spread(differences).median * 10) / steps,
  };
}

/** The turn of the completion ended the run, with the outcome of every step: else something else was measured. */
async function expectCompleted(entity: string, id: string, steps: number): Promise<void> {
  const run = (await json(`${entity}/runs/${runOf(id)}`)) as { status: string; result?: { steps: number; answer: number } };
  const sum = (steps * (steps - 1)) / 2;
  if (run.status !== 'completed' || run.result?.steps !== sum || run.result.answer !== 42)
    throw new Error(`the run of ${id} is not completed with the sum ${sum}: ${JSON.stringify(run)}`);
}

const all: Row[] = [];
for (const steps of quick ? [100, 1_000] : [100, 1_000, 5_000]) {
  all.push(await measure(steps, 'none', NO_SNAPSHOTS));
  all.push(await measure(steps, `every ${DEFAULT_SNAPSHOTS} records`, DEFAULT_SNAPSHOTS));
}
for (const line of describeMachine(scratch, ['lmdb', 'msgpackr'])) console.log(line);
console.log(`rounds    ${rounds}, an entity each; median (min–max)`);
printTable(
  'a run that left memory',
  ['steps', 'snapshots', 'read ms', 'read, replay and commit ms', 'difference per 10 steps, ms'],
  all.map(({ steps, snapshots, reading, resuming, perTen }) => [
    shown(steps),
    snapshots,
    shownSpread(reading),
    shownSpread(resuming),
    `${shown(perTen)} ${judged(perTen, steps >= PROMISED_FROM ? PROMISED : undefined)}`.trim(),
  ]),
);
