import { ERRORS, isPerdureError } from '../../core/errors.ts';
import type { Commit, Position, Revision } from '../../core/record.ts';
import type { AppendOutcome, Settled } from '../../ports/event-store.ts';
import { BLOCK_HEADER } from './format.ts';
import type { Head, Heads } from './heads.ts';
import { createBatch, discard, type LogBatch, refusal, tell, type Waiting } from './log-batch.ts';
import type { Segments } from './segments.ts';
import type { Through } from './stream-index.ts';

/**
 * Group commit: what arrives while a block is being written shares the next one.
 *
 * Invariants:
 * W1. One block is written at a time; the next is placed right behind it, assuming that it succeeds.
 * W2. `committed` is told after the block's write (which syncs) has resolved, and after `durable` was called.
 * W3. When a write fails for want of space the place is cut (durably) before `store-full` is told: the refused turns can never
 *     come back. All that was placed or queued behind them is refused too, since it was placed on top of them.
 * W4. When a write fails otherwise, or the place cannot be cut, its turns are `unknown` and the writer takes no more.
 * W5. A commit that does not fit the stream's head is answered only when nothing that could change the answer is under way.
 */
export interface LogWriterOptions {
  readonly segments: Segments;
  readonly heads: Heads;
  readonly salt: number;
  readonly maxBlockBytes: number;
  /** Where the log ends. */
  readonly through: Through;
  /** The turn id that stands at a revision of a stream and its position, or undefined: for commits that were sent again. */
  readonly standing: (commit: Commit) => Promise<{ readonly turnId: string; readonly position: Position } | undefined>;
  /** Called when a block is durable, before its outcomes are told. */
  readonly durable: (batch: LogBatch, start: Position, end: Position) => void;
  /** Awaited before each block: holds writing back while too much waits to be indexed. Rejects if the index cannot be written. */
  readonly admitted: () => Promise<void> | undefined;
  readonly notice: (message: string) => void;
}

export class LogWriter {
  readonly #options: LogWriterOptions;
  #placing: LogBatch;
  #spare: LogBatch;
  #backlog: Waiting[] = [];
  #late: Waiting[] = [];
  #answers: (Waiting & { readonly outcome: AppendOutcome })[] = [];
  #through: Through;
  #running: Promise<void> | undefined;
  #refusing: 'store-closed' | 'store-failed' | undefined;
  readonly stats = { turns: 0, blocks: 0, bytes: 0, writeMs: 0 };

  constructor(options: LogWriterOptions) {
    this.#options = options;
    this.#through = options.through;
    this.#placing = createBatch(options.salt);
    this.#spare = createBatch(options.salt);
    this.#start(this.#placing, options.through.end, 0);
  }

  /** Position behind the last durable turn's block. */
  get end(): Position {
    return this.#through.end;
  }

  /** The end of the log and where its last block begins. */
  get through(): Through {
    return this.#through;
  }

  /** True after W4: what the log holds behind its end is not known. */
  get failed(): boolean {
    return this.#refusing === 'store-failed';
  }

  append(commits: readonly Commit[], settled: Settled): void {
    for (let index = 0; index < commits.length; index++) {
      const commit = commits[index];
      if (commit !== undefined) this.#take(commit, settled);
    }
    this.#running ??= Promise.resolve().then(() => this.#run());
  }

  /** Takes no more, and waits until all that was taken is told. */
  async close(): Promise<void> {
    this.#refusing ??= 'store-closed';
    await this.#running;
  }

  #take(commit: Commit, settled: Settled): void {
    if (this.#refusing !== undefined) this.#refuse(commit, settled, this.#refusing, ERRORS[this.#refusing].message);
    else if (this.#backlog.length > 0 || !this.#place(commit, settled)) this.#backlog.push({ commit, settled });
  }

  /** Places a commit in the block that comes next, or decides that it cannot be; false if that block is full. */
  #place(commit: Commit, settled: Settled): boolean {
    const head = this.#options.heads.get(commit.stream);
    if (head.nextRevision !== commit.expectedRevision) {
      this.#late.push({ commit, settled });
      return true;
    }
    const batch = this.#placing;
    let position: Position;
    try {
      position = this.#fit(batch, commit, head);
    } catch (error) {
      this.#refuse(commit, settled, isPerdureError(error) ? error.code : 'payload-not-plain', String(error));
      return true;
    }
    if (position < 0) {
      if (batch.commits.length > 0) return false;
      this.#refuse(commit, settled, 'turn-too-large', ERRORS['turn-too-large'].message);
      return true;
    }
    head.nextRevision = commit.expectedRevision + commit.records.length;
    head.nextPosition = position;
    batch.commits.push(commit);
    batch.settled.push(settled);
    batch.heads.push(head);
    batch.positions.push(position);
    return true;
  }

  #fit(batch: LogBatch, commit: Commit, head: Head): Position {
    const problem = refusal(commit);
    if (problem !== undefined) throw problem;
    const position = batch.builder.add(commit, head.nextPosition);
    if (position >= 0 || batch.commits.length > 0) return position;
    this.#start(batch, batch.builder.position, this.#options.maxBlockBytes);
    return batch.builder.add(commit, head.nextPosition);
  }

  /** Lets a block begin at `end`, or in the next segment if fewer than `needed` bytes are left in this one (F1). */
  #start(batch: LogBatch, end: Position, needed: number): void {
    const { segments, maxBlockBytes } = this.#options;
    const left = segments.endOf(end) - end;
    const roll = left < Math.max(needed, 2 * BLOCK_HEADER) && segments.startOf(end) !== end;
    const position = roll ? segments.endOf(end) : end;
    batch.builder.start(position, Math.min(maxBlockBytes, segments.endOf(position) - position));
  }

  async #run(): Promise<void> {
    for (;;) {
      this.#answer();
      await this.#settleLate();
      this.#refill();
      if (this.#placing.commits.length > 0) await this.#write();
      else if (this.#answers.length === 0 && this.#late.length === 0) break;
    }
    this.#running = undefined;
  }

  #refill(): void {
    let taken = 0;
    for (const { commit, settled } of this.#backlog) {
      if (!this.#place(commit, settled)) break;
      taken++;
    }
    if (taken > 0) this.#backlog = this.#backlog.slice(taken);
  }

  async #write(): Promise<void> {
    const { segments, durable, admitted } = this.#options;
    const batch = this.#placing;
    const next = this.#spare;
    const bytes = batch.builder.seal(this.end);
    const { position, endPosition } = batch.builder;
    this.#placing = next;
    this.#spare = batch;
    this.#start(next, endPosition, 0);
    let began = 0;
    try {
      await admitted();
      began = performance.now();
      await segments.write(bytes, position);
    } catch (error) {
      await this.#failed(batch, position, error as NodeJS.ErrnoException);
      return;
    }
    this.stats.writeMs += performance.now() - began;
    this.stats.blocks++;
    this.stats.turns += batch.commits.length;
    this.stats.bytes += bytes.length;
    this.#commit(batch, bytes);
    this.#through = { end: endPosition, lastBlock: position };
    durable(batch, position, endPosition);
    const { commits, settled, positions } = batch;
    discard(batch);
    for (let index = 0; index < commits.length; index++) {
      tell(commits[index], settled[index], { kind: 'committed', position: positions[index] ?? 0 });
    }
  }

  #commit(batch: LogBatch, bytes: Buffer): void {
    const { heads } = this.#options;
    const base = batch.builder.position;
    for (let index = 0; index < batch.commits.length; index++) {
      const commit = batch.commits[index];
      const head = batch.heads[index];
      const position = batch.positions[index];
      if (commit === undefined || head === undefined || position === undefined) continue;
      heads.advance(head, commit.expectedRevision + commit.records.length, position, bytes.readUInt32LE(position - base));
    }
  }

  async #failed(batch: LogBatch, position: Position, error: NodeJS.ErrnoException): Promise<void> {
    const full = FULL.has(error.code ?? '') && (await this.#cut(position));
    const message = `${error.code ?? error.name}: ${error.message}`;
    this.#options.notice(full ? `the disk is full: ${message}` : `a write to the log failed, no more are taken: ${message}`);
    if (!full) this.#refusing = 'store-failed';
    const outcome: AppendOutcome = full
      ? { kind: 'refused', code: 'store-full', message }
      : { kind: 'unknown', message: `The write failed (${message}).` };
    const behind: AppendOutcome = full ? outcome : { kind: 'refused', code: 'store-failed', message };
    const waiting = [...this.#backlog, ...(full ? [] : this.#late)];
    const told = [batch, this.#placing].map(({ commits, settled }) => ({ commits, settled }));
    for (const { heads } of [batch, this.#placing]) for (const head of heads) retreat(head);
    discard(batch);
    discard(this.#placing);
    this.#start(this.#placing, this.end, 0);
    this.#backlog = [];
    if (!full) this.#late = [];
    for (const [nth, { commits, settled }] of told.entries()) {
      for (const [index, commit] of commits.entries()) tell(commit, settled[index], nth === 0 ? outcome : behind);
    }
    for (const { commit, settled } of waiting) tell(commit, settled, behind);
  }

  async #cut(position: Position): Promise<boolean> {
    try {
      await this.#options.segments.truncate(position);
      return true;
    } catch (error) {
      this.#options.notice(`the place of a failed write could not be cut: ${String(error)}`);
      return false;
    }
  }

  /** Decides the commits that did not fit their stream's head (W5); nothing is being written now, at most placed. */
  async #settleLate(): Promise<void> {
    const late = this.#late;
    this.#late = [];
    for (const waiting of late) {
      const { commit, settled } = waiting;
      const head = this.#options.heads.get(commit.stream);
      if (head.nextRevision === commit.expectedRevision) this.#take(commit, settled);
      else if (head.nextRevision !== head.revision) this.#late.push(waiting);
      else await this.#decide(commit, settled, head.revision);
    }
  }

  async #decide(commit: Commit, settled: Settled, head: Revision): Promise<void> {
    try {
      const standing = commit.expectedRevision < head ? await this.#options.standing(commit) : undefined;
      const again = standing !== undefined && standing.turnId === commit.turnId;
      tell(commit, settled, again ? { kind: 'committed', position: standing.position } : { kind: 'conflict', head });
    } catch (error) {
      tell(commit, settled, { kind: 'unknown', message: `The stream could not be read: ${String(error)}` });
    }
  }

  #refuse(commit: Commit, settled: Settled, code: string, message: string): void {
    this.#answers.push({ commit, settled, outcome: { kind: 'refused', code, message } });
  }

  #answer(): void {
    const answers = this.#answers;
    this.#answers = [];
    for (const { commit, settled, outcome } of answers) tell(commit, settled, outcome);
  }
}

function retreat(head: Head): void {
  head.nextRevision = head.revision;
  head.nextPosition = head.position;
}

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
