import { binaryEvent, EventStoreDBClient, NO_STREAM } from '@eventstore/db-client';
import { Appender } from '../../../runtime/adapters/eventstoredb/appender.ts';
import { openConnection } from '../../../runtime/adapters/eventstoredb/connection.ts';
import { openEventStoreDB } from '../../../runtime/adapters/eventstoredb/open.ts';
import { realClock } from '../../../runtime/adapters/real-clock.ts';
import { journalType } from '../../../runtime/core/journal.ts';
import type { EventStore, SubscribeOptions } from '../../../runtime/ports/event-store.ts';
import type { Sink } from '../lib/closed-loop.ts';
import { EVENTS, eventIdOf, inTurn, RECORDS, TURN_TIME, turnIdOf } from './events.ts';
import { Heads } from './heads.ts';

/** A way to append one event to the stream of a key. */
export interface AppendSystem {
  readonly sink: Sink;
  close(): Promise<void>;
}

type Append = (key: number, number: number, appended: () => void) => void;

function sinkOf(append: Append): Sink {
  let number = 0;
  const sink: Sink = {
    done: () => undefined,
    submit: (key, _bytes, slot) => append(key, ++number, () => sink.done(slot)),
  };
  return sink;
}

/** The adapter, with as many subscriptions as a node usually has, or none. */
export async function adapterSystem(url: string, subscriptions: readonly SubscribeOptions[]): Promise<AppendSystem> {
  const store = await openEventStoreDB({ url, partitions: 16, format: 'msgpack', clock: realClock, notice: complain });
  const heads = new Heads();
  const reading = subscriptions.map((options) => drained(store, options));
  const append: Append = (key, number, appended) => {
    const { stream, expected } = heads.next(key);
    const commit = { stream, expectedRevision: expected, turnId: turnIdOf(number), time: TURN_TIME, records: [inTurn(RECORDS, number)] };
    store.append([commit], (_commit, outcome) => {
      if (outcome.kind !== 'committed') throw new Error(`${stream}: ${JSON.stringify(outcome)}`);
      appended();
    });
  };
  return {
    sink: sinkOf(append),
    close: async () => {
      await store.close();
      await Promise.all(reading);
    },
  };
}

async function drained(store: EventStore, options: SubscribeOptions): Promise<number> {
  let turns = 0;
  for await (const batch of store.subscribe(options)) turns += batch.turns.length;
  return turns;
}

/** What a node follows the log for: agenda, outbox, a built-in projection, and the tables of two entity types. */
export const USUAL: readonly SubscribeOptions[] = [
  { from: 0, types: [journalType('Wake')] },
  { from: 0, types: [journalType('SignalSent')] },
  { from: 0, types: [journalType('RunStalled')] },
  { from: 0, prefixes: ['ledger-'] },
  { from: 0, prefixes: ['other-'] },
];

/** The adapter's own appender on its own kind of connection, fed with ready-made events: what is left if store and codec cost nothing. */
export async function bareSystem(url: string): Promise<AppendSystem> {
  const connection = openConnection(url);
  const limits = { timeoutMs: 5_000, maxInFlight: 256, maxInFlightBytes: 16 * 1024 * 1024 };
  const appender = new Appender({ open: connection.openAppends, clock: realClock, ...limits });
  const heads = new Heads();
  const append: Append = (key, number, appended) => {
    const event = { ...inTurn(EVENTS, number), id: eventIdOf(number) };
    appender.append({
      ...heads.next(key),
      events: [event],
      settled: (result) => {
        if (result.kind !== 'appended') throw new Error(`append ${number}: ${JSON.stringify(result)}`);
        appended();
      },
    });
  };
  return {
    sink: sinkOf(append),
    close: async () => {
      await appender.idle();
      await connection.close();
    },
  };
}

/** The stock client's `appendToStream`. */
export async function clientSystem(url: string): Promise<AppendSystem> {
  const client = EventStoreDBClient.connectionString(url);
  const heads = new Heads();
  const append: Append = (key, number, appended) => {
    const { stream, expected } = heads.next(key);
    const { type, data, metadata } = inTurn(EVENTS, number);
    const event = binaryEvent({ id: eventIdOf(number), type, data, metadata });
    const expectedRevision = expected < 0 ? NO_STREAM : BigInt(expected);
    // A failure is a rejection that nobody handles: it ends the process, and the bench with it.
    void client.appendToStream(stream, event, { expectedRevision }).then(appended);
  };
  return { sink: sinkOf(append), close: () => client.dispose() };
}

function complain(message: string): void {
  console.error(message);
}
