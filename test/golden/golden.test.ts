import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Image } from '../../runtime/core/image.ts';
import { foldTurn } from '../../runtime/core/image.ts';
import { type JournalType, journalType, type Outcome, type ScheduledCall, type StallReason } from '../../runtime/core/journal.ts';
import { LIMITS } from '../../runtime/core/limits.ts';
import { deepFreeze } from '../../runtime/core/plain.ts';
import type { NewRecord, StoredTurn } from '../../runtime/core/record.ts';
import type { OpenRun } from '../../runtime/core/run/open-run.ts';
import { decodeSnapshot, encodeSnapshot } from '../../runtime/core/snapshot.ts';
import { installGuard } from '../../runtime/host/guard.ts';
import { RunReplays } from '../../runtime/host/run-replays.ts';
import { drained } from '../../runtime/testing/drained.ts';
import { DEFINITIONS, factsOf, imagesOf, withoutData } from './folding.ts';
import { FOLDER, hashOf } from './generate.ts';
import { ends } from './going-on.ts';
import type { History } from './history.ts';

// What any released version has written is folded, replayed and gone on with for ever.

const versions = readdirSync(FOLDER, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
const files = versions.flatMap((version) => readdirSync(join(FOLDER, version)).map((name) => `${version}/${name}`));
const textOf = (file: string) => readFileSync(join(FOLDER, file), 'utf8');

let uninstall: () => void = () => undefined;
beforeAll(() => {
  uninstall = installGuard();
});
afterAll(() => uninstall());

test('the files are those that were written', () => {
  const hashes = JSON.parse(textOf('hashes.json')) as unknown;
  expect(Object.fromEntries(files.map((file) => [file, hashOf(textOf(file))]))).toEqual(hashes);
});

describe.each(files)('%s', (file) => {
  const { turns, folded, snapshots, ends: came }: History = deepFreeze(JSON.parse(textOf(file)) as History);

  test('bookkeeping and state are what they were', () => {
    const images = imagesOf(turns);
    expect(Object.fromEntries([...images].map(([stream, image]) => [stream, factsOf(image)]))).toEqual(folded);
  });

  test('a snapshot of then is either not used or holds what the stream holds', () => {
    for (const [stream, image] of imagesOf(turns)) {
      const restored = decodeSnapshot(image.definition, image.id, Buffer.from(snapshots[stream] ?? '', 'base64'), deepFreeze);
      if (restored !== undefined) expect(withoutData(factsOf(restored))).toEqual(withoutData(folded[stream]));
    }
  });

  test('a snapshot of now, made after any turn, goes on as the stream does', () => {
    for (const [stream, image] of imagesOf(turns)) {
      const own = turns.filter((turn) => turn.stream === stream);
      for (let count = 1; count < own.length; count += 1) {
        const before = imagesOf(own.slice(0, count)).get(stream);
        const restored = before && decodeSnapshot(image.definition, image.id, encodeSnapshot(before), deepFreeze);
        if (restored === undefined) throw new Error(`no snapshot of ${stream} after ${count} turns`);
        for (const turn of own.slice(count)) foldTurn(restored, turn, deepFreeze);
        expect(withoutData(factsOf(restored))).toEqual(withoutData(folded[stream]));
      }
    }
  });

  test('every run, in flight or ended, asks again for what it asked for, data and all', async () => {
    const parts = { definitions: DEFINITIONS, activities: ['work', 'undo'], freeze: deepFreeze, maxTurnBytes: LIMITS.maxTurnBytes };
    const replays = new RunReplays({ ...parts, drained, isStrict: true });
    for (const [image, run] of runsOf(turns)) expect(await replays.divergence(image, run)).toBeUndefined();
  });

  test('a node of now goes on with each run to the end that it had', async () => {
    expect(await ends(turns)).toEqual(came);
  });
});

function runsOf(turns: readonly StoredTurn[]): readonly (readonly [Image, OpenRun])[] {
  const ended: (readonly [Image, OpenRun])[] = [];
  const images = imagesOf(turns, (image, run) => ended.push([image, run]));
  const open = [...images.values()].flatMap((image) => [...image.books.runs.open.values()].map((run) => [image, run] as const));
  return [...ended, ...open];
}

const JOURNAL: Readonly<Record<JournalType, true>> = {
  ...{ SignalHeld: true, SignalIgnored: true, UpdateAnswered: true, SignalSent: true, TimerSet: true, TimerCleared: true },
  ...{ TimerFired: true, Parked: true, Released: true, HeldEdited: true, HeldSkipped: true, Paused: true, Resumed: true },
  ...{ SignalReceived: true, RunStarted: true, RunCompleted: true, RunStalled: true, RunResumed: true, Scheduled: true },
  ...{ Resolved: true, AttemptFailed: true, HeartbeatRecorded: true, CancelRequested: true, VersionMarked: true, Wake: true },
  Forgotten: true,
};
const OUTCOMES: Readonly<Record<Outcome['kind'], true>> = {
  ...{ completed: true, rejected: true, failed: true, cancelled: true, terminated: true, timedOut: true },
};
const WAITS: Readonly<Record<ScheduledCall['kind'], true>> = {
  ...{ activity: true, query: true, sleep: true, until: true, callback: true, resume: true },
};
const STALLS: Readonly<Record<StallReason['resumes'], true>> = { segment: true, trigger: true, nothing: true };

test('every journal record, outcome, wait and stall of now is in some history', () => {
  const records = files.flatMap((file) => (JSON.parse(textOf(file)) as History).turns.flatMap((turn) => turn.records));
  const found = (type: JournalType, of: (data: never) => string) =>
    new Set(records.filter((record) => record.type === journalType(type)).map(({ data }: NewRecord) => of(data as never)));
  expect(Object.keys(JOURNAL).filter((type) => !records.some((record) => record.type === journalType(type as JournalType)))).toEqual([]);
  expect(found('Resolved', ({ outcome }: { readonly outcome: Outcome }) => outcome.kind)).toEqual(new Set(Object.keys(OUTCOMES)));
  expect(found('Scheduled', ({ kind }: ScheduledCall) => kind)).toEqual(new Set(Object.keys(WAITS)));
  expect(found('RunStalled', ({ resumes }: StallReason) => resumes)).toEqual(new Set(Object.keys(STALLS)));
});
