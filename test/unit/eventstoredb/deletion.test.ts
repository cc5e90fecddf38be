import { describe, expect, test } from 'vitest';
import { Log } from '../../eventstoredb/log.ts';
import { DELETED } from '../../eventstoredb/record.ts';
import { describeStream, revisionsOf, several } from './log-builder.ts';

function metadataOf(log: Log, stream: string): string {
  return new TextDecoder().decode(log.stream(`$$${stream}`).events.at(-1)?.data);
}

describe('4.6 deletion and metadata', () => {
  test('a soft deletion writes $tb and nothing else to the metadata stream', () => {
    const log = new Log();
    log.append('s', 'no-stream', several(2));
    describeStream(log, 's', '{"$maxCount":5}');
    expect(log.softDelete('s', 1n)).toEqual({ kind: 'deleted', position: log.records.at(-1)?.position });
    expect(metadataOf(log, 's')).toBe('{"$tb":9223372036854775807}');
  });

  test('a stream that comes back is numbered on, and its metadata keeps what else it said', () => {
    const log = new Log();
    log.append('s', 'no-stream', several(3));
    log.softDelete('s', 'any');
    expect(log.append('s', 'any', several(2))).toMatchObject({ kind: 'appended', revision: 4n });
    expect(metadataOf(log, 's')).toBe('{"$tb":3}');
    expect(revisionsOf(log, 's')).toEqual([3n, 4n]);
  });

  test('metadata for a softly deleted stream brings it back, empty', () => {
    const log = new Log();
    log.append('s', 'no-stream', several(2));
    log.softDelete('s', 'any');
    describeStream(log, 's', '{"$maxCount":5,"big":12345678901234567890}');
    expect(metadataOf(log, 's')).toBe('{"$maxCount":5,"big":12345678901234567890,"$tb":2}');
    expect(revisionsOf(log, 's')).toEqual([]);
    expect(log.append('s', 'stream-exists', several(1))).toMatchObject({ kind: 'appended', revision: 2n });
  });

  test('a stream that never was cannot be deleted with any, and can with no-stream', () => {
    const log = new Log();
    expect(log.softDelete('s', 'any')).toMatchObject({ kind: 'wrong-expected-version', current: -1n });
    expect(log.softDelete('s', 'no-stream').kind).toBe('deleted');
  });

  test('a deletion wants the expected revision', () => {
    const log = new Log();
    log.append('s', 'no-stream', several(2));
    for (const how of ['softDelete', 'tombstone'] as const) {
      expect(log[how]('s', 0n)).toMatchObject({ kind: 'wrong-expected-version', current: 1n });
      expect(log[how]('s', 2n)).toMatchObject({ kind: 'wrong-expected-version', current: 1n });
    }
    expect(log.tombstone('s', 1n).kind).toBe('deleted');
  });

  test('a tombstone is final, and the metadata stream dies with its stream', () => {
    const log = new Log();
    log.append('s', 'no-stream', several(1));
    log.tombstone('s', 'any');
    expect(log.softDelete('s', 'any').kind).toBe('stream-deleted');
    expect(log.tombstone('s', 'any').kind).toBe('stream-deleted');
    expect(describeStream(log, 's', '{}').kind).toBe('stream-deleted');
  });

  test('a metadata stream shows its last event only', () => {
    const log = new Log();
    for (let count = 1; count <= 3; count += 1) describeStream(log, 's', `{"$maxCount":${count}}`);
    expect(revisionsOf(log, '$$s')).toEqual([2n]);
  });

  test('a lost tail takes records, tombstones and metadata back, and its positions are given again', () => {
    const log = new Log();
    log.append('s', 'no-stream', several(2));
    describeStream(log, 's', '{"$maxCount":1}');
    const end = log.end;
    const late = several(1);
    log.append('s', 'any', late);
    describeStream(log, 's', '{"$maxCount":2}');
    log.tombstone('s', 'any');
    log.loseTail(3);
    expect(log.end).toBe(end);
    expect(revisionsOf(log, 's')).toEqual([1n]);
    expect(log.append('s', 'any', late)).toMatchObject({ kind: 'appended', revision: 2n, position: end });
    expect(log.stream('s').tombstone?.revision).not.toBe(DELETED);
  });
});
