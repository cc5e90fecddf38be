import { describe, expect, test } from 'vitest';
import { resolve } from '../../eventstoredb/links.ts';
import { Log } from '../../eventstoredb/log.ts';
import { allRecords, indexAfter, presenceOf, refusalOfPosition, streamEvents } from '../../eventstoredb/log-reads.ts';
import { describeStream, proposed, revisionsOf, several } from './log-builder.ts';

function filled(count: number): Log {
  const log = new Log();
  log.append('s', 'no-stream', several(count));
  return log;
}

function read(log: Log, from: bigint | 'start' | 'end', isForwards: boolean): readonly bigint[] {
  return [...streamEvents(log, log.stream('s'), from, isForwards)].map(({ revision }) => revision);
}

describe('4.4 reads of a stream', () => {
  test('go forwards and backwards from a revision, inclusive', () => {
    const log = filled(4);
    expect(read(log, 1n, true)).toEqual([1n, 2n, 3n]);
    expect(read(log, 2n, false)).toEqual([2n, 1n, 0n]);
  });

  test('beyond the end give nothing forwards, and everything backwards', () => {
    const log = filled(2);
    expect(read(log, 9n, true)).toEqual([]);
    expect(read(log, 9n, false)).toEqual([1n, 0n]);
  });

  test('show $maxCount events from the end', () => {
    const log = filled(5);
    describeStream(log, 's', '{"$maxCount":2}');
    expect(revisionsOf(log, 's')).toEqual([3n, 4n]);
    expect(revisionsOf(log, 's', false)).toEqual([4n, 3n]);
  });

  test('show events from $tb on, to the last digit', () => {
    const log = filled(3);
    describeStream(log, 's', '{"$tb":2}');
    expect(revisionsOf(log, 's')).toEqual([2n]);
    describeStream(log, 's', '{"$tb":9223372036854775806}');
    expect(log.stream('s').metadata.truncateBefore).toBe(9223372036854775806n);
    expect(presenceOf(log, log.stream('s'))).toBe('present');
    expect(revisionsOf(log, 's')).toEqual([]);
  });

  test('show events that are at most $maxAge seconds old, while the expected revision counts all', () => {
    let nowMs = 1_000_000;
    const log = new Log(() => nowMs);
    log.append('s', 'no-stream', several(1));
    nowMs += 5_000;
    log.append('s', 0n, several(1));
    describeStream(log, 's', '{"$maxAge":5}');
    expect(revisionsOf(log, 's')).toEqual([0n, 1n]);
    nowMs += 1;
    expect(revisionsOf(log, 's')).toEqual([1n]);
    nowMs += 60_000;
    expect(revisionsOf(log, 's')).toEqual([]);
    expect(log.append('s', 1n, several(1)).kind).toBe('appended');
  });

  test('take metadata that is no valid JSON object for none', () => {
    const log = filled(3);
    describeStream(log, 's', '{"$maxCount":1}');
    for (const invalid of ['{', '[]', '{"$maxCount":-1}', '{"$tb":"3"}']) {
      describeStream(log, 's', invalid);
      expect(revisionsOf(log, 's')).toEqual([0n, 1n, 2n]);
    }
  });

  test('do not find what never was or was deleted softly, and find what was only truncated', () => {
    const log = filled(1);
    expect(presenceOf(log, log.stream('never'))).toBe('not-found');
    describeStream(log, 's', '{"$tb":1}');
    expect(presenceOf(log, log.stream('s'))).toBe('present');
    log.softDelete('s', 'any');
    expect(presenceOf(log, log.stream('s'))).toBe('not-found');
    log.tombstone('s', 'any');
    expect(presenceOf(log, log.stream('s'))).toBe('deleted');
  });

  test('resolve a link to its target, if the target can be read', () => {
    const log = filled(2);
    log.append('links', 'any', [proposed('$>', '1@s'), proposed('$>', '0@s'), proposed('$>', 'nonsense')]);
    describeStream(log, 's', '{"$maxCount":1}');
    const resolved = log.stream('links').events.map((link) => resolve(log, link, true));
    expect(resolved.map(({ event, link }) => [event?.revision, link?.type])).toEqual([
      [1n, '$>'],
      [undefined, '$>'],
      [undefined, '$>'],
    ]);
    const [first] = log.stream('links').events;
    if (first === undefined) throw new Error('no link');
    expect(resolve(log, first, false)).toEqual({ event: first, link: undefined });
  });
});

describe('4.4 reads of $all', () => {
  test('positions rise, are sparse and do not begin at 0', () => {
    const positions = filled(3).records.map(({ position }) => position);
    expect(positions[0]).toBeGreaterThanOrEqual(1_000);
    for (let index = 1; index < positions.length; index += 1) {
      expect((positions[index] ?? 0) - (positions[index - 1] ?? 0)).toBeGreaterThanOrEqual(100);
    }
  });

  test('go forwards from a position inclusive, backwards exclusive', () => {
    const log = filled(3);
    const positions = log.records.map(({ position }) => position);
    const commit = positions[1] ?? 0;
    const from = { commit, prepare: commit };
    expect([...allRecords(log, from, true)].map(({ position }) => position)).toEqual(positions.slice(1));
    expect([...allRecords(log, from, false)].map(({ position }) => position)).toEqual(positions.slice(0, 1));
    expect([...allRecords(log, 'end', false)].map(({ position }) => position)).toEqual(positions.toReversed());
    expect([...allRecords(log, 'end', true)]).toEqual([]);
  });

  test('show what the windows of streams hide', () => {
    const log = filled(3);
    describeStream(log, 's', '{"$maxCount":1}');
    log.softDelete('s', 'any');
    expect([...allRecords(log, 'start', true)].map(({ stream }) => stream)).toEqual(['s', 's', 's', '$$s', '$$s']);
  });

  test('leave out epochs and the checkpoints of persistent subscriptions, and nothing else with a $', () => {
    const log = new Log();
    for (const stream of [
      '$epoch-information',
      '$persistentsubscription-$all::g-checkpoint',
      '$persistentsubscription-$all::g-parked',
      '$users',
    ]) {
      log.append(stream, 'any', several(1));
    }
    expect([...allRecords(log, 'start', true)].map(({ stream }) => stream)).toEqual(['$users']);
  });

  test('4.5: what follows (X, 0) begins with the record at X, what follows (X, X) after it', () => {
    const log = filled(3);
    const commit = log.records[1]?.position ?? 0;
    expect(indexAfter(log, { commit, prepare: 0 })).toBe(1);
    expect(indexAfter(log, { commit, prepare: commit })).toBe(2);
  });

  test('4.5: a position between records is refused, one beyond the end is not', () => {
    const log = filled(3);
    const commit = log.records[1]?.position ?? 0;
    expect(refusalOfPosition(log, { commit: commit + 1, prepare: commit + 1 })).toMatchObject({ kind: 'bad-position' });
    expect(refusalOfPosition(log, { commit, prepare: commit + 1 })).toMatchObject({ kind: 'bad-position' });
    for (const fine of [commit, 0, log.end, log.end + 12_345])
      expect(refusalOfPosition(log, { commit: fine, prepare: fine })).toBeUndefined();
  });
});
