import { createMemoryLog, type MemoryLog, unpackTurn, writeTurn } from '../../runtime/adapters/memory/event-store-log.ts';
import type { StoredTurn } from '../../runtime/core/record.ts';

/** What one version wrote in one scenario, and what it made of it. */
export interface History {
  /** The version that wrote it. */
  readonly perdure: string;
  /** In the order of the log. */
  readonly turns: readonly StoredTurn[];
  /** What each stream folds to, by its name. */
  readonly folded: Readonly<Record<string, unknown>>;
  /** Base64 of the snapshot of each stream, by its name. */
  readonly snapshots: Readonly<Record<string, string>>;
  /** What its runs came to when it went on. */
  readonly ends: Readonly<Record<string, unknown>>;
}

/** The turns of a log, as they stand in it. */
export function turnsOf(log: MemoryLog): readonly StoredTurn[] {
  return log.turns.flatMap((turn) => unpackTurn(log, turn) ?? []);
}

/** A log that holds these turns at their old positions. Of a stream whose beginning was forgotten, that is missing here too. */
export function logOf(turns: readonly StoredTurn[]): MemoryLog {
  const log = createMemoryLog('golden');
  for (const { stream, firstRevision, position, turnId, time, records } of turns) {
    if (!log.streams.has(stream) && firstRevision > 0) {
      const gone = { stream, firstRevision: 0, lastRevision: firstRevision - 1, position: -1, turnId: '', time, packed: NOTHING, size: 0 };
      log.streams.set(stream, [gone]);
      log.forgotten.set(stream, firstRevision);
    }
    log.next = position;
    const written = writeTurn(log, { stream, expectedRevision: firstRevision - 1, turnId, time, records });
    if (written.kind !== 'committed') throw new Error(`${stream}@${firstRevision} is ${written.kind}`);
  }
  return log;
}
const NOTHING = new Uint8Array();

/** The text of a history: a line for each turn and stream, so that differences can be read. */
export function textOf({ perdure, turns, folded, snapshots, ends }: History): string {
  const lines = (values: readonly unknown[]) => values.map((value) => `    ${JSON.stringify(value)}`).join(',\n');
  const fields = (values: Readonly<Record<string, unknown>>) =>
    Object.entries(values)
      .map(([name, value]) => `    ${JSON.stringify(name)}: ${JSON.stringify(value)}`)
      .join(',\n');
  return [
    '{',
    `  "perdure": ${JSON.stringify(perdure)},`,
    `  "turns": [\n${lines(turns)}\n  ],`,
    `  "folded": {\n${fields(folded)}\n  },`,
    `  "snapshots": {\n${fields(snapshots)}\n  },`,
    `  "ends": {\n${fields(ends)}\n  }`,
    '}\n',
  ].join('\n');
}
