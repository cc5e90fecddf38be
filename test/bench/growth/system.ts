import { decoded, ledger, payloads } from '../in-process/work.ts';
import { Times } from '../lib/figures.ts';
import { delivery } from '../lib/host-sink.ts';
import { type Memory, memoryOf } from '../lib/machine.ts';
import { startBareNode } from '../lib/node.ts';
import { serveAsPeer } from '../lib/peer.ts';

/** A node that takes `count` signals, 1 000 in flight, over `keys` entities in a scattered order. */
export interface Windows extends Memory {
  readonly perSecond: number;
  readonly p99Ms: number;
  readonly heap: number;
  readonly external: number;
}
const IN_FLIGHT = 1_000;
const now = performance.now.bind(performance);
const [directory = '.'] = process.argv.slice(2);
const node = await startBareNode(directory, [ledger]);
const messages = payloads(1_024);
let at = 0;

function window(keys: number, count: number): Promise<Windows> {
  const times = new Times();
  const began = now();
  let started = 0;
  return new Promise((resolve) => {
    const send = () => {
      started += 1;
      at += 1;
      const bytes = messages[at % messages.length] ?? Buffer.alloc(0);
      const from = now();
      const to = { type: 'ledger', id: String((at * 618_033) % keys), name: 'book' };
      node.host.deliver(
        delivery(to, decoded(bytes), bytes.length, () => {
          times.add(now() - from);
          if (started < count) send();
          else if (times.count === count) resolve(measured(times, now() - began));
        }),
      );
    };
    for (let slot = 0; slot < IN_FLIGHT; slot += 1) send();
  });
}

function measured(times: Times, ms: number): Windows {
  const { heapUsed, external } = process.memoryUsage();
  const [p99Ms = 0] = times.percentiles(0.99);
  return { perSecond: (times.count * 1_000) / ms, p99Ms, ...memoryOf('self'), heap: heapUsed / 2 ** 20, external: external / 2 ** 20 };
}

serveAsPeer<{ readonly keys: number; readonly count: number }>(
  ({ keys, count }) => window(keys, count),
  () => node.stop(),
);
