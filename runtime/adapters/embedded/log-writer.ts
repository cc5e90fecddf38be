import { ERRORS } from '../../core/errors.ts';
import type { Commit, Position, Revision } from '../../core/record.ts';
import type { AppendOutcome, Settled } from '../../ports/event-store.ts';
import { BlockPlacer, type BlockPlacerOptions } from './block-placer.ts';
import { type LogBatch, tell, type Waiting } from './log-batch.ts';
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
export interface LogWriterOptions extends BlockPlacerOptions {
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
  readonly #placer: BlockPlacer;
  #backlog: Waiting[] = [];
  #late: Waiting[] = [];
  #answers: (Waiting & { readonly outcome: AppendOutcome })[] = [];
  #through: Through;
  #running: Promise<void> | undefined;
  #refusing: 'store-closed' | 'store-failed' | undefined;
  /** The last write was refused for want of space: said once, not with every block. */
  #full = false;
  readonly stats = { turns: 0, blocks: 0, bytes: 0, writeMs: 0 };

  constructor(options: LogWriterOptions) {
    this.#options = options;
    this.#through = options.through;
    this.#placer = new BlockPlacer(options, options.through.end);
  }

  /** The end of the log, and where its last block begins. */
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
    if (this.#refusing !== undefined) {
      const outcome: AppendOutcome = { kind: 'refused', code: this.#refusing, message: ERRORS[this.#refusing].message };
      this.#answers.push({ commit, settled, outcome });
    } else if (this.#backlog.length > 0 || !this.#place(commit, settled)) this.#backlog.push({ commit, settled });
  }

  /** Places a commit in the next block, or decides that it cannot be; false if that block is full. */
  #place(commit: Commit, settled: Settled): boolean {
    const placement = this.#placer.place(commit, settled);
    if (placement === 'placed') return true;
    if (placement === 'full') return false;
    if (placement === 'late') this.#late.push({ commit, settled });
    else this.#answers.push({ commit, settled, outcome: { kind: 'refused', code: placement.code, message: placement.message } });
    return true;
  }

  async #run(): Promise<void> {
    for (;;) {
      for (const { commit, settled, outcome } of this.#answers.splice(0)) tell(commit, settled, outcome);
      if (this.#late.length > 0) await this.#settleLate();
      this.#refill();
      if (!this.#placer.isEmpty) await this.#write();
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
    const { segments, admitted } = this.#options;
    const batch = this.#placer.next();
    const bytes = batch.builder.seal(this.#through.end);
    const { position } = batch.builder;
    try {
      await admitted();
      const began = performance.now();
      await segments.write(bytes, position);
      this.stats.writeMs += performance.now() - began;
    } catch (error) {
      await this.#failed(batch, position, error as NodeJS.ErrnoException);
      return;
    }
    this.#full = false;
    this.stats.blocks++;
    this.stats.turns += batch.commits.length;
    this.stats.bytes += bytes.length;
    this.#succeeded(batch, bytes);
  }

  #succeeded(batch: LogBatch, bytes: Buffer): void {
    const { heads, durable } = this.#options;
    const { commits, settled, positions, builder } = batch;
    const { position: start, endPosition: end } = builder;
    for (let index = 0; index < commits.length; index++) {
      const commit = commits[index];
      const head = batch.heads[index];
      const position = positions[index];
      if (commit === undefined || head === undefined || position === undefined) continue;
      heads.advance(head, commit.expectedRevision + commit.records.length, position, bytes.readUInt32LE(position - start));
    }
    this.#through = { end, lastBlock: start };
    durable(batch, start, end);
    for (let index = 0; index < commits.length; index++) {
      tell(commits[index], settled[index], { kind: 'committed', position: positions[index] ?? start });
    }
  }

  async #failed(batch: LogBatch, position: Position, error: NodeJS.ErrnoException): Promise<void> {
    const full = FULL.has(error.code ?? '') && (await this.#cut(position));
    const message = `${error.code ?? error.name}: ${error.message}`;
    if (!full) this.#options.notice(`a write to the log failed, no more are taken: ${message}`);
    else if (!this.#full) this.#options.notice(`the disk is full, appends are refused until there is space: ${message}`);
    this.#full = full;
    if (!full) this.#refusing = 'store-failed';
    const outcome: AppendOutcome = full
      ? { kind: 'refused', code: 'store-full', message }
      : { kind: 'unknown', message: `The write failed (${message}).` };
    const behind: AppendOutcome = full ? outcome : { kind: 'refused', code: 'store-failed', message };
    const placed = this.#placer.restart(this.#through.end);
    const waiting = [...this.#backlog.splice(0), ...(full ? [] : this.#late.splice(0))];
    for (const [index, commit] of batch.commits.entries()) tell(commit, batch.settled[index], outcome);
    for (const [index, commit] of placed.commits.entries()) tell(commit, placed.settled[index], behind);
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
}

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
