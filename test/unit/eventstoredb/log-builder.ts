import { randomUUID } from 'node:crypto';
import type { AppendOutcome, Log } from '../../eventstoredb/log.ts';
import { streamEvents } from '../../eventstoredb/log-reads.ts';
import { JSON_CONTENT, type ProposedEvent } from '../../eventstoredb/record.ts';

const utf8 = new TextEncoder();

/** An event with an id of its own. */
export function proposed(type = 'tested', data = '{}', id: string = randomUUID()): ProposedEvent {
  return { id, type, contentType: JSON_CONTENT, data: utf8.encode(data), metadata: new Uint8Array() };
}

/** So many of them. */
export function several(count: number): readonly ProposedEvent[] {
  return Array.from({ length: count }, () => proposed());
}

/** Sets the metadata of a stream. */
export function describeStream(log: Log, stream: string, json: string): AppendOutcome {
  return log.append(`$$${stream}`, 'any', [proposed('$metadata', json)]);
}

/** Revisions that a read of the stream shows. */
export function revisionsOf(log: Log, stream: string, isForwards = true): readonly bigint[] {
  return [...streamEvents(log, log.stream(stream), isForwards ? 'start' : 'end', isForwards)].map(({ revision }) => revision);
}
