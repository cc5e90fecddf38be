import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chosen, readArguments } from './lib/arguments.ts';
import { printTable, shown, shownSpread, spread } from './lib/figures.ts';
import type { HttpLoad, HttpMeasured } from './lib/load-generator.ts';
import { describeMachine } from './lib/machine.ts';
import { startPeer } from './lib/peer.ts';
import { scratchDirectory } from './lib/scratch.ts';
import { answers, freePort, startService } from './lib/service.ts';
import { startPerdure } from './restate/restate.ts';

/** Perdure's HTTP path, call by call, beside a bare fastify handler (the floor), in turns. */
type Call = Pick<HttpLoad, 'method' | 'path' | 'keys' | 'inFlight' | 'body' | 'contentType'> & {
  readonly name: string;
  readonly lines?: number;
};
const PAYLOAD = `{"amount":1,"note":"${'n'.repeat(160)}"}`;
const ENTITY = '/v1/entities/counter/{key}';
const LINES = 1_000;
const line = (n: number) => `{"type":"counter","id":"{key}${n}","name":"add","payload":${PAYLOAD}}\n`;
const BATCH = Array.from({ length: LINES }, (_, n) => line(n)).join('');
const keys = 10_000;
const CALLS: readonly Call[] = [
  { name: 'signal', method: 'POST', path: `${ENTITY}/signals/add`, keys, inFlight: 64, body: PAYLOAD },
  { name: 'update', method: 'POST', path: `${ENTITY}/updates/add`, keys, inFlight: 64, body: PAYLOAD },
  { name: 'update-512', method: 'POST', path: `${ENTITY}/updates/add`, keys, inFlight: 512, body: PAYLOAD },
  { name: 'query', method: 'GET', path: `${ENTITY}/queries/total`, keys, inFlight: 64 },
  { name: 'entity', method: 'GET', path: ENTITY, keys, inFlight: 64 },
  {
    name: 'batch',
    method: 'POST',
    path: '/v1/signals',
    keys: 10,
    inFlight: 4,
    body: BATCH,
    contentType: 'application/x-ndjson',
    lines: LINES,
  },
];
interface Result extends HttpMeasured {
  readonly cpuUs: number;
}

const options = readArguments(process.argv.slice(2));
const rounds = options.rounds ?? (options.quick ? 2 : 5);
const seconds = options.quick ? 2 : 5;
const scratch = scratchDirectory('http');
const generator = startPeer(import.meta.url, './lib/load-generator.js');
const program = fileURLToPath(new URL('./http/program.js', import.meta.url));
const perdure = await startPerdure(program, join(scratch, 'data'));
const floorPort = await freePort();
const floor = await startService(
  process.execPath,
  [fileURLToPath(new URL('./http/floor.js', import.meta.url)), String(floorPort)],
  {},
  () => answers(`http://127.0.0.1:${floorPort}/`),
);
const [node = floor] = perdure.services;
const SYSTEMS = [
  { name: 'floor', port: floorPort, service: floor },
  { name: 'perdure', port: perdure.port, service: node },
];
const results = new Map<string, Result[]>();
const calls = chosen(CALLS, options.only);

// Every key exists before it is read.
await generator.ask<HttpMeasured>({ ...CALLS[0], port: perdure.port, seconds: 4 } as HttpLoad);
for (let round = 0; round < rounds; round += 1) {
  for (const { name: call, lines, ...load } of calls) {
    for (const { name, port, service } of SYSTEMS) {
      // The floor answers a batch like any request: there is no floor for lines.
      if (lines !== undefined && name === 'floor') continue;
      const before = service.cpuSeconds();
      const measured = await generator.ask<HttpMeasured>({ ...load, port, seconds });
      const cpuUs = ((service.cpuSeconds() - before) * 1e6) / (measured.perSecond * seconds * 1.3);
      results.set(`${call} ${name}`, [...(results.get(`${call} ${name}`) ?? []), { ...measured, cpuUs }]);
    }
  }
}
await generator.close();
await floor.stop();
await node.stop();

for (const text of describeMachine(scratch, ['fastify', 'lmdb', 'msgpackr', 'zod'])) console.log(text);
console.log(`rounds    ${rounds} of ${seconds} s each, in turns; median (min–max). A batch is ${LINES} lines; its figures are per line.`);
const rows = calls.flatMap(({ name: call, inFlight, lines = 1 }) =>
  SYSTEMS.filter(({ name }) => results.has(`${call} ${name}`)).map(({ name }) => {
    const of = (pick: (result: Result) => number, system = name) => spread((results.get(`${call} ${system}`) ?? []).map(pick));
    const perSecond = of((result) => result.perSecond * lines);
    const ratio = results.has(`${call} floor`) ? shown(perSecond.median / of((result) => result.perSecond, 'floor').median) : '';
    return [
      call,
      String(inFlight),
      name,
      shownSpread(perSecond),
      ratio,
      shownSpread(of((result) => result.p50Ms)),
      shownSpread(of((result) => result.p99Ms)),
      shown(of((result) => result.cpuUs / lines).median),
      shown(100 * of((result) => result.clientCpuShare).median),
    ];
  }),
);
printTable(
  'calls',
  ['call', 'in flight', 'system', 'per second', 'to floor', 'p50 ms', 'p99 ms', 'server CPU µs each', 'client CPU %'],
  rows,
);
