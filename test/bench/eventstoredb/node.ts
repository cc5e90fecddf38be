import { openEventStoreDB } from '../../../runtime/adapters/eventstoredb/open.ts';
import { realClock } from '../../../runtime/adapters/real-clock.ts';
import { decoded, ledger } from '../in-process/work.ts';
import type { Sink } from '../lib/closed-loop.ts';
import { delivery } from '../lib/host-sink.ts';
import { startNodeOn } from '../lib/node.ts';
import type { AppendSystem } from './sinks.ts';

/** A node without HTTP, as `lib/node.ts` composes one, its streams in EventStoreDB: host, projections and all their subscriptions. */
export async function nodeSystem(url: string, rowsDir: string): Promise<AppendSystem> {
  const notice = (message: string) => console.error(message);
  const store = await openEventStoreDB({ url, partitions: 16, format: 'msgpack', clock: realClock, notice });
  const { host, stop } = await startNodeOn(store, rowsDir, [ledger]);
  const sink: Sink = {
    done: () => undefined,
    submit: (key, bytes, slot) => {
      const to = { type: 'ledger', id: String(key), name: 'book' };
      host.deliver(delivery(to, decoded(bytes), bytes.length, () => sink.done(slot)));
    },
  };
  return { sink, close: stop };
}
