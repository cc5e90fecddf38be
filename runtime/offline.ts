import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openEmbeddedStore } from './adapters/embedded/open.ts';
import { openEventStoreDB } from './adapters/eventstoredb/open.ts';
import { realClock, realDrain } from './adapters/real-clock.ts';
import { definitionOf } from './core/definition/entity.ts';
import { isPerdureError, PerdureError } from './core/errors.ts';
import { installGuard } from './host/guard.ts';
import { type StreamCheckParts, StreamChecks } from './host/stream-checks.ts';
import type { EventStore } from './ports/event-store.ts';
import type { Program } from './start.ts';

/**
 * What works on a store without a node: composed here, as `start.ts` composes a node, because only a composition root knows adapters.
 */

/** A store as those see it who only read. */
export type OfflineStore = Pick<EventStore, 'storeId' | 'readStream' | 'subscribe' | 'loadSnapshot' | 'close'>;

/** Which store: the one at `eventstoreUrl`, beside the nodes that use it, or that of a data directory, which no node may use meanwhile. */
export interface StorePlace {
  readonly dataDir: string;
  readonly eventstoreUrl: string | undefined;
}

/**
 * Opens a store for reading. The embedded one's log is mended, if a crash has torn it, as a node would at its start; else nothing is written.
 * Throws `invalid-config` if there is no store, `store-in-use`, `store-too-new`, `store-corrupt`, `store-failed`.
 */
export async function openStoreForReading({ dataDir, eventstoreUrl: url }: StorePlace): Promise<OfflineStore> {
  if (url !== undefined) {
    // Trouble shows as an error or as waiting; this is no node whose log somebody follows.
    return openEventStoreDB({ url, partitions: undefined, format: 'msgpack', clock: realClock, notice: () => undefined });
  }
  const partitions = await partitionsOf(dataDir);
  try {
    return await openEmbeddedStore({ dir: dataDir, partitions });
  } catch (error) {
    if (!isPerdureError(error, 'store-in-use')) throw error;
    const instead = 'Stop it, or let it tell: perdure export --url http://… > FILE, then perdure replay --file FILE.';
    throw new PerdureError('store-in-use', `The data directory ${dataDir} is in use by another process. ${instead}`, undefined, {
      cause: error,
    });
  }
}

/** As the store was made, whatever is configured now; what is wrong with the file is told by whoever opens the store. */
async function partitionsOf(dataDir: string): Promise<number> {
  const path = join(dataDir, 'store.json');
  try {
    const { partitions } = JSON.parse(await readFile(path, 'utf8')) as { readonly partitions?: unknown };
    return Number(partitions);
  } catch (cause) {
    if (cause instanceof SyntaxError) return Number.NaN;
    throw new PerdureError('invalid-config', `there is no store in ${dataDir}: ${path} cannot be read`, undefined, { cause });
  }
}

/**
 * Checks of streams against a program, with the determinism guard in place until `release`. Throws `invalid-definition`.
 */
export function streamChecks(
  program: Program,
  options: Pick<StreamCheckParts, 'endedRuns' | 'maxTurnBytes' | 'store'>,
): { readonly checks: StreamChecks; release(): void } {
  const checks = new StreamChecks({
    ...options,
    definitions: program.entities.map(definitionOf),
    activities: (program.activities ?? []).map(({ activity }) => activity),
    drained: () => new Promise(realDrain),
    freeze: (value) => value,
    isStrict: false,
  });
  return { checks, release: installGuard() };
}
