import { join } from 'node:path';
import type { AnyImplementation } from 'perdure';
import type { EmbeddedEventStore } from '../../../runtime/adapters/embedded/event-store.ts';
import { openEmbeddedStore } from '../../../runtime/adapters/embedded/open.ts';
import { openEmbeddedReadStore } from '../../../runtime/adapters/embedded/read-store.ts';
import { realClock, realDrain } from '../../../runtime/adapters/real-clock.ts';
import { realEntropy } from '../../../runtime/adapters/real-entropy.ts';
import { definitionOf } from '../../../runtime/core/definition/entity.ts';
import type { HostLimits } from '../../../runtime/host/context.ts';
import { guard, installGuard } from '../../../runtime/host/guard.ts';
import { createHost, type Host } from '../../../runtime/host/host.ts';
import type { EventStore } from '../../../runtime/ports/event-store.ts';
import { builtInProjections, entityFold } from '../../../runtime/projection/definitions.ts';
import { Projections } from '../../../runtime/projection/projections.ts';

/** A node without HTTP. */
export interface BareNode<S extends EventStore = EmbeddedEventStore> {
  readonly host: Host;
  readonly store: S;
  readonly projections: Projections;
  stop(): Promise<void>;
}

/** A node on the embedded store of a directory. */
export async function startBareNode(
  dataDir: string,
  entities: readonly AnyImplementation[],
  limits: Partial<HostLimits> = {},
): Promise<BareNode> {
  const store = await openEmbeddedStore({ dir: dataDir, partitions: 16, notice: (message) => console.error(message) });
  return startNodeOn(store, join(dataDir, 'rows'), entities, limits);
}

/** Composes a node as `runtime/start.ts` does, in production mode, without its HTTP server: what is measured is the runtime itself. It closes the store. */
export async function startNodeOn<S extends EventStore>(
  store: S,
  rowsDir: string,
  entities: readonly AnyImplementation[],
  limits: Partial<HostLimits> = {},
): Promise<BareNode<S>> {
  const definitions = entities.map(definitionOf);
  const uninstall = installGuard();
  const rows = await openEmbeddedReadStore({ dir: rowsDir });
  const complain = (event: string, fields: Readonly<Record<string, unknown>>) => console.error(event, fields);
  const quiet = () => undefined;
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
    limits,
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
  return {
    host,
    store,
    projections,
    stop: async () => {
      await host.stop(30_000);
      await projections.stop();
      await rows.close();
      await store.close();
      uninstall();
    },
  };
}
