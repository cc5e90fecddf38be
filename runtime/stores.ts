import { hostname } from 'node:os';
import type { EmbeddedStats } from './adapters/embedded/event-store.ts';
import { openEmbeddedStore } from './adapters/embedded/open.ts';
import type { EventStoreDBStore } from './adapters/eventstoredb/event-store.ts';
import { renewIdentity } from './adapters/eventstoredb/identity.ts';
import { Lease } from './adapters/eventstoredb/lease.ts';
import { openEventStoreDB } from './adapters/eventstoredb/open.ts';
import { realClock } from './adapters/real-clock.ts';
import type { ResolvedConfig } from './config.ts';
import type { Position } from './core/record.ts';
import type { HostMetrics } from './host/surface.ts';
import type { EventStore } from './ports/event-store.ts';

/**
 * Where a node's streams live, as its configuration says: composed here, because only a composition root knows adapters.
 */
export interface OpenedStore {
  readonly store: EventStore;
  /** Position that the node knows the log to have reached. */
  head(): Position;
  metrics(): HostMetrics;
  /** Calls back, once, if this node may not go on with the store. */
  onLost(lost: (message: string) => void): void;
  close(): Promise<void>;
}

/** How often a lease is renewed in its time: two renewals may be late. */
const RENEWALS = 3;

/**
 * Opens the store of a configuration. Throws `store-in-use`, `store-too-new`, `store-mismatch`, `store-corrupt`, `store-failed`, `invalid-config`; nothing
 * stays open then.
 */
export async function openStore(config: ResolvedConfig, notice: (message: string) => void): Promise<OpenedStore> {
  const { eventstoreUrl } = config;
  return eventstoreUrl === undefined ? openEmbedded(config, notice) : openShared(eventstoreUrl, config, notice);
}

async function openEmbedded({ dataDir, partitions }: ResolvedConfig, notice: (message: string) => void): Promise<OpenedStore> {
  const store = await openEmbeddedStore({ dir: dataDir, partitions, notice });
  return {
    store,
    head: () => store.stats().headPosition,
    metrics: () => embeddedMetrics(store.stats()),
    // The directory's lock is held until the process ends.
    onLost: () => undefined,
    close: () => store.close(),
  };
}

function embeddedMetrics({ turns, blocks, bytes, writeMs, headPosition, unindexedStreams }: EmbeddedStats): HostMetrics {
  return {
    counters: { store_turns: turns, store_blocks: blocks, store_bytes: bytes, store_write_ms: writeMs },
    gauges: { store_head_position: headPosition, store_unindexed_streams: unindexedStreams },
  };
}

/**
 * Gives the store at `url` another id, after a backup was restored. No node may use it meanwhile. Gives the new id.
 * Throws `invalid-config` if there is none, `store-in-use`, `store-failed`.
 */
export async function renewStore(url: string, leaseMs: number, notice: (message: string) => void): Promise<string> {
  const store = await openEventStoreDB({ url, partitions: undefined, format: 'msgpack', clock: realClock, notice });
  try {
    const lease = await leaseOf(store, leaseMs, notice);
    try {
      return (await renewIdentity(store.leasing.appends, store.leasing.reads)).storeId;
    } finally {
      await lease.release();
    }
  } finally {
    await store.close();
  }
}

function leaseOf({ leasing }: EventStoreDBStore, leaseMs: number, notice: (message: string) => void): Promise<Lease> {
  const holder = `${hostname()} (process ${process.pid})`;
  return Lease.take({ ...leasing, clock: realClock, holder, renewMs: leaseMs / RENEWALS, expiresMs: leaseMs, notice });
}

/** Without Kafka one node at a time works on a store that several could reach: it holds the lease. */
async function openShared(url: string, config: ResolvedConfig, notice: (message: string) => void): Promise<OpenedStore> {
  const { leaseMs, partitions, eventstorePayloads: format } = config;
  const store = await openEventStoreDB({ url, partitions, format, clock: realClock, notice });
  try {
    const lease = await leaseOf(store, leaseMs, notice);
    return {
      store,
      head: () => store.stats().headPosition,
      metrics: () => {
        const { headPosition, pendingAppends, feedLosses } = store.stats();
        return {
          counters: { store_feed_losses: feedLosses },
          gauges: { store_head_position: headPosition, store_pending_appends: pendingAppends },
        };
      },
      onLost: (lost) => lease.onLost(lost),
      close: async () => {
        await lease.release();
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}
