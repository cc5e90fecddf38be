import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chosen, readArguments } from './lib/arguments.ts';
import { type Bound, judged, printTable, shown, shownSpread, spread } from './lib/figures.ts';
import type { HttpLoad, HttpMeasured } from './lib/load-generator.ts';
import { describeMachine, memoryOf } from './lib/machine.ts';
import { startPeer } from './lib/peer.ts';
import { scratchDirectory } from './lib/scratch.ts';
import type { Service } from './lib/service.ts';
import { installRestate, startPerdure, startRestate } from './restate/restate.ts';

/** Perdure against Restate, both over HTTP with one load generator, durable by their defaults, request and response; a fresh store each round. */
interface Case {
  readonly name: string;
  readonly keys: number;
  readonly inFlight: number;
  readonly throughput?: Bound;
  readonly p50?: Bound;
}
const CASES: readonly Case[] = [
  { name: '64', keys: 10_000, inFlight: 64, throughput: { at: 'least', value: 12 } },
  { name: 'hot', keys: 1, inFlight: 64, throughput: { at: 'least', value: 30 } },
  { name: 'one', keys: 10_000, inFlight: 1, p50: { at: 'most', value: 0.25 } },
  { name: '512', keys: 10_000, inFlight: 512 },
];
interface Result extends HttpMeasured {
  /** Share of one core per process of the system, and its memory afterwards in MiB. */
  readonly cpu: readonly number[];
  readonly rss: readonly number[];
}

const options = readArguments(process.argv.slice(2));
const rounds = options.rounds ?? (options.quick ? 2 : 5);
const seconds = options.quick ? 3 : 10;
const scratch = scratchDirectory('restate');
const installed = join(tmpdir(), 'perdure-bench-restate-packages');
mkdirSync(installed, { recursive: true });
const versions = installRestate(installed);
const program = fileURLToPath(new URL('./restate/program.js', import.meta.url));
const SYSTEMS = [
  { name: 'restate', path: '/counter/{key}/add', start: (base: string) => startRestate(installed, base) },
  { name: 'perdure', path: '/v1/entities/counter/{key}/updates/add', start: (base: string) => startPerdure(program, base) },
];
const generator = startPeer(import.meta.url, './lib/load-generator.js');
const results = new Map<string, Result[]>();

async function measure(services: readonly Service[], load: HttpLoad): Promise<Result> {
  const before = services.map((service) => service.cpuSeconds());
  const measured = await generator.ask<HttpMeasured>(load);
  const cpu = services.map((service, at) => (service.cpuSeconds() - (before[at] ?? 0)) / (load.seconds * 1.3));
  return { ...measured, cpu, rss: services.map(({ pid }) => memoryOf(pid).rss) };
}

for (let round = 0; round < rounds; round += 1) {
  for (const { name, path, start } of SYSTEMS) {
    const base = join(scratch, `${name}-${round}`);
    const { port, services } = await start(base);
    try {
      for (const one of chosen(CASES, options.only)) {
        const load: HttpLoad = { port, inFlight: one.inFlight, keys: one.keys, seconds, method: 'POST', path, body: '{"amount":1}' };
        const key = `${one.name} ${name}`;
        results.set(key, [...(results.get(key) ?? []), await measure(services, load)]);
      }
    } finally {
      for (const service of services.reverse()) await service.stop();
    }
    rmSync(base, { recursive: true, force: true });
  }
}
await generator.close();

for (const line of describeMachine(scratch, ['fastify', 'lmdb', 'msgpackr'])) console.log(line);
console.log(`peer      ${versions}`);
console.log(`rounds    ${rounds} of ${seconds} s each, in turns on fresh stores; median (min–max). Ratios are Perdure to Restate.`);
for (const one of chosen(CASES, options.only)) {
  const of = (name: string, pick: (result: Result) => number) => spread((results.get(`${one.name} ${name}`) ?? []).map(pick));
  const ratio = (pick: (result: Result) => number, bound: Bound | undefined) => {
    const value = of('perdure', pick).median / of('restate', pick).median;
    return `${shown(value)} ${judged(value, bound)}`.trim();
  };
  const rows = SYSTEMS.map(({ name }) => {
    const parts = results.get(`${one.name} ${name}`)?.[0]?.cpu.length ?? 0;
    const each = (pick: (result: Result, part: number) => number) =>
      Array.from({ length: parts }, (_, part) => shown(of(name, (result) => pick(result, part)).median)).join(' + ');
    const mine = name === 'perdure';
    return [
      name,
      shownSpread(of(name, ({ perSecond }) => perSecond)),
      mine ? ratio(({ perSecond }) => perSecond, one.throughput) : '1',
      shownSpread(of(name, ({ p50Ms }) => p50Ms)),
      mine ? ratio(({ p50Ms }) => p50Ms, one.p50) : '1',
      shownSpread(of(name, ({ p99Ms }) => p99Ms)),
      each(({ cpu }, part) => 100 * (cpu[part] ?? 0)),
      each(({ rss }, part) => rss[part] ?? 0),
      `${shown(100 * of(name, ({ clientCpuShare }) => clientCpuShare).median)} (${shown(of(name, ({ clientCpuUs }) => clientCpuUs).median)} µs)`,
    ];
  });
  printTable(
    `${one.keys === 1 ? 'one hot key' : `${shown(one.keys)} keys`}, ${one.inFlight} in flight`,
    ['system', 'ops/s', 'ratio', 'p50 ms', 'ratio', 'p99 ms', 'CPU % (server + service)', 'RSS MiB', 'client CPU % (per op)'],
    rows,
  );
}
