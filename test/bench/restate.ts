import { fileURLToPath } from 'node:url';
import { chosen, readArguments } from './lib/arguments.ts';
import type { HttpLoad, HttpMeasured } from './lib/load-generator.ts';
import { describeMachine } from './lib/machine.ts';
import { startPeer } from './lib/peer.ts';
import { scratchDirectory } from './lib/scratch.ts';
import { type Case, type Comparison, compare, packagesDirectory, printComparison } from './restate/comparison.ts';
import { installRestate, startPerdure, startRestate } from './restate/restate.ts';

/** Perdure against Restate, both over HTTP with one load generator, durable by their defaults, request and response; a fresh store each round. */
type KeyedCase = Case & Pick<HttpLoad, 'keys' | 'inFlight'>;
const CASES: readonly KeyedCase[] = [
  { name: '64', title: '10 000 keys, 64 in flight', keys: 10_000, inFlight: 64, throughput: { at: 'least', value: 12 } },
  { name: 'hot', title: 'one hot key, 64 in flight', keys: 1, inFlight: 64, throughput: { at: 'least', value: 30 } },
  { name: 'one', title: '10 000 keys, 1 in flight', keys: 10_000, inFlight: 1, p50: { at: 'most', value: 0.25 } },
  { name: '512', title: '10 000 keys, 512 in flight', keys: 10_000, inFlight: 512 },
];

const options = readArguments(process.argv.slice(2));
const seconds = options.quick ? 3 : 10;
const installed = packagesDirectory();
const versions = installRestate(installed);
const beside = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const load =
  (path: string) =>
  ({ keys, inFlight }: KeyedCase, port: number): HttpLoad => ({
    port,
    keys,
    inFlight,
    seconds,
    method: 'POST',
    path,
    body: '{"amount":1}',
  });
const comparison: Comparison<KeyedCase, HttpLoad> = {
  cases: chosen(CASES, options.only),
  systems: [
    {
      name: 'restate',
      start: (base) => startRestate(installed, beside('./restate/virtual-object.js'), base),
      load: load('/counter/{key}/add'),
    },
    {
      name: 'perdure',
      start: (base) => startPerdure(beside('./restate/program.js'), base),
      load: load('/v1/entities/counter/{key}/updates/add'),
    },
  ],
  rounds: options.rounds ?? (options.quick ? 2 : 5),
  scratch: scratchDirectory('restate'),
};
const generator = startPeer(import.meta.url, './lib/load-generator.js');
const results = await compare(comparison, (request) => generator.ask<HttpMeasured>(request));
await generator.close();

for (const line of describeMachine(comparison.scratch, ['fastify', 'lmdb', 'msgpackr'])) console.log(line);
console.log(`peer      ${versions}`);
console.log(
  `rounds    ${comparison.rounds} of ${seconds} s each, in turns on fresh stores; median (min–max). Ratios are Perdure to Restate.`,
);
printComparison(comparison, results, 'ops/s');
