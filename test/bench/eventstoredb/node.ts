import { openEmbeddedReadStore } from '../../../runtime/adapters/embedded/read-store.ts';
import { openEventStoreDB } from '../../../runtime/adapters/eventstoredb/open.ts';
import { realClock, realDrain } from '../../../runtime/adapters/real-clock.ts';
import { realEntropy } from '../../../runtime/adapters/real-entropy.ts';
import { definitionOf } from '../../../runtime/core/definition/entity.ts';
import { guard, installGuard } from '../../../runtime/host/guard.ts';
import { createHost } from '../../../runtime/host/host.ts';
import { builtInProjections, entityFold } from '../../../runtime/projection/definitions.ts';
import { Projections } from '../../../runtime/projection/projections.ts';
import { decoded, ledger } from '../in-process/work.ts';
import type { Sink } from '../lib/closed-loop.ts';
import { delivery } from '../lib/host-sink.ts';
import type { AppendSystem } from './sinks.ts';

/** A node without HTTP, as `lib/node.ts` composes one, its streams in EventStoreDB: host, projections and all their subscriptions. */
export async function nodeSystem(url: string, rowsDir: string): Promise<AppendSystem> {
  const definitions = [definitionOf(ledger)];
  const uninstall = installGuard();
  const complain = (event: string, fields: Readonly<Record<string, unknown>>) => console.error(event, fields);
  const quiet = () => undefined;
  const notice = (message: string) => console.error(message);
  const store = await openEventStoreDB({ url, partitions: 16, format: 'msgpack', clock: realClock, notice });
  const rows = await openEmbeddedReadStore({ dir: rowsDir });
  const host = createHost({
    definitions,
    store,
    rows,
    activities: [],
    clock: realClock,
    drained: realDrain,
    entropy: realEntropy(),
    guard,
    log: { debug: quiet, info: quiet, warn: complain, error: complain },
    limits: {},
    freeze: (value) => value,
  });
  const log = (level: string, message: string, fields: object) => {
    if (level === 'warn' || level === 'error') console.error(message, fields);
  };
  const projections = new Projections(
    { events: store, rows, clock: realClock, log },
    builtInProjections(definitions.map(({ type }) => type)),
    definitions.map(entityFold),
  );
  await projections.start();
  await host.start();
  const sink: Sink = {
    done: () => undefined,
    submit: (key, bytes, slot) => {
      const to = { type: 'ledger', id: String(key), name: 'book' };
      host.deliver(delivery(to, decoded(bytes), bytes.length, () => sink.done(slot)));
    },
  };
  return {
    sink,
    close: async () => {
      await host.stop(30_000);
      await projections.stop();
      await rows.close();
      await store.close();
      uninstall();
    },
  };
}
