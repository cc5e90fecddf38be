import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chosen, readArguments } from './lib/arguments.ts';
import type { Load, Measured } from './lib/closed-loop.ts';
import { type Bound, judged, printTable, shown, shownSpread, spread } from './lib/figures.ts';
import { describeMachine } from './lib/machine.ts';
import { type Peer, startPeer } from './lib/peer.ts';
import { scratchDirectory } from './lib/scratch.ts';

/**
 * The runtime without HTTP against the naive reference loop, and against a loop tuned to the last allocation: each in its own process, measured in turns,
 * so that what else the machine does meets all of them. The bounds are on the ratio to the naive one. With `--cpu-prof` before the file's name every process writes a profile.
 */
interface Case extends Omit<Load, 'seconds'> {
  readonly name: string;
  readonly throughput?: Bound;
  readonly p50?: Bound;
  readonly p99?: Bound;
}
const CASES: readonly Case[] = [
  { name: '10000x1000', keys: 10_000, inFlight: 1_000, throughput: { at: 'least', value: 0.5 }, p99: { at: 'most', value: 2 } },
  { name: '10000x100', keys: 10_000, inFlight: 100 },
  { name: '10000x1', keys: 10_000, inFlight: 1, p50: { at: 'most', value: 2.5 } },
  { name: 'hot', keys: 1, inFlight: 1_000, throughput: { at: 'least', value: 0.5 } },
];
const SYSTEMS = [
  { name: 'naive', module: './in-process/naive-system.js', type: 'ledger' },
  { name: 'tuned', module: './in-process/tuned-system.js', type: 'ledger' },
  { name: 'perdure', module: './in-process/perdure-system.js', type: 'ledger' },
  { name: 'with-zod', module: './in-process/perdure-system.js', type: 'zodLedger' },
] as const;

const options = readArguments(process.argv.slice(2));
const rounds = options.rounds ?? (options.quick ? 3 : 5);
const seconds = options.quick ? 1 : 3;
const scratch = scratchDirectory('in-process');
const systems = chosen(
  SYSTEMS,
  options.only.filter((text) => SYSTEMS.some(({ name }) => name.includes(text))),
);
const cases = chosen(
  CASES,
  options.only.filter((text) => CASES.some(({ name }) => name.includes(text))),
);

const peers: { readonly name: string; readonly peer: Peer; readonly results: Map<string, Measured[]> }[] = [];
for (const { name, module, type } of systems) {
  const directory = join(scratch, name);
  mkdirSync(directory);
  const peer = startPeer(import.meta.url, module, [directory, type]);
  await peer.ask({ touch: 10_000 });
  peers.push({ name, peer, results: new Map() });
}
for (let round = 0; round < rounds; round += 1) {
  for (const { name, keys, inFlight } of cases) {
    for (const { peer, results } of peers) {
      const load: Load = { keys, inFlight, seconds };
      results.set(name, [...(results.get(name) ?? []), await peer.ask<Measured>(load)]);
    }
  }
}
for (const { peer } of peers) await peer.close();

for (const line of describeMachine(scratch, ['msgpackr', 'lmdb', 'zod'])) console.log(line);
console.log(`rounds    ${rounds} of ${seconds} s each, in turns; median (min–max). Ratios are to the naive loop.`);
const [base] = peers;
const tuned = peers.find(({ name }) => name === 'tuned');
for (const one of cases) {
  const rows = peers.map(({ name, results }) => {
    const of = (pick: (measured: Measured) => number, from = results) => spread((from.get(one.name) ?? []).map(pick));
    const ratio = (pick: (measured: Measured) => number) => of(pick).median / of(pick, base?.results ?? results).median;
    const compared = (pick: (measured: Measured) => number, bound: Bound | undefined) =>
      name === base?.name ? '1' : `${shown(ratio(pick))} ${judged(ratio(pick), bound)}`.trim();
    return [
      name,
      shownSpread(of(({ perSecond }) => perSecond)),
      compared(({ perSecond }) => perSecond, one.throughput),
      shown(of(({ perSecond }) => perSecond).median / of(({ perSecond }) => perSecond, tuned?.results ?? results).median),
      shownSpread(of(({ p50Ms }) => p50Ms)),
      compared(({ p50Ms }) => p50Ms, one.p50),
      shownSpread(of(({ p99Ms }) => p99Ms)),
      compared(({ p99Ms }) => p99Ms, one.p99),
      shownSpread(of(({ cpuUsPerSignal }) => cpuUsPerSignal)),
    ];
  });
  printTable(
    `${one.keys === 1 ? 'one hot entity' : `${shown(one.keys)} entities`}, ${shown(one.inFlight)} in flight`,
    ['system', 'signals/s', 'ratio', 'to tuned', 'p50 ms', 'ratio', 'p99 ms', 'ratio', 'CPU µs/signal'],
    rows,
  );
}
