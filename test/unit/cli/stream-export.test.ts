import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryEventStore } from '../../../runtime/adapters/memory/event-store.ts';
import { createMemoryLog, writeTurn } from '../../../runtime/adapters/memory/event-store-log.ts';
import { journal } from '../../../runtime/core/journal.ts';
import type { NewRecord, StoredTurn } from '../../../runtime/core/record.ts';
import { storedTurns } from '../../../runtime/host/stored-streams.ts';
import { exportedTurns, exportLines } from '../../../runtime/host/stream-export.ts';

const HEADER = { perdure: '0.2.0', from: 'here' };

async function* each<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values;
}

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const value of values) found.push(value);
  return found;
}

const record = fc.record({ type: fc.string({ minLength: 1 }), data: fc.jsonValue(), meta: fc.dictionary(fc.string(), fc.jsonValue()) });
const turn = fc.record({
  stream: fc.string(),
  firstRevision: fc.nat(),
  position: fc.maxSafeNat(),
  turnId: fc.string(),
  time: fc.maxSafeNat(),
  records: fc.array(record, { minLength: 1, maxLength: 4 }),
});

test('T1: what is read back equals what was written', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(turn), async (turns) => {
      const plain = JSON.parse(JSON.stringify(turns)) as StoredTurn[]; // what a store may hold: no -0
      expect(await all(exportedTurns(exportLines(HEADER, each(plain))))).toEqual(plain);
    }),
  );
});

const NOTED: NewRecord = { type: 'Noted', data: null, meta: {} };
const TURN: StoredTurn = { stream: 'note-1', firstRevision: 0, position: 0, turnId: 't', time: 1, records: [NOTED] };

test('T2, T3: a file that lost a line, was cut off, goes on behind its end or is of a newer format is refused, its line named', async () => {
  const [header = '', first = '', second = '', end = ''] = await all(exportLines(HEADER, each([TURN, { ...TURN, firstRevision: 1 }])));
  const newer = JSON.stringify({ ...JSON.parse(header), format: 2 });
  const cases: readonly [readonly string[], string, RegExp][] = [
    [[header, second, end], 'malformed-request', /line 3 of the export says 2 turns, there are 1/],
    [[header, first, second], 'malformed-request', /ends after line 3 without its end: it was cut off/],
    [[header, first, second.slice(0, 20)], 'malformed-request', /line 3 of the export is no JSON/],
    [[header, first, second, end, first], 'malformed-request', /line 5 of the export stands behind the end/],
    [[first, second, end], 'malformed-request', /line 1 of the export is not the first of an export/],
    [[header, JSON.stringify({ ...TURN, records: [{ type: 'Noted' }] })], 'malformed-request', /line 2 of the export is no turn/],
    [[header, '[]'], 'malformed-request', /line 2 of the export is no object/],
    [[], 'malformed-request', /ends after line 0/],
    [[newer, end], 'store-too-new', /format 2; this version knows up to 1/],
  ];
  for (const [lines, code, message] of cases) {
    await expect(all(exportedTurns(each(lines)))).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  }
});

/** A store with turns written in this order. */
function storeOf(turns: readonly (readonly [stream: string, ...records: NewRecord[]])[]) {
  const log = createMemoryLog('here');
  const heads = new Map<string, number>();
  for (const [at, [stream, ...records]] of turns.entries()) {
    const expectedRevision = heads.get(stream) ?? -1;
    writeTurn(log, { stream, expectedRevision, turnId: `t${at}`, time: at, records });
    heads.set(stream, expectedRevision + records.length);
  }
  return { log, store: new MemoryEventStore(log) };
}

const started = (run: string) => journal('RunStarted', { name: 'go', of: 'signal', input: null }, { run });
const received = (run: string) => journal('SignalReceived', { name: 'go', of: 'signal', serial: true, input: null }, { run });
const ended = (run: string) => journal('RunCompleted', { outcome: { kind: 'cancelled' } }, { run });
const forgotten = journal('Forgotten', { by: 'op', why: 'asked', marks: [] });

test('W1: each stream of an entity comes once and whole, also one that is forgotten, before its beginning is gone and after', async () => {
  const { log, store } = storeOf([
    ['note-1', NOTED],
    ['note-2', NOTED, NOTED],
    ['perdure.dead-letters', NOTED],
    ['note-1', NOTED],
    ['note-2', forgotten],
    ['note-3', NOTED],
    ['note-3', forgotten],
  ]);
  await store.forget('note-3', 1);
  const turns = await all(storedTurns(store, { inFlight: false }));
  expect(turns.map(({ stream, firstRevision }) => `${stream}@${firstRevision}`)).toEqual([
    ...['note-1@0', 'note-1@1', 'note-2@0', 'note-2@2', 'note-3@1'],
  ]);
  expect(log.next).toBe(8);
});

test('W2: in flight are runs that began or wait and have not ended; their streams come whole', async () => {
  const { store } = storeOf([
    ['note-1', NOTED, started('a')],
    ['note-2', started('a'), ended('a')],
    ['note-3', started('a'), received('b')],
    ['note-4', started('a'), received('b')],
    ['note-3', ended('b')],
    ['note-4', ended('b'), ended('a')],
    ['note-5', started('a')],
    ['note-5', forgotten],
    ['note-3', ended('a')],
    ['trip-1', received('a')],
    ['note-1', NOTED],
  ]);
  const selected = async (types?: readonly string[]) =>
    (await all(storedTurns(store, { inFlight: true, ...(types === undefined ? {} : { types }) }))).map(
      ({ stream, firstRevision }) => `${stream}@${firstRevision}`,
    );
  expect(await selected()).toEqual(['note-1@0', 'note-1@2', 'trip-1@0']);
  expect(await selected(['trip'])).toEqual(['trip-1@0']);
});
