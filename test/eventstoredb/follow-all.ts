import { randomUUID } from 'node:crypto';
import type { ServerContext } from './context.ts';
import { DEFAULT_WINDOW, testOf } from './filters.ts';
import { LIVE_BUFFER } from './follow-stream.ts';
import { resolve } from './links.ts';
import { type From, indexAfter, isHidden, type LogPosition } from './log-reads.ts';
import type { Outlet } from './outlet.ts';
import type { ReadRequest } from './read-request.ts';
import type { LogRecord } from './record.ts';
import { caughtUpMessage, checkpointMessage, confirmationMessage, eventMessage } from './wire-records.ts';

const START: LogPosition = { commit: 0, prepare: 0 };

/** A subscription to `$all`, after a position (exclusive), until it is cancelled (section 4.5). */
export async function followAll(context: ServerContext, outlet: Outlet, request: ReadRequest, from: From<LogPosition>): Promise<void> {
  const stop = context.log.onAppended(() => outlet.wake());
  try {
    await new AllFollower(context, outlet, request, from).run();
  } finally {
    stop();
  }
}

/**
 * Where one subscription to `$all` is.
 *
 * Invariants:
 * F1. Every record after the start is considered once, in order, so that none is delivered twice.
 * F2. A filter's checkpoint comes every `multiplier x window` considered records, and when a catch-up ends.
 * F3. Not one record is looked at again for another record that is appended.
 */
class AllFollower {
  readonly #context: ServerContext;
  readonly #outlet: Outlet;
  readonly #resolvesLinks: boolean;
  readonly #isFiltered: boolean;
  readonly #test: (record: LogRecord) => boolean;
  /** Records of one page of a catch-up. */
  readonly #window: number;
  /** Considered records from one checkpoint to the next. */
  readonly #interval: number;
  /** Records up to here are not delivered: the start may lie beyond the end of the log. */
  readonly #skipsTo: LogPosition;
  /** Index of the next record. */
  #next: number;
  #sinceCheckpoint = 0;
  #lastSent: LogPosition = START;
  #pageStart: LogPosition;

  constructor(context: ServerContext, outlet: Outlet, { resolvesLinks, filter }: ReadRequest, from: From<LogPosition>) {
    const { log } = context;
    this.#context = context;
    this.#outlet = outlet;
    this.#resolvesLinks = resolvesLinks;
    this.#isFiltered = filter !== undefined;
    this.#test = filter === undefined ? () => true : testOf(filter);
    this.#window = filter?.window ?? DEFAULT_WINDOW;
    this.#interval = this.#window * (filter?.multiplier ?? 1);
    this.#next = from === 'start' ? 0 : from === 'end' ? log.records.length : indexAfter(log, from);
    this.#skipsTo = typeof from === 'string' ? START : from;
    this.#pageStart = this.#skipsTo;
  }

  async run(): Promise<void> {
    if (!(await this.#outlet.clear())) return;
    this.#outlet.write(confirmationMessage(randomUUID()));
    while (!this.#outlet.isOver) {
      await this.#catchUp();
      if (!(await this.#outlet.clear())) return;
      if (this.#context.switches.caughtUp) this.#outlet.write(caughtUpMessage());
      await this.#stayLive();
    }
  }

  get #isAtEnd(): boolean {
    return this.#next >= this.#context.log.records.length;
  }

  /** Pages from the log, until it ends. */
  async #catchUp(): Promise<void> {
    while (!this.#isAtEnd && !this.#outlet.isOver) {
      await this.#page();
      if (this.#isFiltered && (this.#isCheckpointDue() || this.#isAtEnd)) await this.#write(checkpointMessage(this.#pageCheckpoint()));
      this.#pageStart = this.#startOfNextPage();
    }
  }

  async #page(): Promise<void> {
    const end = this.#next + this.#window;
    for (let events = 0; events < DEFAULT_WINDOW && this.#next < end && !this.#isAtEnd && !this.#outlet.isOver; ) {
      if (await this.#consider()) events += 1;
    }
  }

  /** Each record as it is appended, until too many wait. */
  async #stayLive(): Promise<void> {
    while (!this.#outlet.isOver) {
      if (this.#isBehind()) {
        if (!this.#context.switches.consumerTooSlowDrop) return;
        this.#outlet.fail({ kind: 'consumer-too-slow' });
      } else if (this.#isAtEnd) {
        await this.#outlet.waked();
      } else {
        await this.#deliverUntilStalled();
      }
    }
  }

  async #deliverUntilStalled(): Promise<void> {
    while (!this.#isAtEnd && this.#outlet.isClear) {
      const record = this.#context.log.records[this.#next];
      await this.#consider();
      if (record === undefined || !this.#isFiltered || !this.#isCheckpointDue()) continue;
      await this.#write(checkpointMessage({ commit: record.position, prepare: record.position }));
    }
    if (!this.#isAtEnd) await this.#outlet.clear();
  }

  /** Do more records wait than the live buffer holds? Looks at those only that wait. */
  #isBehind(): boolean {
    const { records } = this.#context.log;
    if (records.length - this.#next <= LIVE_BUFFER) return false;
    let waiting = 0;
    for (let index = this.#next; index < records.length && waiting <= LIVE_BUFFER; index += 1) {
      const record = records[index];
      if (record !== undefined && this.#isWanted(record)) waiting += 1;
    }
    return waiting > LIVE_BUFFER;
  }

  /** Takes the next record; was it delivered? */
  async #consider(): Promise<boolean> {
    const record = this.#context.log.records[this.#next];
    if (record === undefined) return false;
    const isWanted = this.#isWanted(record);
    if (isWanted && !this.#outlet.isClear && !(await this.#outlet.clear())) return false;
    this.#next += 1;
    if (!isHidden(record)) this.#sinceCheckpoint += 1;
    if (!isWanted) return false;
    this.#outlet.write(eventMessage(resolve(this.#context.log, record, this.#resolvesLinks)));
    this.#lastSent = { commit: record.position, prepare: record.position };
    return true;
  }

  #isWanted(record: LogRecord): boolean {
    return !isHidden(record) && isAfter({ commit: record.position, prepare: record.position }, this.#skipsTo) && this.#test(record);
  }

  /** Counts the interval anew if it is over. */
  #isCheckpointDue(): boolean {
    if (this.#sinceCheckpoint < this.#interval) return false;
    this.#sinceCheckpoint %= this.#interval;
    return true;
  }

  /** The later of the last event and the start of the page; what the bug of 25.0 names was not looked at yet. */
  #pageCheckpoint(): LogPosition {
    const unseen = this.#context.log.records[this.#next];
    if (this.#context.switches.checkpointBug25 && unseen !== undefined) return { commit: unseen.position, prepare: unseen.position };
    return isAfter(this.#lastSent, this.#pageStart) ? this.#lastSent : this.#pageStart;
  }

  /** A page begins at its first record, before that is read: with a prepare position of 0. */
  #startOfNextPage(): LogPosition {
    const { log, switches } = this.#context;
    if (switches.prepareZeroCheckpoints) return { commit: log.records[this.#next]?.position ?? log.end, prepare: 0 };
    const position = log.records[this.#next - 1]?.position ?? 0;
    return { commit: position, prepare: position };
  }

  async #write(message: Parameters<Outlet['write']>[0]): Promise<void> {
    if (await this.#outlet.clear()) this.#outlet.write(message);
  }
}

function isAfter(one: LogPosition, other: LogPosition): boolean {
  return one.commit > other.commit || (one.commit === other.commit && one.prepare > other.prepare);
}
