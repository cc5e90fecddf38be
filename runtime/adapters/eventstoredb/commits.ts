import { errorText } from '../../core/errors.ts';
import type { Commit, Position, Revision } from '../../core/record.ts';
import type { AppendOutcome, Settled } from '../../ports/event-store.ts';
import type { AppendResult } from './append-result.ts';
import type { Append, Appender, ProposedEvent } from './appender.ts';
import { type Blobs, MAX_INLINE_BYTES } from './blobs.ts';
import type { Reads } from './reads.ts';
import { eventId, eventOf, type PayloadFormat, packData, type ReadEvent } from './record-codec.ts';

/**
 * Commits on their way: encoded, sent, and what became of them.
 *
 * Invariants:
 * E1. A commit is the same bytes under the same ids however often it is sent (D1 of record-codec.ts), so a store that has it answers with its old place.
 * E2. `conflict` is told only when what stands at the expected place was read and is not this commit.
 * E3. A commit's position is that of its last event less the number of its other records: below all that comes later, above all that was before.
 */
export class Commits {
  readonly #appender: Appender;
  readonly #blobs: Blobs;
  readonly #reads: Reads;
  readonly #format: PayloadFormat;
  /** Those under way, with large payloads and doubtful answers. */
  #underWay = 0;
  #idle: (() => void)[] = [];
  /** Where a commit's large payloads stand: sent again, it refers to the same ones (E1). */
  readonly #placed = new WeakMap<Commit, ReadonlyMap<number, Revision>>();

  constructor(appender: Appender, blobs: Blobs, reads: Reads, format: PayloadFormat) {
    this.#appender = appender;
    this.#blobs = blobs;
    this.#reads = reads;
    this.#format = format;
  }

  /** Sends a commit; `settled` is told later, never from inside. */
  send(commit: Commit, settled: Settled): void {
    this.#underWay += 1;
    this.#send(commit, (outcome) => {
      settled(commit, outcome);
      this.#underWay -= 1;
      if (this.#underWay === 0) for (const resolve of this.#idle.splice(0)) resolve();
    });
  }

  /** Resolves when none is under way. */
  async idle(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #send(commit: Commit, tell: (outcome: AppendOutcome) => void): void {
    const format = this.#format;
    const packed = commit.records.map(({ data }) => packData(data, format));
    const events = packed.some((data) => data.length > MAX_INLINE_BYTES) ? this.#outOfLine(commit, packed) : inLine(commit, packed, format);
    const settled = (result: AppendResult) => this.#settled(commit, result, tell);
    const appendOf = (made: readonly ProposedEvent[]): Append => ({
      stream: commit.stream,
      expected: commit.expectedRevision,
      events: made,
      settled,
    });
    if (!(events instanceof Promise)) {
      this.#appender.append(appendOf(events));
      return;
    }
    events.then(
      (made) => this.#appender.append(appendOf(made)),
      (error: unknown) => tell({ kind: 'unknown', message: errorText(error) }),
    );
  }

  async #outOfLine(commit: Commit, packed: readonly Uint8Array[]): Promise<readonly ProposedEvent[]> {
    const format = this.#format;
    const placed = new Map(this.#placed.get(commit));
    for (const [index, data] of packed.entries()) {
      if (data.length <= MAX_INLINE_BYTES || placed.has(index)) continue;
      placed.set(index, await this.#blobs.put(commit.stream, data, format));
      this.#placed.set(commit, placed);
    }
    return commit.records.map((record, index) => eventOf(record, commit, index, packed[index] ?? NOTHING, format, placed.get(index)));
  }

  #settled(commit: Commit, result: AppendResult, tell: (outcome: AppendOutcome) => void): void {
    if (result.kind === 'appended' && result.position !== undefined)
      tell({ kind: 'committed', position: positionOf(commit, result.position) });
    else if (result.kind === 'refused' || result.kind === 'unknown') tell(result);
    else this.#standing(commit, result).then(tell, (error: unknown) => tell({ kind: 'unknown', message: errorText(error) }));
  }

  /** What stands where the commit was to stand (E2). */
  async #standing(commit: Commit, result: Extract<AppendResult, { kind: 'appended' | 'wrong-revision' }>): Promise<AppendOutcome> {
    const reads = this.#reads;
    const lastRevision = commit.expectedRevision + commit.records.length;
    const last = await reads.at(commit.stream, lastRevision);
    if (last !== undefined && isOf(last, commit))
      return { kind: 'committed', position: positionOf(commit, Number(last.position?.commit ?? 0n)) };
    // Committed, and forgotten since: no place is left but "before now".
    if (result.kind === 'appended') return { kind: 'committed', position: positionOf(commit, (await reads.head()) - 1) };
    return { kind: 'conflict', head: Math.max(result.current, Number((await reads.last(commit.stream))?.revision ?? -1n)) };
  }
}

const NOTHING = new Uint8Array(0);

function inLine(commit: Commit, packed: readonly Uint8Array[], format: PayloadFormat): readonly ProposedEvent[] {
  return commit.records.map((record, index) => eventOf(record, commit, index, packed[index] ?? NOTHING, format));
}

function positionOf(commit: Commit, last: Position): Position {
  return last - (commit.records.length - 1);
}

/** Is it the last event of the commit? */
function isOf(event: ReadEvent, commit: Commit): boolean {
  return event.id === eventId(commit.turnId, commit.records.length - 1);
}
