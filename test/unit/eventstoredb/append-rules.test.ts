import { describe, expect, test } from 'vitest';
import { Log } from '../../eventstoredb/log.ts';
import { DELETED } from '../../eventstoredb/record.ts';
import { proposed, revisionsOf, several } from './log-builder.ts';

// The numbers are those of the rules of expected revision and idempotency (4.1).

const wrong = (current: bigint) => expect.objectContaining({ kind: 'wrong-expected-version', current });

describe('4.1 expected revision and idempotency', () => {
  test('1: a tombstoned stream takes nothing, whatever is expected', () => {
    const log = new Log();
    const events = several(1);
    log.append('s', 'any', events);
    log.tombstone('s', 'any');
    for (const expected of ['any', 'no-stream', 'stream-exists', 0n, 5n] as const) {
      expect(log.append('s', expected, events).kind).toBe('stream-deleted');
    }
  });

  test('2: stream-exists wants an event or metadata, and no soft deletion', () => {
    const log = new Log();
    expect(log.append('s', 'stream-exists', several(1))).toEqual(wrong(-1n));
    log.append('$$s', 'any', [proposed('$metadata', '{}')]);
    expect(log.append('s', 'stream-exists', several(1)).kind).toBe('appended');
    log.softDelete('s', 'any');
    expect(log.append('s', 'stream-exists', several(1)).kind).toBe('stream-deleted');
  });

  test('3: any recognises a repeat by its ids, until the cache of recent ids is lost', () => {
    const log = new Log();
    const events = several(2);
    const first = log.append('s', 'any', events);
    log.append('s', 'any', several(1));
    expect(log.append('s', 'any', events)).toEqual({ ...first, kind: 'idempotent' });
    expect(log.append('other', 'any', events).kind).toBe('appended');
    log.forgetRecentIds();
    expect(log.append('s', 'any', events)).toMatchObject({ kind: 'appended', revision: 4n });
  });

  test('3: any refuses what is known at first and unknown later', () => {
    const log = new Log();
    const [one, two] = several(2);
    if (one === undefined || two === undefined) throw new Error('no events');
    log.append('s', 'any', [one]);
    expect(log.append('s', 'any', [one, two])).toEqual(wrong(0n));
    expect(log.append('s', 'any', [two, one]).kind).toBe('appended');
  });

  test('4: a repeat at its revision is found also after others and a restart, and answered with its own revision and position', () => {
    const log = new Log();
    log.append('s', 'no-stream', several(1));
    const events = several(2);
    const first = log.append('s', 0n, events);
    log.append('s', 2n, several(3));
    log.forgetRecentIds();
    expect(log.append('s', 0n, events)).toEqual({ ...first, kind: 'idempotent' });
    expect(first).toMatchObject({ revision: 2n });
  });

  test('4: a prefix of what stands there succeeds, a longer append does not', () => {
    const log = new Log();
    const events = several(2);
    log.append('s', 'no-stream', events);
    expect(log.append('s', 'no-stream', events.slice(0, 1))).toMatchObject({ kind: 'idempotent', revision: 0n });
    expect(log.append('s', 'no-stream', [...events, ...several(1)])).toEqual(wrong(1n));
  });

  test('4: other ids are refused, and so is an append of nothing', () => {
    const log = new Log();
    log.append('s', 'no-stream', several(3));
    expect(log.append('s', 0n, several(1))).toEqual(wrong(2n));
    expect(log.append('s', 0n, [])).toEqual(wrong(2n));
  });

  test('4: no-stream on a stream that was deleted softly appends, also when it knows its events', () => {
    const log = new Log();
    const events = several(1);
    log.append('s', 'no-stream', events);
    log.softDelete('s', 'any');
    expect(log.append('s', 'no-stream', events)).toMatchObject({ kind: 'idempotent', position: undefined });
    expect(log.append('s', 'no-stream', several(1))).toMatchObject({ kind: 'appended', revision: 1n });
  });

  test('5: a revision beyond the last is refused', () => {
    const log = new Log();
    expect(log.append('s', 0n, several(1))).toEqual(wrong(-1n));
    log.append('s', 'no-stream', several(1));
    expect(log.append('s', 1n, several(1))).toEqual(wrong(0n));
  });

  test('6: the last revision appends and brings a softly deleted stream back', () => {
    const log = new Log();
    log.append('s', 'no-stream', several(2));
    log.softDelete('s', 1n);
    expect(log.append('s', 1n, several(1))).toMatchObject({ kind: 'appended', revision: 2n });
    expect(revisionsOf(log, 's')).toEqual([2n]);
  });

  test('ids alone are compared, never what the events hold', () => {
    const log = new Log();
    const event = proposed('tested', '{"n":1}');
    log.append('s', 'no-stream', [event]);
    expect(log.append('s', 'no-stream', [proposed('other', '{"n":2}', event.id)]).kind).toBe('idempotent');
  });

  test('an append is made wholly or not at all, and a failed one fails the rest of its chain', () => {
    const log = new Log();
    const before = log.records.length;
    expect(log.append('s', 4n, several(3))).toEqual(wrong(-1n));
    expect(log.append('s', 7n, several(3))).toEqual(wrong(-1n));
    expect(log.records.length).toBe(before);
  });

  test('a tombstone has the last of all revisions', () => {
    const log = new Log();
    log.tombstone('s', 'any');
    expect(log.records.at(-1)).toMatchObject({ revision: DELETED, type: '$streamDeleted' });
  });
});
