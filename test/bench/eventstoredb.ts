import { setMaxListeners } from 'node:events';
import { type PairMeasured, startPair } from './eventstoredb/measured-pair.ts';
import { STAGES } from './eventstoredb/split.ts';
import type { SplitMeasured, SplitRequest } from './eventstoredb/system.ts';
import { chosen, readArguments } from './lib/arguments.ts';
import { type Bound, judged, printTable, type Spread, shown, shownSpread, spread } from './lib/figures.ts';
import { describeMachine } from './lib/machine.ts';
import { scratchDirectory } from './lib/scratch.ts';

/**
 * What the EventStoreDB adapter costs, against the test server in a process of its own: memory only and written in JavaScript, so that latencies and
 * rates say nothing about a real server. Ratios within one run and CPU of the appending process do.
 *
 * 1. Appends of one event over 10 000 streams: `store.append` beside the adapter's appender fed with ready-made events (what is left if codec, store and
 *    the feed of the log cost nothing) and beside the stock client. Why: a turn must cost little more than its append.
 * 2. One hot entity of a whole node with 1 000 signals in flight, beside the stock client appending one event after another. Why: an entity must not be
 *    as slow as a round trip per signal; signals that wait share an append.
 * 3. Where the CPU of a turn goes, by samples of V8's profiler: without subscriptions, with the five that a node usually has, and in a whole node. The
 *    profiler itself costs some. Time of other threads (collection of garbage, compilation) is what `CPU` has beyond the sum.
 *
 * Every system has its own process and its own server; systems of one table are measured in turns. Where `server` is near 1 the server is what is measured.
 */
interface System {
  readonly name: string;
  readonly inFlight?: number;
  readonly throughput?: Bound;
}
interface Case {
  readonly name: string;
  readonly title: string;
  readonly keys: number;
  readonly inFlight: number;
  /** The first is what the others are compared with. */
  readonly systems: readonly System[];
}
const OF_BARE: Bound = { at: 'least', value: 0.8 };
const CASES: readonly Case[] = [
  {
    name: '10000x50',
    title: 'appends of one event over 10 000 streams, 50 in flight',
    keys: 10_000,
    inFlight: 50,
    systems: [{ name: 'bare' }, { name: 'adapter', throughput: OF_BARE }, { name: 'adapter-5' }, { name: 'client' }],
  },
  {
    name: '10000x256',
    title: 'appends of one event over 10 000 streams, 256 in flight',
    keys: 10_000,
    inFlight: 256,
    systems: [{ name: 'bare' }, { name: 'adapter', throughput: OF_BARE }, { name: 'adapter-5' }],
  },
  {
    name: 'hot',
    title: 'one hot entity: a node with 1 000 signals in flight, the client one after another',
    keys: 1,
    inFlight: 1_000,
    systems: [
      { name: 'client', inFlight: 1 },
      { name: 'node', throughput: { at: 'least', value: 10 } },
    ],
  },
];
const SPLITS = [
  { name: 'split bare', system: 'bare', keys: 10_000, inFlight: 256 },
  { name: 'split adapter', system: 'adapter', keys: 10_000, inFlight: 256 },
  { name: 'split adapter-5', system: 'adapter-5', keys: 10_000, inFlight: 256 },
  { name: 'split node', system: 'node', keys: 10_000, inFlight: 256 },
  { name: 'split node-hot', system: 'node', keys: 1, inFlight: 1_000 },
] as const;

// Every server that was started listens for the end of this process.
setMaxListeners(32, process);
const options = readArguments(process.argv.slice(2));
const rounds = options.rounds ?? (options.quick ? 3 : 5);
const seconds = options.quick ? 1 : 3;
const scratch = scratchDirectory('eventstoredb');
const picked = chosen([...CASES, ...SPLITS], options.only);

for (const line of describeMachine(scratch, ['@eventstore/db-client', '@grpc/grpc-js', 'google-protobuf', 'msgpackr'])) console.log(line);
console.log(`rounds    ${rounds} of ${seconds} s each, in turns; median (min–max). Ratios are to the first row.`);
for (const one of picked) if ('systems' in one) await compare(one);
await splitCpu(picked.flatMap((one) => ('system' in one ? [one] : [])));

async function compare({ title, keys, inFlight, systems }: Case): Promise<void> {
  const pairs = [];
  for (const system of systems) pairs.push({ system, pair: await startPair(system.name, scratch, keys), of: [] as PairMeasured[] });
  for (let round = 0; round < rounds; round += 1) {
    for (const { system, pair, of } of pairs) of.push(await pair.measure({ keys, inFlight: system.inFlight ?? inFlight, seconds }));
  }
  for (const { pair } of pairs) await pair.close();
  const [base] = pairs;
  printTable(
    title,
    ['system', 'signals/s', 'ratio', 'p50 ms', 'p99 ms', 'CPU µs/signal', 'ratio', 'server'],
    pairs.map(({ system, of }) => {
      const figure = (pick: (measured: PairMeasured) => number, from = of): Spread => spread(from.map(pick));
      const ratio = (pick: (measured: PairMeasured) => number) => figure(pick).median / figure(pick, base?.of ?? of).median;
      const throughput = ratio(({ perSecond }) => perSecond);
      return [
        system.name,
        shownSpread(figure(({ perSecond }) => perSecond)),
        `${shown(throughput)} ${judged(throughput, system.throughput)}`.trim(),
        shownSpread(figure(({ p50Ms }) => p50Ms)),
        shownSpread(figure(({ p99Ms }) => p99Ms)),
        shownSpread(figure(({ cpuUsPerSignal }) => cpuUsPerSignal)),
        shown(ratio(({ cpuUsPerSignal }) => cpuUsPerSignal)),
        shown(figure(({ serverShare }) => serverShare).median),
      ];
    }),
  );
}

async function splitCpu(splits: readonly (typeof SPLITS)[number][]): Promise<void> {
  const rows: string[][] = [];
  for (const { name, system, keys, inFlight } of splits) {
    const pair = await startPair(system, scratch, keys);
    await pair.measure({ keys, inFlight, seconds: 1 });
    const request: SplitRequest = { split: { keys, inFlight, seconds } };
    const { stages, cpuMs, signals } = await pair.ask<SplitMeasured>(request);
    await pair.close();
    const perSignal = (ms: number) => shown((ms * 1_000) / signals);
    rows.push([name.slice('split '.length), perSignal(cpuMs), ...STAGES.map((stage) => perSignal(stages[stage]))]);
  }
  if (rows.length > 0)
    printTable('CPU by stage, microseconds per signal (a turn of its own but for node-hot)', ['system', 'CPU', ...STAGES], rows);
}
