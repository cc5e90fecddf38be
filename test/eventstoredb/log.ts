import { judgeAppend } from './append-rules.ts';
import { softDeletion, tombstoneEvent, undeletion } from './deletion.ts';
import { RecentIds } from './recent-ids.ts';
import { DELETED, describedBy, type Expected, type LogRecord, metadataStreamOf, type ProposedEvent } from './record.ts';
import type { Refusal } from './refusals.ts';
import { emptyHistory, isSoftDeleted, lastRevision, type StreamHistory } from './stream-history.ts';
import { metadataOf } from './stream-metadata.ts';
import { isVisible } from './visible-window.ts';

const FIRST_POSITION = 1_000;
/** What a record takes beside its contents. */
const RECORD_BYTES = 100;

/**
 * The contents of an EventStoreDB server, in memory: what its one writer thread would do, and nothing of gRPC.
 *
 * Invariants:
 * L1. An append is made wholly or not at all, and at once (section 4.1).
 * L2. Positions rise strictly, are sparse and do not begin at 0 (section 4.4).
 * L3. Event i of a stream has revision i, also after the stream was deleted softly (section 4.6).
 * L4. Listeners are called after what they are told of can be read.
 */
export class Log {
  readonly #records: LogRecord[] = [];
  readonly #streams = new Map<string, StreamHistory>();
  readonly #recent = new RecentIds();
  readonly #listeners = new Set<() => void>();
  readonly #nowMs: () => number;
  #end = FIRST_POSITION;

  /** `nowMs`: the clock of the server, milliseconds since 1970. */
  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs;
  }

  /** All records, by position. */
  get records(): readonly LogRecord[] {
    return this.#records;
  }

  /** The position that the next record will have. */
  get end(): number {
    return this.#end;
  }

  nowMs(): number {
    return this.#nowMs();
  }

  /** What is known of a stream; of one that was never written to, too. */
  stream(name: string): StreamHistory {
    const known = this.#streams.get(name);
    if (known !== undefined) return known;
    const history = emptyHistory(name);
    this.#streams.set(name, history);
    return history;
  }

  /** Is a stream deleted for ever? The tombstone of a stream is that of its metadata stream, too. */
  isGone(history: StreamHistory): boolean {
    const described = describedBy(history.name);
    return history.tombstone !== undefined || (described !== undefined && this.#streams.get(described)?.tombstone !== undefined);
  }

  /** Appends events if the stream is as `expected`, or finds that they are there already. */
  append(stream: string, expected: Expected, events: readonly ProposedEvent[]): AppendOutcome {
    const history = this.stream(stream);
    if (this.isGone(history)) return { kind: 'stream-deleted', stream };
    const verdict = this.#judge(history, expected, events);
    if (verdict.kind === 'stream-deleted') return { kind: 'stream-deleted', stream };
    if (verdict.kind === 'wrong-expected-version') return this.#wrong(history, expected);
    if (verdict.kind === 'idempotent') return this.#found(history, verdict.last);
    const wasDeleted = isSoftDeleted(history);
    const described = describedBy(stream);
    const wasDescribedDeleted = described !== undefined && isSoftDeleted(this.stream(described));
    const records = events.map((event) => this.#write(history, event, BigInt(history.events.length)));
    if (wasDeleted) this.#undelete(history, BigInt(history.events.length - events.length));
    if (wasDescribedDeleted) this.#undelete(this.stream(described), lastRevision(this.stream(described)) + 1n);
    this.#tell(history);
    const last = records.at(-1);
    return { kind: 'appended', revision: last?.revision, position: last?.position };
  }

  /** Deletes a stream so that it may come back (section 4.6). */
  softDelete(stream: string, expected: Expected): DeleteOutcome {
    const history = this.stream(stream);
    const isUnknown = lastRevision(history) < 0n && !this.#hasMetadata(stream);
    if (expected === 'any' && isUnknown) return this.#wrong(history, expected);
    const refusal = this.#refusalOfDeletion(history, expected);
    if (refusal !== undefined) return refusal;
    const metadata = this.stream(metadataStreamOf(stream));
    const { position } = this.#write(metadata, softDeletion(), BigInt(metadata.events.length));
    this.#tell(metadata, history);
    return { kind: 'deleted', position };
  }

  /** Deletes a stream for ever (section 4.6). */
  tombstone(stream: string, expected: Expected): DeleteOutcome {
    const history = this.stream(stream);
    const refusal = this.#refusalOfDeletion(history, expected);
    if (refusal !== undefined) return refusal;
    const record = this.#write(history, tombstoneEvent(), DELETED);
    this.#tell(history);
    return { kind: 'deleted', position: record.position };
  }

  /** Calls `listener` after every append, or after those that touch one stream. Returns what ends that. */
  onAppended(listener: () => void, stream?: string): () => void {
    const listeners = stream === undefined ? this.#listeners : this.stream(stream).listeners;
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }

  /** What a restart of the server does to appends that expect `any`. */
  forgetRecentIds(): void {
    this.#recent.clear();
  }

  /** The last `count` records are gone, as those that a deposed leader had not replicated; the server has to start again for that. */
  loseTail(count: number): void {
    for (const record of this.#records.splice(Math.max(0, this.#records.length - count)).reverse()) {
      const history = this.stream(record.stream);
      if (record.revision === DELETED) history.tombstone = undefined;
      else history.events.pop();
      this.#end = record.position;
      this.#remember(history);
    }
    this.#recent.clear();
  }

  #refusalOfDeletion(history: StreamHistory, expected: Expected): Refusal | undefined {
    const verdict = this.#judge(history, expected, []);
    if (verdict.kind === 'stream-deleted' || this.isGone(history)) return { kind: 'stream-deleted', stream: history.name };
    return verdict.kind === 'append' ? undefined : this.#wrong(history, expected);
  }

  #judge(history: StreamHistory, expected: Expected, events: readonly ProposedEvent[]) {
    const hasMetadata = this.#hasMetadata(history.name);
    return judgeAppend({ history, hasMetadata, recent: this.#recent, expected, ids: events.map(({ id }) => id) });
  }

  #hasMetadata(stream: string): boolean {
    return (this.#streams.get(metadataStreamOf(stream))?.events.length ?? 0) > 0;
  }

  #wrong(history: StreamHistory, expected: Expected): Refusal {
    return { kind: 'wrong-expected-version', stream: history.name, expected, current: lastRevision(history) };
  }

  #found(history: StreamHistory, last: LogRecord): AppendOutcome {
    const position = isVisible(history, last, this.#nowMs()) ? last.position : undefined;
    return { kind: 'idempotent', revision: last.revision, position };
  }

  #undelete(history: StreamHistory, recreateFrom: bigint): void {
    const metadata = this.stream(metadataStreamOf(history.name));
    const event = undeletion(metadata.events.at(-1), recreateFrom);
    if (event === undefined) return;
    this.#write(metadata, event, BigInt(metadata.events.length));
    this.#tell(metadata);
  }

  #write(history: StreamHistory, event: ProposedEvent, revision: bigint): LogRecord {
    const createdTicks = BigInt(this.#nowMs()) * 10_000n;
    const record: LogRecord = { ...event, stream: history.name, revision, position: this.#end, createdTicks };
    this.#records.push(record);
    if (revision === DELETED) history.tombstone = record;
    else history.events.push(record);
    this.#end += RECORD_BYTES + event.data.length + event.metadata.length + 2 * (event.type.length + history.name.length);
    this.#recent.add(record);
    this.#remember(history);
    return record;
  }

  /** Keeps at hand what the last event of a metadata stream says. */
  #remember(history: StreamHistory): void {
    const described = describedBy(history.name);
    if (described === undefined || describedBy(described) !== undefined) return;
    this.stream(described).metadata = metadataOf(history.events.at(-1));
  }

  #tell(...histories: readonly StreamHistory[]): void {
    for (const { listeners } of histories) for (const listener of listeners) listener();
    for (const listener of this.#listeners) listener();
  }
}

interface Made<Kind extends string> {
  readonly kind: Kind;
  readonly revision: bigint | undefined;
  readonly position: number | undefined;
}

/** What became of an append. `revision` is that of the last event of the append, not of the stream; undefined if it had none. */
export type AppendOutcome = Made<'appended'> | Made<'idempotent'> | Refusal;

export type DeleteOutcome = { readonly kind: 'deleted'; readonly position: number } | Refusal;
