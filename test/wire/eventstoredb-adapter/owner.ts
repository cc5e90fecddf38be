import { MemoryReadStore } from '../../../runtime/adapters/memory/read-store.ts';
import { realClock, realDrain } from '../../../runtime/adapters/real-clock.ts';
import { realEntropy } from '../../../runtime/adapters/real-entropy.ts';
import type { Answer } from '../../../runtime/core/answer.ts';
import { definitionOf } from '../../../runtime/core/definition/entity.ts';
import { guard, installGuard } from '../../../runtime/host/guard.ts';
import { createHost, type Host } from '../../../runtime/host/host.ts';
import type { EventStore } from '../../../runtime/ports/event-store.ts';
import { tally } from './tally.ts';

/** A host with one kind of entity, with rows in memory. */
export interface Owner {
  /** Sends an update `add` under an id; resolves to its answer. */
  add(id: string, n: number, signalId: string): Promise<Answer>;
  counters(): ReturnType<Host['metrics']>['counters'];
  stop(): Promise<void>;
}

/** Starts a host on a store. */
export async function startOwner(store: EventStore): Promise<Owner> {
  const uninstall = installGuard();
  const quiet = () => undefined;
  const host = createHost({
    ...{ definitions: [definitionOf(tally)], store, rows: new MemoryReadStore(), activities: [] },
    ...{ clock: realClock, drained: realDrain, entropy: realEntropy(), guard, freeze: (value) => value },
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  });
  await host.start();
  return {
    add: (id, n, signalId) =>
      new Promise((done) =>
        host.deliver({
          ...{ kind: 'signal', type: 'tally', id, name: 'add', payload: { n }, wants: 'outcome', signalId, idChosen: true },
          ...{ mark: undefined, context: undefined, bytes: 10, state: 'waiting', done },
        }),
      ),
    counters: () => host.metrics().counters,
    stop: async () => {
      await host.stop(2_000);
      uninstall();
    },
  };
}
