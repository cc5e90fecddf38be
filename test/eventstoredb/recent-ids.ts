import type { LogRecord } from './record.ts';

/** About what 8 MiB of the server hold. */
const MAX_RECENT = 32_768;

/** The events written last, by id: what an append that expects `any` is recognised by (section 4.1 rule 3). Oldest go first; a restart loses it. */
export class RecentIds {
  readonly #records = new Map<string, LogRecord>();

  /** Remembers a record, and forgets the oldest above the bound. */
  add(record: LogRecord): void {
    this.#records.delete(record.id);
    this.#records.set(record.id, record);
    if (this.#records.size <= MAX_RECENT) return;
    for (const oldest of this.#records.keys()) {
      this.#records.delete(oldest);
      return;
    }
  }

  /** The record with an id, if it is remembered and stands in this stream. */
  find(id: string, stream: string): LogRecord | undefined {
    const record = this.#records.get(id);
    return record?.stream === stream ? record : undefined;
  }

  clear(): void {
    this.#records.clear();
  }
}
