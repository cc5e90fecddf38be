import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { printTable } from './lib/figures.ts';

/** Reads a `.cpuprofile` (`node --cpu-prof`) and prints where the time of the main thread went: by function itself, and with what it called. */
interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}
interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}
const TOP = 25;
const NOT_WORK = new Set(['(idle)', '(program)', '(root)']);

function nameOf({ callFrame: { functionName, url, lineNumber } }: ProfileNode): string {
  const place = url === '' ? '' : ` ${basename(url)}:${lineNumber + 1}`;
  return `${functionName === '' ? '(anonymous)' : functionName}${place}`;
}

function selfTimes({ samples, timeDeltas }: Profile): Map<number, number> {
  const times = new Map<number, number>();
  for (const [index, id] of samples.entries()) times.set(id, (times.get(id) ?? 0) + (timeDeltas[index] ?? 0));
  return times;
}

/** Times by function in microseconds; recursion counts once. */
function timesByFunction(profile: Profile): { readonly self: Map<string, number>; readonly total: Map<string, number> } {
  const own = selfTimes(profile);
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const self = new Map<string, number>();
  const total = new Map<string, number>();
  const walk = (node: ProfileNode, above: ReadonlySet<string>): number => {
    const name = nameOf(node);
    const inside = above.has(name) ? above : new Set([...above, name]);
    let time = own.get(node.id) ?? 0;
    self.set(name, (self.get(name) ?? 0) + time);
    for (const id of node.children ?? []) {
      const child = nodes.get(id);
      if (child !== undefined) time += walk(child, inside);
    }
    if (!above.has(name)) total.set(name, (total.get(name) ?? 0) + time);
    return time;
  };
  const [root] = profile.nodes;
  if (root !== undefined) walk(root, new Set());
  return { self, total };
}

for (const file of process.argv.slice(2)) {
  const { self, total } = timesByFunction(JSON.parse(readFileSync(file, 'utf8')) as Profile);
  const busy = [...self].reduce((sum, [name, time]) => (NOT_WORK.has(name) ? sum : sum + time), 0);
  const rows = (times: Map<string, number>) =>
    [...times]
      .filter(([name]) => !NOT_WORK.has(name))
      .sort(([, a], [, b]) => b - a)
      .slice(0, TOP)
      .map(([name, time]) => [name, (time / 1_000).toFixed(0), `${((100 * time) / busy).toFixed(1)} %`]);
  console.log(`\n${file}: ${(busy / 1_000).toFixed(0)} ms of work in the main thread`);
  printTable('self time', ['function', 'ms', 'share'], rows(self));
  printTable('with what it called', ['function', 'ms', 'share'], rows(total));
}
