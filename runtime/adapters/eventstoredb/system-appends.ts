import { randomUUID } from 'node:crypto';
import type { Revision } from '../../core/record.ts';
import type { AppendResult } from './append-result.ts';
import type { Appender, ProposedEvent } from './appender.ts';
import { appendFailed } from './failures.ts';

/**
 * Appends of the runtime's own, to its own streams and to the metadata of streams.
 */
export class SystemAppends {
  readonly #appender: Appender;

  constructor(appender: Appender) {
    this.#appender = appender;
  }

  /** Appends events and tells what became of them. Never rejects. */
  append(stream: string, expected: Revision | 'any', events: readonly ProposedEvent[]): Promise<AppendResult> {
    return new Promise((settled) => this.#appender.append({ stream, expected, events, settled }));
  }

  /** Appends where order does not matter; gives the revision of the last event. Throws `store-failed`. */
  async add(stream: string, events: readonly ProposedEvent[]): Promise<Revision> {
    const result = await this.append(stream, 'any', events);
    if (result.kind !== 'appended') throw appendFailed(stream, result);
    return result.revision;
  }

  /** Replaces the metadata of a stream. Throws `store-failed`. */
  async setMetadata(stream: string, metadata: Readonly<Record<string, unknown>>): Promise<void> {
    await this.add(`$$${stream}`, [jsonEvent('$metadata', metadata)]);
  }
}

const NO_METADATA = new Uint8Array(0);

/** An event of JSON under a new id. */
export function jsonEvent(type: string, data: unknown): ProposedEvent {
  return { id: randomUUID(), type, isJson: true, data: Buffer.from(JSON.stringify(data)), metadata: NO_METADATA };
}

/** An event of bytes under a new id; `metadata` is plain data. */
export function bytesEvent(type: string, data: Uint8Array, metadata: unknown = {}): ProposedEvent {
  return { id: randomUUID(), type, isJson: false, data, metadata: Buffer.from(JSON.stringify(metadata)) };
}
