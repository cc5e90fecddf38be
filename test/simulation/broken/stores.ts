import type { MemoryLog } from '../../../runtime/adapters/memory/event-store-log.ts';
import type { Commit, NewRecord, Revision, StoredTurn, StreamName } from '../../../runtime/core/record.ts';
import type { AppendOutcome, EventStore, Settled, SubscribeOptions, Subscription } from '../../../runtime/ports/event-store.ts';
import type { ReadStore, WriteBatch } from '../../../runtime/ports/read-store.ts';
import type { Incarnation } from '../../../runtime/testing/simulation/incarnation.ts';

/** A store like another, but for some of its methods. */
export function like(inner: EventStore, changed: Partial<EventStore>): EventStore {
  return {
    storeId: inner.storeId,
    partitions: inner.partitions,
    append: (commits, settled) => inner.append(commits, settled),
    readStream: (stream, from) => inner.readStream(stream, from),
    headRevision: (stream) => inner.headRevision(stream),
    headPosition: () => inner.headPosition(),
    subscribe: (options) => inner.subscribe(options),
    loadSnapshot: (stream) => inner.loadSnapshot(stream),
    saveSnapshot: (stream, snapshot) => inner.saveSnapshot(stream, snapshot),
    getValue: (key) => inner.getValue(key),
    putValue: (key, value) => inner.putValue(key, value),
    forget: (stream, before) => inner.forget(stream, before),
    close: () => inner.close(),
    ...changed,
  };
}

/** Appends that tell their outcome through `tell`. */
export function telling(inner: EventStore, tell: (commit: Commit, outcome: AppendOutcome, settled: Settled) => void): EventStore {
  return like(inner, { append: (commits, settled) => inner.append(commits, (commit, outcome) => tell(commit, outcome, settled)) });
}

/** Told committed at once, written later, if the node lives that long. */
export function answersBeforeDurability(inner: EventStore, life: Incarnation, log: MemoryLog): EventStore {
  return like(inner, {
    append: (commits, settled) => {
      for (const commit of commits) {
        const position = log.next;
        life.plan('says it is durable', 0, () => settled(commit, { kind: 'committed', position }));
        life.plan('writes late', 300, () => inner.append([commit], () => undefined));
      }
    },
  });
}

/** Records without the marks of their messages: nobody can know what was handled. */
export function forgetsMarks(inner: EventStore): EventStore {
  const without = ({ meta: { mark: _mark, ...meta }, ...record }: NewRecord): NewRecord => ({ ...record, meta });
  return rewriting(inner, (records) => records.map(without));
}

/** Records without the ids of their messages. */
export function forgetsIds(inner: EventStore): EventStore {
  const without = ({ meta: { signal: _signal, ...meta }, ...record }: NewRecord): NewRecord => ({ ...record, meta });
  return rewriting(inner, (records) => records.map(without));
}

/** Appends of other records than those that were asked for. */
export function rewriting(inner: EventStore, rewrite: (records: readonly NewRecord[]) => readonly NewRecord[]): EventStore {
  return like(inner, {
    append: (commits, settled) => {
      const originals = new Map(commits.map((commit) => [commit.turnId, commit]));
      const rewritten = commits.map((commit) => ({ ...commit, records: rewrite(commit.records) }));
      inner.append(rewritten, (commit, outcome) => settled(originals.get(commit.turnId) ?? commit, outcome));
    },
  });
}

/** Appends wherever the stream ends, whatever the writer expected. */
export function ignoresExpectedRevision(inner: EventStore, _life: Incarnation, log: MemoryLog): EventStore {
  return telling(inner, (commit, outcome, settled) => {
    if (outcome.kind !== 'conflict') {
      settled(commit, outcome);
      return;
    }
    const head = log.streams.get(commit.stream)?.at(-1)?.lastRevision ?? -1;
    inner.append([{ ...commit, expectedRevision: head }], (_moved, second) => settled(commit, second));
  });
}

/** A conflict is taken for success: what lost is not handled again. */
export function dropsAtConflict(inner: EventStore, _life: Incarnation, log: MemoryLog): EventStore {
  return telling(inner, (commit, outcome, settled) =>
    settled(commit, outcome.kind === 'conflict' ? { kind: 'committed', position: log.next - 1 } : outcome),
  );
}

/** What nobody knows is told as done. */
export function takesUnknownForDone(inner: EventStore, _life: Incarnation, log: MemoryLog): EventStore {
  return telling(inner, (commit, outcome, settled) =>
    settled(commit, outcome.kind === 'unknown' ? { kind: 'committed', position: log.next } : outcome),
  );
}

/** What nobody knows is told as failed. */
export function takesUnknownForFailed(inner: EventStore): EventStore {
  return telling(inner, (commit, outcome, settled) =>
    settled(commit, outcome.kind === 'unknown' ? { kind: 'refused', code: 'store-full', message: 'given up' } : outcome),
  );
}

/** The outbox's watermark stands where the log ends, whatever is on its way. */
export function savesWatermarkEarly(inner: EventStore, _life: Incarnation, log: MemoryLog): EventStore {
  return like(inner, { putValue: (key) => inner.putValue(key, new TextEncoder().encode(String(log.next))) });
}

/** Wake records never reach those who follow the log: timers of sleeping entities are forgotten. */
export function forgetsWakes(inner: EventStore): EventStore {
  return like(inner, { subscribe: (options) => without(inner, options, 'perdure:Wake') });
}

function without(inner: EventStore, options: SubscribeOptions, type: string): Subscription {
  const subscription = inner.subscribe(options);
  const cleaned = (turn: StoredTurn): StoredTurn => ({
    ...turn,
    records: turn.records.map((record) => (record.type === type ? { ...record, type: 'perdure:Nothing' } : record)),
  });
  return {
    close: () => subscription.close(),
    async *[Symbol.asyncIterator]() {
      for await (const batch of subscription) yield { ...batch, turns: batch.turns.map(cleaned) };
    },
  };
}

/** The head of a stream is what this node last saw of it: a turn that appends nothing is believed without asking. */
export function believesItsOwnHead(inner: EventStore): EventStore {
  const seen = new Map<StreamName, Revision>();
  return like(inner, {
    append: (commits, settled) =>
      inner.append(commits, (commit, outcome) => {
        if (outcome.kind === 'committed') seen.set(commit.stream, commit.expectedRevision + commit.records.length);
        settled(commit, outcome);
      }),
    async *readStream(stream, from) {
      if (from <= 0) seen.set(stream, -1);
      for await (const page of inner.readStream(stream, from)) {
        const last = page.at(-1);
        if (last !== undefined) seen.set(stream, last.firstRevision + last.records.length - 1);
        yield page;
      }
    },
    headRevision: async (stream) => seen.get(stream) ?? inner.headRevision(stream),
  });
}

/** Held messages come back in another order than they came. */
export function swapsHeld(inner: EventStore): EventStore {
  return like(inner, {
    async *readStream(stream, from) {
      const pages: (readonly StoredTurn[])[] = [];
      for await (const page of inner.readStream(stream, from)) pages.push(page);
      const turns = pages.flat();
      const held = turns.flatMap(({ records }) => records.filter(({ type }) => type === 'perdure:SignalHeld')).reverse();
      const swap = (record: NewRecord): NewRecord => (record.type === 'perdure:SignalHeld' ? (held.shift() ?? record) : record);
      if (turns.length > 0) yield turns.map((turn) => ({ ...turn, records: turn.records.map(swap) }));
    },
  });
}

/** Checkpoint first, rows a moment later: what comes in between is lost. */
export function movesCheckpointFirst(inner: ReadStore, life: Incarnation): ReadStore {
  return {
    declare: (table) => inner.declare(table),
    checkpoint: (table) => inner.checkpoint(table),
    write: async (batch: WriteBatch) => {
      const outcome = await inner.write({ ...batch, changes: [] });
      if (outcome === 'lost') return outcome;
      await life.wait('rows later', 200);
      return inner.write({ ...batch, expected: batch.next });
    },
    get: (table, key) => inner.get(table, key),
    getMany: (table, keys) => inner.getMany(table, keys),
    find: (query) => inner.find(query),
    drop: (table) => inner.drop(table),
    close: () => inner.close(),
  };
}
