import { randomBytes, randomUUID } from 'node:crypto';
import {
  type AppendResult,
  type EventData,
  type EventStoreDBClient,
  jsonEvent,
  type Position,
  type RecordedEvent,
} from '@eventstore/db-client';

/** A name of a stream that no run has used. */
export function freshStream(prefix = freshPrefix()): string {
  return `${prefix}-${randomBytes(4).toString('hex')}`;
}

/** Begins the names of the streams of one test, and of no others. */
export function freshPrefix(): string {
  return `wire${randomBytes(8).toString('hex')}`;
}

/** An event with data `{ n }` and a fresh id, unless one is given. */
export function numbered(n: number, id: string = randomUUID()): EventData {
  return jsonEvent({ type: 'Numbered', data: { n }, id });
}

/** Events with data `{ n }` from 0 on. */
export function manyNumbered(count: number): EventData[] {
  return Array.from({ length: count }, (_, n) => numbered(n));
}

/** What a read gives of an event or of a link to one. */
export interface Resolved {
  readonly event?: RecordedEvent;
  readonly link?: RecordedEvent;
}

/** Reads to the end; the read is cancelled also if it fails. */
export async function collect<E>(reading: AsyncIterable<E> & { cancel(): Promise<void> }): Promise<readonly E[]> {
  const all: E[] = [];
  try {
    for await (const each of reading) all.push(each);
  } finally {
    await reading.cancel();
  }
  return all;
}

/** The `n` of events made by `numbered`. */
export function numbersOf(read: readonly Resolved[]): unknown[] {
  return read.map(({ event }) => (event?.data as { readonly n: number } | undefined)?.n);
}

/** Revisions of events. */
export function revisionsOf(read: readonly Resolved[]): unknown[] {
  return read.map(({ event }) => event?.revision);
}

/** The position that an append was answered with; an append of new events has one. */
export function positionOf({ position }: AppendResult): Position {
  if (position === undefined) throw new Error('the append was answered without a position');
  return position;
}

/** A place in `$all` just before what a test is going to append: the position of an event of another stream. */
export async function placeOfNow(client: EventStoreDBClient): Promise<Position> {
  return positionOf(await client.appendToStream(freshStream('wireplace'), numbered(0), { expectedRevision: 'no_stream' }));
}

/** The error that a promise is rejected with. */
export async function failureOf(promise: Promise<unknown>): Promise<Error> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(outcome instanceof Error)) throw new Error('expected to fail');
  return outcome;
}

/** A subscription of the client. */
export interface Subscribed<E> extends AsyncIterable<E> {
  unsubscribe(): Promise<void>;
}

/** The events of a subscription up to the first that `isLast` holds for, that one included; unsubscribes. */
export async function takeUntil<E>(subscription: Subscribed<E>, isLast: (event: E, count: number) => boolean): Promise<readonly E[]> {
  const taken: E[] = [];
  try {
    for await (const each of subscription) {
      taken.push(each);
      if (isLast(each, taken.length)) return taken;
    }
  } finally {
    await subscription.unsubscribe();
  }
  throw new Error(`the subscription ended after ${taken.length} events`);
}

/** The next `count` events of a subscription; unsubscribes. */
export function take<E>(subscription: Subscribed<E>, count: number): Promise<readonly E[]> {
  return takeUntil(subscription, (_, taken) => taken >= count);
}
