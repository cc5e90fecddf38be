import { fileURLToPath } from 'node:url';
import type { FlowLoad } from './flow/load-generator.ts';
import { chosen, readArguments } from './lib/arguments.ts';
import type { HttpMeasured } from './lib/load-generator.ts';
import { describeMachine } from './lib/machine.ts';
import { startPeer } from './lib/peer.ts';
import { scratchDirectory } from './lib/scratch.ts';
import { answers, freePort, startService } from './lib/service.ts';
import { type Case, type Comparison, compare, packagesDirectory, printComparison } from './restate/comparison.ts';
import { installRestate, startPerdure, startRestate } from './restate/restate.ts';

/**
 * A flow of one durable sleep of 10 ms, one activity and one callback per run, on Perdure and on Restate, durable by their defaults, over HTTP:
 *
 *   sleep 10 ms → make a callback → the activity hands its token out → the world completes the callback over HTTP → the run returns its outcome
 *
 * One step after the other, so that none hides behind another; in the case `early` the token is out before the sleep, and the callback is completed
 * meanwhile. The activity is the same code on both sides (`flow/hand-over.ts`); the world is the load generator. `workflow` gives each run a key of
 * its own: on Perdure a new entity whose `once` signal keeps its outcome, on Restate a plain service, which keeps less and is its cheapest form.
 * `desk` spreads the runs over 10 000 keys: an entity beside a virtual object. The floor keeps nothing: it shows what is left to reach, for a sleep
 * of 10 ms with 64 in flight allows no system more than 6 400 runs/s.
 */
const PROMISED = { throughput: { at: 'least', value: 8 }, p50: { at: 'most', value: 0.25 } } as const;
type FlowCase = Case & Pick<FlowLoad, 'early' | 'keys'> & { readonly type: 'workflow' | 'desk' };
const CASES: readonly FlowCase[] = [
  { name: 'workflow', title: 'a key per run, 64 in flight', type: 'workflow', early: false, ...PROMISED },
  { name: 'early', title: 'a key per run, the token out before the sleep, 64 in flight', type: 'workflow', early: true, ...PROMISED },
  { name: 'desk', title: '10 000 keys, 64 in flight', type: 'desk', keys: 10_000, early: false, ...PROMISED },
];
const ANSWER = '{"answer":42}';

const options = readArguments(process.argv.slice(2));
const seconds = options.quick ? 3 : 10;
const installed = packagesDirectory();
const versions = installRestate(installed);
const beside = (file: string) => fileURLToPath(new URL(file, import.meta.url));

function load({ early, keys }: FlowCase, port: number, path: string, completion: FlowLoad['completion']): FlowLoad {
  return { port, inFlight: 64, seconds, path, completion, early, ...(keys === undefined ? {} : { keys }) };
}
async function startFloor() {
  const port = await freePort();
  const service = await startService(process.execPath, [beside('./flow/floor.js'), String(port)], {}, () =>
    answers(`http://127.0.0.1:${port}/`),
  );
  return { port, services: [service] };
}

const comparison: Comparison<FlowCase, FlowLoad> = {
  cases: chosen(CASES, options.only),
  systems: [
    {
      name: 'floor',
      start: startFloor,
      load: (one, port) => load(one, port, '/start', { path: '/callbacks/{token}', body: ANSWER }),
    },
    {
      name: 'restate',
      start: (base) => startRestate(installed, beside('./flow/restate-service.js'), base),
      load: (one, port) => {
        const path = one.type === 'desk' ? '/desk/{key}/start' : '/workflow/start';
        return load(one, port, path, { path: '/restate/awakeables/{token}/resolve', body: ANSWER });
      },
    },
    {
      name: 'perdure',
      start: (base) => startPerdure(beside('./flow/program.js'), base),
      load: (one, port) =>
        load(one, port, `/v1/entities/${one.type}/{key}/updates/start`, { path: '/v1/callbacks/{token}', body: `{"result":${ANSWER}}` }),
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
console.log(`rounds    ${comparison.rounds} of ${seconds} s each, in turns on fresh stores; median (min–max). Ratios are to Restate.`);
printComparison(comparison, results, 'runs/s');
