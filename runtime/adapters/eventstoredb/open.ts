import type { Clock } from '../../ports/clock.ts';
import { Tail } from '../shared/tail.ts';
import { Appender } from './appender.ts';
import { Blobs } from './blobs.ts';
import { Commits } from './commits.ts';
import { openConnection } from './connection.ts';
import { EventStoreDBStore } from './event-store.ts';
import { Forgotten } from './forgotten.ts';
import { identityOf } from './identity.ts';
import { LiveFeed } from './live-feed.ts';
import { Reads } from './reads.ts';
import type { PayloadFormat } from './record-codec.ts';
import { Snapshots } from './snapshots.ts';
import { SystemAppends } from './system-appends.ts';
import { Turns } from './turns.ts';
import { Values } from './values.ts';

export interface EventStoreDBOptions {
  /** Connection string, `esdb://…`. */
  readonly url: string;
  /** Number of home partitions; must be what the store was made with. Undefined for whoever only reads: nothing is made then. */
  readonly partitions: number | undefined;
  readonly format: PayloadFormat;
  readonly clock: Clock;
  /** Told what an operator should know. */
  readonly notice: (message: string) => void;
  /** Until an append without an answer is unknown. Default 5 s. */
  readonly appendTimeoutMs?: number;
  /** How long the subscription may be silent while the log grows. Default 10 s. */
  readonly silenceMs?: number;
}

const APPEND_TIMEOUT_MS = 5_000;
const SILENCE_MS = 10_000;
const MAX_IN_FLIGHT = 256;
const MAX_IN_FLIGHT_BYTES = 16 * 1024 * 1024;

/** Opens a store; makes its identity if it is new. Throws `invalid-config`, `store-mismatch`, `store-corrupt`, `store-failed`; nothing stays open then. */
export async function openEventStoreDB(options: EventStoreDBOptions): Promise<EventStoreDBStore> {
  const { clock, notice, partitions, format } = options;
  const connection = openConnection(options.url);
  const appender = new Appender({
    open: connection.openAppends,
    clock,
    timeoutMs: options.appendTimeoutMs ?? APPEND_TIMEOUT_MS,
    maxInFlight: MAX_IN_FLIGHT,
    maxInFlightBytes: MAX_IN_FLIGHT_BYTES,
  });
  try {
    const appends = new SystemAppends(appender);
    const reads = new Reads(connection.openRead);
    const identity = await identityOf(appends, reads, partitions);
    const blobs = new Blobs(appends, reads);
    const snapshots = new Snapshots(appends, reads);
    const forgotten = new Forgotten(appends, reads, snapshots);
    const head = await reads.head();
    await forgotten.load();
    const turns = new Turns(blobs, forgotten);
    const tail = new Tail(head, clock.after);
    const feed = new LiveFeed(
      { open: connection.openRead, reads, turns, forgotten, tail, clock, silenceMs: options.silenceMs ?? SILENCE_MS, notice },
      head,
    );
    const subscription = { reads, turns, forgotten, tail, clock, notice };
    const values = new Values(appends, reads);
    return new EventStoreDBStore({
      connection,
      identity,
      appender,
      appends,
      reads,
      commits: new Commits(appender, blobs, reads, format),
      snapshots,
      values,
      forgotten,
      turns,
      tail,
      feed,
      subscription,
    });
  } catch (error) {
    await connection.close();
    throw error;
  }
}
