import { PerdureError } from '../../core/errors.ts';
import type { Commit, Position } from '../../core/record.ts';
import type { AppendOutcome, Settled } from '../../ports/event-store.ts';
import { BlockBuilder } from './block-builder.ts';
import type { Head } from './heads.ts';

/** Commits placed in one block: parallel lists, so that a turn costs no object. */
export interface LogBatch {
  readonly builder: BlockBuilder;
  commits: Commit[];
  settled: Settled[];
  heads: Head[];
  positions: Position[];
}

export interface Waiting {
  readonly commit: Commit;
  readonly settled: Settled;
}

const MAX_STREAM_BYTES = 1_024;

export function createBatch(salt: number): LogBatch {
  return { builder: new BlockBuilder(salt), commits: [], settled: [], heads: [], positions: [] };
}

/** Empties a batch; the lists it had stay with whoever holds them. */
export function discard(batch: LogBatch): void {
  batch.commits = [];
  batch.settled = [];
  batch.heads = [];
  batch.positions = [];
}

/** Why a commit can never be stored, or undefined. */
export function refusal(commit: Commit): PerdureError | undefined {
  if (commit.records.length === 0) return new PerdureError('invariant-violated', 'A turn has at least one record.');
  const { stream } = commit;
  const long = stream.length > MAX_STREAM_BYTES / 3 && Buffer.byteLength(stream) > MAX_STREAM_BYTES;
  return long || stream.length === 0 ? new PerdureError('invariant-violated', 'The name of the stream is empty or too long.') : undefined;
}

/** Tells an outcome. What the callback throws is its own defect: it surfaces as an uncaught error, the store goes on. */
export function tell(commit: Commit | undefined, settled: Settled | undefined, outcome: AppendOutcome): void {
  if (commit === undefined || settled === undefined) return;
  try {
    settled(commit, outcome);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
