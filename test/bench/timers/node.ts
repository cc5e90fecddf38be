import { Times } from '../lib/figures.ts';
import { deliverAll } from '../lib/host-sink.ts';
import { memoryOf } from '../lib/machine.ts';
import { startBareNode } from '../lib/node.ts';
import { serveAsPeer } from '../lib/peer.ts';
import { reminder } from './reminder.ts';

/** A node that arms timers, or waits for those that are due. */
export type TimersRequest =
  | { readonly kind: 'arm'; readonly first: number; readonly count: number; readonly dueAt: number; readonly spreadMs: number }
  | { readonly kind: 'memory' }
  | { readonly kind: 'started' }
  /** Waits until `count` timers have fired durably. */
  | { readonly kind: 'fired'; readonly count: number };

export interface Lateness {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const began = performance.now();
const [directory = '.'] = process.argv.slice(2);
const node = await startBareNode(directory, [reminder]);
const startedMs = performance.now() - began;
const times = new Times();
let told: () => void = () => undefined;
const subscription = node.store.subscribe({ from: await node.store.headPosition(), prefixes: ['reminder-'] });

async function watch(): Promise<void> {
  for await (const { turns } of subscription) {
    const now = Date.now();
    for (const { type, data } of turns.flatMap(({ records }) => records)) {
      if (type === 'Fired') times.add(now - (data as { readonly dueAt: number }).dueAt);
    }
    told();
  }
}
void watch();

async function answer(request: TimersRequest): Promise<unknown> {
  switch (request.kind) {
    case 'arm': {
      const { first, count, dueAt, spreadMs } = request;
      await deliverAll(node.host, count, 1_000, (n) => {
        return { type: 'reminder', id: `r${first + n}`, name: 'arm', payload: { at: dueAt + (n % spreadMs) } };
      });
      return undefined;
    }
    case 'memory':
      return { ...memoryOf('self'), heap: process.memoryUsage().heapUsed / 2 ** 20, external: process.memoryUsage().external / 2 ** 20 };
    case 'started':
      return startedMs;
    case 'fired': {
      while (times.count < request.count) await new Promise<void>((resolve) => (told = resolve));
      const [p50Ms = 0, p99Ms = 0, maxMs = 0] = times.percentiles(0.5, 0.99, 1);
      return { p50Ms, p99Ms, maxMs } satisfies Lateness;
    }
  }
}

serveAsPeer<TimersRequest>(answer, async () => {
  subscription.close();
  await node.stop();
});
