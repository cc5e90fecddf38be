import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bound, judged, printTable, shown, shownSpread, spread } from '../lib/figures.ts';
import type { HttpMeasured } from '../lib/load-generator.ts';
import { memoryOf } from '../lib/machine.ts';
import type { Service } from '../lib/service.ts';

/** One load that all systems are put under, with what is promised of Perdure's figures as shares of Restate's. */
export interface Case {
  readonly name: string;
  readonly title: string;
  readonly throughput?: Bound;
  readonly p50?: Bound;
}
export interface System<C extends Case, L> {
  /** `restate` is what the others are compared with; what is promised, is promised of `perdure`. */
  readonly name: string;
  start(base: string): Promise<{ readonly port: number; readonly services: Service[] }>;
  load(one: C, port: number): L;
}
interface Result extends HttpMeasured {
  /** Share of one core per process of the system, and its memory afterwards in MiB. */
  readonly cpu: readonly number[];
  readonly rss: readonly number[];
}
/** By case and system, a result per round. */
type Results = ReadonlyMap<string, readonly Result[]>;

/** Where Restate's packages are kept from one run to the next. */
export function packagesDirectory(): string {
  const directory = join(tmpdir(), 'perdure-bench-restate-packages');
  mkdirSync(directory, { recursive: true });
  return directory;
}

/** Measures every case on all systems in turns, `rounds` times, each time on fresh stores below `scratch`. `ask` makes the load and measures it. */
export async function compare<C extends Case, L extends { readonly seconds: number }>(
  { cases, systems, rounds, scratch }: Comparison<C, L>,
  ask: (load: L) => Promise<HttpMeasured>,
): Promise<Results> {
  const results = new Map<string, Result[]>();
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, start, load } of systems) {
      const base = join(scratch, `${name}-${round}`);
      const { port, services } = await start(base);
      try {
        for (const one of cases) {
          const key = `${one.name} ${name}`;
          results.set(key, [...(results.get(key) ?? []), await measure(services, load(one, port), ask)]);
        }
      } finally {
        for (const service of services.reverse()) await service.stop();
      }
      rmSync(base, { recursive: true, force: true });
    }
  }
  return results;
}
export interface Comparison<C extends Case, L> {
  readonly cases: readonly C[];
  readonly systems: readonly System<C, L>[];
  readonly rounds: number;
  readonly scratch: string;
}

async function measure<L extends { readonly seconds: number }>(
  services: readonly Service[],
  load: L,
  ask: (load: L) => Promise<HttpMeasured>,
): Promise<Result> {
  const began = performance.now();
  const before = services.map((service) => service.cpuSeconds());
  const measured = await ask(load);
  const seconds = (performance.now() - began) / 1_000;
  const cpu = services.map((service, at) => (service.cpuSeconds() - (before[at] ?? 0)) / seconds);
  return { ...measured, cpu, rss: services.map(({ pid }) => memoryOf(pid).rss) };
}

/** Prints a table per case: medians with lowest and highest, and ratios to Restate's. `unit` names what is counted. */
export function printComparison<C extends Case, L>({ cases, systems }: Comparison<C, L>, results: Results, unit: string): void {
  for (const one of cases) {
    const of = (name: string, pick: (result: Result) => number) => spread((results.get(`${one.name} ${name}`) ?? []).map(pick));
    const ratio = (name: string, pick: (result: Result) => number, bound: Bound | undefined) => {
      const value = of(name, pick).median / of('restate', pick).median;
      return name === 'restate' ? '1' : `${shown(value)} ${judged(value, name === 'perdure' ? bound : undefined)}`.trim();
    };
    const rows = systems.map(({ name }) => {
      const parts = results.get(`${one.name} ${name}`)?.[0]?.cpu.length ?? 0;
      const each = (pick: (result: Result, part: number) => number) =>
        Array.from({ length: parts }, (_, part) => shown(of(name, (result) => pick(result, part)).median)).join(' + ');
      return [
        name,
        shownSpread(of(name, ({ perSecond }) => perSecond)),
        ratio(name, ({ perSecond }) => perSecond, one.throughput),
        shownSpread(of(name, ({ p50Ms }) => p50Ms)),
        ratio(name, ({ p50Ms }) => p50Ms, one.p50),
        shownSpread(of(name, ({ p99Ms }) => p99Ms)),
        each(({ cpu }, part) => 100 * (cpu[part] ?? 0)),
        each(({ rss }, part) => rss[part] ?? 0),
        `${shown(100 * of(name, ({ clientCpuShare }) => clientCpuShare).median)} (${shown(of(name, ({ clientCpuUs }) => clientCpuUs).median)} µs)`,
      ];
    });
    printTable(
      one.title,
      ['system', unit, 'ratio', 'p50 ms', 'ratio', 'p99 ms', 'CPU % (server + service)', 'RSS MiB', 'client CPU % (each)'],
      rows,
    );
  }
}
