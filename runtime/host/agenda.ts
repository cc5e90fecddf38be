import { PerdureError } from '../core/errors.ts';
import { type JournalData, journalType } from '../core/journal.ts';
import { LIMITS } from '../core/limits.ts';
import { addressOf, type Position, type Revision, type StreamName } from '../core/record.ts';
import type { Subscription } from '../ports/event-store.ts';
import type { Checkpoint, ReadStore, RowChange, RowPage } from '../ports/read-store.ts';
import type { HostContext } from './context.ts';

/** One entity's next wake-up as the agenda knows it. */
export interface AgendaRow {
  readonly at: number;
  /** Revision of the `Wake` record, or that the owner saw when it corrected the row. */
  readonly revision: Revision;
  /** Process that runs its attempts; absent if none are owed. */
  readonly incarnation?: string;
}

/** A row to be written; without a time it is removed. */
type Pending = AgendaRow | { readonly at: undefined; readonly revision: Revision };

/** Raised with the indexes below; a new table is filled from the log. */
const TABLE = 'perdure.agenda@2';
const WAKE = journalType('Wake');
const FLUSH_MS = 1_000;
/** Changes kept in memory before they are written early. */
const MAX_PENDING = 10_000;
/** Rows woken in one round, so that what is awake at once stays bounded, and pages looked at to find them. */
const MAX_WOKEN = 10 * LIMITS.maxAgendaPage;
const MAX_PAGES = 100;

/** What the agenda needs of the host. */
export interface Wakes {
  /** Wakes an entity and, once it has nothing due any more, corrects its row; `done` is told when it is awake (or cannot be woken now). */
  wake(stream: StreamName, done: () => void): void;
}

/**
 * The agenda: who owes work when, for all entities that are not in memory.
 *
 * Invariants:
 * D1. A row is never later than the truth of its entity's stream up to the checkpoint: it is fed by `Wake` records and only corrected by the owner, for the
 *     revision it saw.
 * D2. Of two changes to a row the one with the higher revision wins.
 * D4. A row names the process that runs its entity's attempts; at a start rows of other processes are due at once.
 * D5. A row that its owner has postponed stays as it is, and wakes nobody until then: this process alone knows that nothing can be done for it now.
 * D3. Rows and checkpoint are written in one transaction; what was not written before a crash is read from the log again.
 */
export class Agenda {
  readonly #context: HostContext;
  readonly #rows: ReadStore;
  readonly #wakes: Wakes;
  readonly #pending = new Map<StreamName, Pending>();
  /** Until when rows wake nobody (D5), milliseconds since 1970. */
  readonly #postponed = new Map<StreamName, number>();
  #checkpoint: Checkpoint | undefined;
  /** What the checkpoint is if the last write, which failed, took effect all the same. */
  #unsure: Checkpoint | undefined;
  #last: Promise<void> = Promise.resolve();
  #seen: Position = 0;
  #subscription: Subscription | undefined;
  #cancel: (() => void) | undefined;
  #stopped = false;
  /** Has the log been read up to its end? */
  #isCaughtUp = false;
  /** Have the rows of processes that are gone been looked at? */
  #hasAdopted = false;

  constructor(context: HostContext, rows: ReadStore, wakes: Wakes) {
    this.#context = context;
    this.#rows = rows;
    this.#wakes = wakes;
  }

  /** Starts following the log and waking what is due. Throws `store-mismatch` if its checkpoint is of another store, or of a log that went on further. */
  async start(): Promise<void> {
    await this.#rows.declare({ table: TABLE, indexes: { at: ['at'], incarnation: ['incarnation'] } });
    this.#checkpoint = await this.#rows.checkpoint(TABLE);
    this.#seen = this.#checkpoint?.position ?? 0;
    const head = await this.#context.store.headPosition();
    if (this.#seen > head) {
      throw new PerdureError(
        'store-mismatch',
        `the rows of who is due are at ${this.#seen}, but the log ends at ${head}: a backup of it was restored without them`,
      );
    }
    this.#subscription = this.#context.store.subscribe({ from: this.#seen, types: [WAKE] });
    void this.#follow(this.#subscription);
    this.#schedule();
  }

  /** Wakes entities whose attempts were run by a process that is gone, whatever their rows say (D4). */
  async #adopt(): Promise<void> {
    await this.#flush();
    let cursor: string | undefined;
    do {
      const query = { table: TABLE, index: 'incarnation', from: '', limit: LIMITS.maxAgendaPage };
      const page: RowPage = await this.#rows.find({ ...query, ...(cursor === undefined ? {} : { cursor }) });
      const { incarnation } = this.#context.entropy;
      const orphans = page.rows.filter(({ row }) => (row as AgendaRow).incarnation !== incarnation);
      await Promise.all(orphans.map(({ key }) => new Promise<void>((resolve) => this.#wakes.wake(key, resolve))));
      this.#context.counters.agendaWakeUps += orphans.length;
      cursor = page.cursor;
    } while (cursor !== undefined && !this.#stopped);
    this.#hasAdopted = true;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    this.#subscription?.close();
    // What is not written now is read from the log again (D3).
    await this.#flush().catch((error: unknown) => this.#context.log.error('agenda-failed', { error }));
  }

  async #follow(subscription: Subscription): Promise<void> {
    try {
      for await (const batch of subscription) {
        for (const turn of batch.turns) {
          for (const [index, record] of turn.records.entries()) {
            if (record.type !== WAKE) continue;
            const { at, incarnation } = record.data as JournalData['Wake'];
            this.#note(turn.stream, { at, revision: turn.firstRevision + index, ...(incarnation === undefined ? {} : { incarnation }) });
          }
        }
        this.#seen = batch.checkpoint;
        if (this.#pending.size >= MAX_PENDING) await this.#flush();
        if (batch.caughtUp && !this.#isCaughtUp) {
          this.#isCaughtUp = true;
          // What fails now is done in the next round.
          await this.#adopt().catch((error: unknown) => this.#context.log.error('agenda-failed', { error }));
        }
      }
    } catch (error) {
      this.#context.fail(error);
    }
  }

  #note(stream: StreamName, row: Pending): void {
    const known = this.#pending.get(stream);
    if (known === undefined || known.revision <= row.revision) this.#pending.set(stream, row);
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#cancel = this.#context.clock.after(FLUSH_MS, () => {
      this.#round().then(
        () => this.#schedule(),
        (error: unknown) => {
          this.#context.log.error('agenda-failed', { error });
          this.#schedule();
        },
      );
    });
  }

  /** The owner's word on when an entity is next due (undefined: it owes nothing), as of a revision (D1). */
  correct(stream: StreamName, at: number | undefined, revision: Revision, owesAttempts = false): void {
    const { incarnation } = this.#context.entropy;
    this.#postponed.delete(stream);
    this.#note(stream, at === undefined ? { at, revision } : { at, revision, ...(owesAttempts ? { incarnation } : {}) });
  }

  /** Nothing can be done for an entity until then (D5), milliseconds since 1970. */
  postpone(stream: StreamName, untilMs: number): void {
    this.#postponed.set(stream, untilMs);
  }

  /** Has the row of an entity been postponed since it was last corrected? */
  isPostponed(stream: StreamName): boolean {
    return this.#postponed.size > 0 && this.#postponed.has(stream);
  }

  /** Writes what changed and wakes what is due, page by page; what is beyond the bound comes in the next round. */
  async #round(): Promise<void> {
    await this.#flush();
    if (this.#isCaughtUp && !this.#hasAdopted) await this.#adopt();
    let cursor: string | undefined;
    // One bound for all pages: a cursor belongs to its query.
    const to = this.#context.clock.now() + LIMITS.agendaAheadMs;
    for (let pages = 0, woken = 0; pages < MAX_PAGES && woken < MAX_WOKEN && !this.#stopped; pages += 1) {
      const page: RowPage = await this.#rows.find({
        table: TABLE,
        index: 'at',
        to,
        limit: LIMITS.maxAgendaPage,
        ...(cursor === undefined ? {} : { cursor }),
      });
      const due = page.rows.filter(({ key }) => (this.#postponed.get(key) ?? 0) <= to);
      await Promise.all(due.map(({ key }) => new Promise<void>((resolve) => this.#wakes.wake(key, resolve))));
      this.#context.counters.agendaWakeUps += due.length;
      woken += due.length;
      cursor = page.cursor;
      if (cursor === undefined) return;
    }
  }

  /** One flush after another: two at once would each take the other for a foreign writer. */
  #flush(): Promise<void> {
    const flushed = this.#last.then(() => this.#write());
    this.#last = flushed.catch(() => undefined);
    return flushed;
  }

  /** What is pending stays so until it is written (D3). */
  async #write(): Promise<void> {
    await this.#settleUnsure();
    const position = this.#seen;
    const changes = [...this.#pending];
    if (changes.length === 0 && position === this.#checkpoint?.position) return;
    const next: Checkpoint = { storeId: this.#context.store.storeId, position };
    const newer = await this.#newer(changes);
    this.#unsure = next;
    const written = await this.#rows.write({ table: TABLE, expected: this.#checkpoint, next, changes: newer });
    this.#unsure = undefined;
    if (written === 'lost') {
      this.#stopped = true;
      this.#context.fail(new Error('another process writes the agenda of this store'));
      return;
    }
    this.#checkpoint = next;
    for (const [stream, row] of changes) if (this.#pending.get(stream) === row) this.#pending.delete(stream);
  }

  /** A write that failed may have taken effect: then the stored checkpoint is the one that it would have left. */
  async #settleUnsure(): Promise<void> {
    const unsure = this.#unsure;
    if (unsure === undefined) return;
    const stored = await this.#rows.checkpoint(TABLE);
    if (stored?.storeId === unsure.storeId && stored.position === unsure.position) this.#checkpoint = unsure;
    this.#unsure = undefined;
  }

  /** The changes that are not older than what is stored (D2). */
  async #newer(changes: readonly (readonly [StreamName, Pending])[]): Promise<readonly RowChange[]> {
    const streams = changes.map(([stream]) => stream);
    const known = await this.#rows.getMany(TABLE, streams);
    return changes
      .filter(([, row], index) => {
        const stored = known[index] as AgendaRow | undefined;
        // Most wake-ups are over before they would be written: there is nothing to remove.
        return stored === undefined ? row.at !== undefined : stored.revision <= row.revision;
      })
      .map(([key, row]) => ({ key, row: row.at === undefined ? undefined : row }));
  }
}

/** The entity of a stream that an agenda row names, if its type is registered. */
export function agendaEntity(stream: StreamName, types: { has(type: string): boolean }) {
  const address = addressOf(stream);
  return address !== undefined && types.has(address.type) ? address : undefined;
}
