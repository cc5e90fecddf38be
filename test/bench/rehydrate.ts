import { join } from 'node:path';
import { decoded, ledger, payloads } from './in-process/work.ts';
import { readArguments } from './lib/arguments.ts';
import { judged, printTable, shown, shownSpread, spread } from './lib/figures.ts';
import { deliverAll } from './lib/host-sink.ts';
import { describeMachine } from './lib/machine.ts';
import { type BareNode, startBareNode } from './lib/node.ts';
import { scratchDirectory } from './lib/scratch.ts';

/**
 * What it costs to bring an entity back: reading and unpacking its stream alone, against the host folding it; then with snapshots, by length.
 * The entity leaves memory after every turn (`passivateAfterMs: 0`), so each strong read rehydrates it.
 */
const { quick, rounds: wished } = readArguments(process.argv.slice(2));
const rounds = wished ?? (quick ? 7 : 21);
const scratch = scratchDirectory('rehydrate');
const messages = payloads(256).map(decoded);
const NO_SNAPSHOTS = 1_000_000_000;

async function fill(node: BareNode, id: string, events: number, perTurn: number): Promise<void> {
  await deliverAll(node.host, events, perTurn, (n) => ({ type: 'ledger', id, name: 'book', payload: messages[n % messages.length] }));
}
async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
async function read(node: BareNode, id: string, expected: number): Promise<void> {
  let records = 0;
  for await (const page of node.store.readStream(`ledger-${id}`, 0)) for (const turn of page) records += turn.records.length;
  if (records !== expected) throw new Error(`ledger-${id} has ${records} records, not ${expected}`);
}
/** Both ways in turns, the first of each not counted. */
async function compare(node: BareNode, id: string, events: number) {
  const reading: number[] = [];
  const rehydrating: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const read1 = await timed(() => read(node, id, events));
    const rehydrated = await timed(() => node.host.view('ledger', id, { strong: true }));
    if (round === 0) continue;
    reading.push(read1);
    rehydrating.push(rehydrated);
  }
  return { reading: spread(reading), rehydrating: spread(rehydrating) };
}

async function withoutSnapshots(): Promise<string[][]> {
  const dir = join(scratch, 'plain');
  const filling = await startBareNode(dir, [ledger], { snapshotEvery: NO_SNAPSHOTS });
  await fill(filling, 'ones', 10_000, 1);
  await fill(filling, 'hundreds', 10_000, 100);
  await filling.stop();
  const node = await startBareNode(dir, [ledger], { snapshotEvery: NO_SNAPSHOTS, passivateAfterMs: 0 });
  const rows: string[][] = [];
  for (const [id, name] of [
    ['ones', 'turns of one'],
    ['hundreds', 'turns of 100'],
  ] as const) {
    const before = node.host.metrics().counters['rehydratedRecords'] ?? 0;
    const { reading, rehydrating } = await compare(node, id, 10_000);
    const folded = (node.host.metrics().counters['rehydratedRecords'] ?? 0) - before;
    if (folded !== 10_000 * (rounds + 1)) throw new Error(`the host folded ${folded} records, not ${10_000 * (rounds + 1)}`);
    const ratio = rehydrating.median / reading.median;
    const perSecond = 10_000_000 / rehydrating.median;
    rows.push([
      name,
      shownSpread(reading),
      shownSpread(rehydrating),
      `${shown(ratio)} ${judged(ratio, { at: 'most', value: 1.5 })}`,
      shown(perSecond),
    ]);
  }
  await node.stop();
  return rows;
}

async function withSnapshots(): Promise<string[][]> {
  const dir = join(scratch, 'snapshots');
  const lengths = quick ? [1_000, 10_000] : [1_000, 10_000, 100_000];
  const filling = await startBareNode(dir, [ledger]);
  for (const length of lengths) await fill(filling, `n${length}`, length, 10);
  await filling.stop();
  const node = await startBareNode(dir, [ledger], { passivateAfterMs: 0 });
  const medians: number[] = [];
  const rows: string[][] = [];
  for (const length of lengths) {
    const before = node.host.metrics().counters['rehydratedRecords'] ?? 0;
    const times: number[] = [];
    for (let round = 0; round <= rounds; round += 1)
      times.push(await timed(() => node.host.view('ledger', `n${length}`, { strong: true })));
    const folded = ((node.host.metrics().counters['rehydratedRecords'] ?? 0) - before) / (rounds + 1);
    const figures = spread(times.slice(1));
    medians.push(figures.median);
    rows.push([shown(length), shownSpread(figures), shown(folded), shown(figures.median / (medians[0] ?? 1))]);
  }
  await node.stop();
  return rows;
}

const plain = await withoutSnapshots();
const snapshots = await withSnapshots();
for (const line of describeMachine(scratch, ['lmdb', 'msgpackr'])) console.log(line);
console.log(`rounds    ${rounds}, reading and rehydrating in turns; median (min–max)`);
printTable('10 000 events, no snapshot', ['stream', 'read + unpack ms', 'rehydrate ms', 'ratio', 'events/s'], plain);
printTable('with snapshots: does the length matter?', ['events', 'rehydrate ms', 'records folded', 'ratio to the shortest'], snapshots);
