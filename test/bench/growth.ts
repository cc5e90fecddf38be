import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Windows } from './growth/system.ts';
import { chosen, readArguments } from './lib/arguments.ts';
import { judged, printTable, shown, spread } from './lib/figures.ts';
import { describeMachine } from './lib/machine.ts';
import { startPeer } from './lib/peer.ts';
import { scratchDirectory } from './lib/scratch.ts';

/** Throughput and memory while the store grows; at the end the full store and a new one are measured in turns, so that the machine's mood cancels out. */
const WINDOW = 100_000;
const CASES = [
  { name: '10k', keys: 10_000 },
  { name: '1M', keys: 1_000_000 },
];
const options = readArguments(process.argv.slice(2));
const windows = options.quick ? 10 : 100;
const rounds = options.rounds ?? 3;
const scratch = scratchDirectory('growth');
for (const line of describeMachine(scratch, ['lmdb', 'msgpackr'])) console.log(line);

async function grow(name: string, keys: number): Promise<void> {
  const started = (part: string) => {
    const directory = join(scratch, `${name}-${part}`);
    mkdirSync(directory);
    return startPeer(import.meta.url, './growth/system.js', [directory]);
  };
  const full = started('full');
  const all: Windows[] = [];
  const rows: string[][] = [];
  const shownAt = new Set([1, 2, 5, ...Array.from({ length: 10 }, (_, n) => ((n + 1) * windows) / 10)]);
  for (let n = 1; n <= windows; n += 1) {
    const window = await full.ask<Windows>({ keys, count: WINDOW });
    all.push(window);
    if (!shownAt.has(n)) continue;
    const { rss, anon, heap, external, p99Ms, perSecond } = window;
    const ratio = perSecond / (all[0]?.perSecond ?? 1);
    rows.push([shown(n * WINDOW), shown(perSecond), shown(ratio), shown(p99Ms), ...[rss, anon, heap, external].map(shown)]);
  }
  printTable(
    `${shown(keys)} entities, 1 000 in flight`,
    ['events', 'signals/s', 'to the first', 'p99 ms', 'RSS MiB', 'anon', 'heap', 'external'],
    rows,
  );
  const fresh: number[] = [];
  const grown: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const young = started(`fresh-${round}`);
    fresh.push((await young.ask<Windows>({ keys, count: WINDOW })).perSecond);
    grown.push((await full.ask<Windows>({ keys, count: WINDOW })).perSecond);
    await young.close();
  }
  await full.close();
  const own = spread(all.slice(-5).map(({ perSecond }) => perSecond)).median / (all[0]?.perSecond ?? 1);
  const inTurns = spread(grown).median / spread(fresh).median;
  console.log(`\nlast five windows to the first of the same run: ${shown(own)} ${judged(own, { at: 'least', value: 0.7 })}`);
  console.log(
    `full store to the first window of new ones, ${rounds} rounds in turns: ${shown(inTurns)} ${judged(inTurns, { at: 'least', value: 0.7 })}`,
  );
}

for (const { name, keys } of chosen(CASES, options.only)) await grow(name, keys);
