import { fileURLToPath } from 'node:url';
import type { FlowLoad } from './flow/load-generator.ts';
import { chosen, readArguments } from './lib/arguments.ts';
import type { HttpMeasured } from './lib/load-generator.ts';
import { describeMachine } from './lib/machine.ts';
import { startPeer } from './lib/peer.ts';
import { scratchDirectory } from './lib/scratch.ts';
import { type Case, type Comparison, compare, packagesDirectory, printComparison } from './restate/comparison.ts';
import { installRestate, startPerdure, startRestate } from './restate/restate.ts';

/**
 * A flow of one durable sleep of 10 ms, one activity and one callback per run, on Perdure and on Restate, durable by their defaults, over HTTP:
 *
 *   sleep 10 ms → make a callback → the activity hands its token out → the world completes the callback over HTTP → the run returns its outcome
 *
 * One step after the other, so that none hides behind another. The activity is the same code on both sides (`flow/hand-over.ts`); the world is the
 * load generator. `workflow` gives each run a key of its own: on Perdure a new entity whose `once` signal keeps its outcome, on Restate a plain
 * service, which keeps less and is its cheapest form. `desk` spreads the runs over 10 000 keys: an entity beside a virtual object.
 * The sleep bounds what any system can reach with 64 in flight: 6 400 runs/s.
 */
const PROMISED = { throughput: { at: 'least', value: 8 }, p50: { at: 'most', value: 0.25 } } as const;
type FlowCase = Case & Pick<FlowLoad, 'inFlight' | 'keys'> & { readonly restate: string };
const CASES: readonly FlowCase[] = [
  { name: 'workflow', title: 'workflow: a key per run, 64 in flight', inFlight: 64, restate: '/workflow/start', ...PROMISED },
  { name: 'desk', title: 'desk: 10 000 keys, 64 in flight', inFlight: 64, keys: 10_000, restate: '/desk/{key}/start', ...PROMISED },
];

const options = readArguments(process.argv.slice(2));
const seconds = options.quick ? 3 : 10;
const installed = packagesDirectory();
const versions = installRestate(installed);
const beside = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const load = ({ inFlight, keys }: FlowCase, port: number, path: string, completion: FlowLoad['completion']): FlowLoad => ({
  port,
  inFlight,
  seconds,
  path,
  completion,
  ...(keys === undefined ? {} : { keys }),
});
const comparison: Comparison<FlowCase, FlowLoad> = {
  cases: chosen(CASES, options.only),
  systems: [
    {
      name: 'restate',
      start: (base) => startRestate(installed, beside('./flow/restate-service.js'), base),
      load: (one, port) => load(one, port, one.restate, { path: '/restate/awakeables/{token}/resolve', body: '{"answer":42}' }),
    },
    {
      name: 'perdure',
      start: (base) => startPerdure(beside('./flow/program.js'), base),
      load: (one, port) =>
        load(one, port, `/v1/entities/${one.name}/{key}/updates/start`, {
          path: '/v1/callbacks/{token}',
          body: '{"result":{"answer":42}}',
        }),
    },
  ],
  rounds: options.rounds ?? (options.quick ? 2 : 5),
  scratch: scratchDirectory('flow'),
};
const generator = startPeer(import.meta.url, './flow/load-generator.js');
const results = await compare(comparison, (request) => generator.ask<HttpMeasured>(request));
await generator.close();

for (const line of describeMachine(comparison.scratch, ['fastify', 'lmdb', 'msgpackr'])) console.log(line);
console.log(`peer      ${versions}`);
console.log(
  `rounds    ${comparison.rounds} of ${seconds} s each, in turns on fresh stores; median (min–max). Ratios are Perdure to Restate.`,
);
printComparison(comparison, results, 'runs/s');
