import { join } from 'node:path';
import { readArguments } from './lib/arguments.ts';
import { judged, printTable, shown } from './lib/figures.ts';
import { describeMachine, type Memory } from './lib/machine.ts';
import { type Peer, startPeer } from './lib/peer.ts';
import { scratchDirectory } from './lib/scratch.ts';
import type { Lateness, TimersRequest } from './timers/node.ts';

/** A million entities that each wait for a timer: what a restart costs, and how late 10 000 timers of one second are after it. */
type MoreMemory = Memory & { readonly heap: number; readonly external: number };

const { quick } = readArguments(process.argv.slice(2));
const entities = quick ? 100_000 : 1_000_000;
const due = quick ? 1_000 : 10_000;
const FAR_MS = 30 * 86_400_000;
const data = join(scratchDirectory('timers'), 'data');
const start = () => startPeer(import.meta.url, './timers/node.js', [data]);
const ask = <T>(peer: Peer, request: TimersRequest) => peer.ask<T>(request);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const rows: string[][] = [];

function report(what: string, { rss, anon, file, heap, external }: MoreMemory): void {
  rows.push([what, shown(rss), judged(rss, { at: 'most', value: 1_024 }), ...[anon, file, heap, external].map(shown)]);
}
/** Starts the node and answers how long that took, process included, in seconds. */
async function restart(): Promise<{ readonly peer: Peer; readonly seconds: number }> {
  const began = performance.now();
  const peer = start();
  await ask(peer, { kind: 'started' });
  return { peer, seconds: (performance.now() - began) / 1_000 };
}

const filling = start();
const filledFrom = performance.now();
await ask(filling, { kind: 'arm', first: 0, count: entities, dueAt: Date.now() + FAR_MS, spreadMs: 86_400_000 });
const perSecond = entities / ((performance.now() - filledFrom) / 1_000);
report('after filling', await ask<MoreMemory>(filling, { kind: 'memory' }));
const stopFrom = performance.now();
await filling.close();
const stopSeconds = (performance.now() - stopFrom) / 1_000;

const first = await restart();
report('after a restart', await ask<MoreMemory>(first.peer, { kind: 'memory' }));
await pause(5_000);
report('5 s (rounds of the agenda) later', await ask<MoreMemory>(first.peer, { kind: 'memory' }));
const dueAt = Date.now() + Math.ceil((stopSeconds + first.seconds) * 2_000) + 8_000;
await ask(first.peer, { kind: 'arm', first: 0, count: due, dueAt, spreadMs: 1_000 });
await first.peer.close();

const second = await restart();
const spareMs = dueAt - Date.now();
const late = await ask<Lateness>(second.peer, { kind: 'fired', count: due });
report(`after ${shown(due)} timers of one second`, await ask<MoreMemory>(second.peer, { kind: 'memory' }));
await second.peer.close();

for (const line of describeMachine(data, ['lmdb', 'msgpackr', 'zod'])) console.log(line);
console.log(
  `filled    ${shown(entities)} entities with a timer in 30 days, ${shown(perSecond)} signals/s; stopped in ${shown(stopSeconds)} s`,
);
printTable('memory, MiB (1 GiB is promised)', ['when', 'RSS', 'bound', 'anon', 'file', 'heap', 'external'], rows);
printTable(
  'start-up, seconds',
  ['start', 'seconds', 'bound'],
  [
    ['first', shown(first.seconds), judged(first.seconds, { at: 'most', value: 30 })],
    ['second', shown(second.seconds), judged(second.seconds, { at: 'most', value: 30 })],
  ],
);
printTable(
  `lateness of ${shown(due)} timers due within one second, ${shown(spareMs / 1_000)} s after the node was up, until durable, ms`,
  ['p50', 'p99', 'max'],
  [[late.p50Ms, late.p99Ms, late.maxMs].map(shown)],
);
