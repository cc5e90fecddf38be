import { PerdureError } from '../core/errors.ts';
import type { NewRecord, StoredTurn } from '../core/record.ts';

/**
 * Streams as text: a line of JSON for what the file is, one for each turn, one for its end.
 *
 * Invariants:
 * T1. What is read back equals what was written: records are plain data, which JSON keeps.
 * T2. A file that was cut off, or has lost a line in the middle, is refused: its last line counts its turns.
 * T3. Any format that was ever released is read; one that is newer than this code is refused.
 */
export const EXPORT_FORMAT = 1;

/** Where an export comes from. */
export interface ExportHeader {
  /** Version of the package that wrote it. */
  readonly perdure: string;
  /** The store's id, or the address of the node that was asked. */
  readonly from: string;
}

const MAGIC = 'streams';

/** The first line. */
export function headerLine({ perdure, from }: ExportHeader): string {
  return JSON.stringify({ export: MAGIC, format: EXPORT_FORMAT, perdure, from });
}

/** The line of a turn. */
export function turnLine({ stream, firstRevision, position, turnId, time, records }: StoredTurn): string {
  return JSON.stringify({ stream, firstRevision, position, turnId, time, records });
}

/** The last line. */
export function endLine(turns: number): string {
  return JSON.stringify({ end: true, turns });
}

/** All lines of an export. */
export async function* exportLines(header: ExportHeader, turns: AsyncIterable<StoredTurn>): AsyncGenerator<string> {
  yield headerLine(header);
  let count = 0;
  for await (const turn of turns) {
    count += 1;
    yield turnLine(turn);
  }
  yield endLine(count);
}

/**
 * The turns of an export, as its lines come. Rejects `malformed-request` that names the line, `store-too-new` for a format that this code does not know.
 */
export async function* exportedTurns(lines: AsyncIterable<string>): AsyncGenerator<StoredTurn> {
  let number = 0;
  let turns = 0;
  let isOver = false;
  for await (const line of lines) {
    number += 1;
    if (line.trim() === '') continue;
    const value = parsed(line, number);
    if (isOver) throw malformed(number, 'stands behind the end');
    if (number === 1) checkHeader(value);
    else if ('end' in value) {
      if (value['turns'] !== turns) throw malformed(number, `says ${String(value['turns'])} turns, there are ${turns}`);
      isOver = true;
    } else {
      turns += 1;
      yield turnOf(value, number);
    }
  }
  if (!isOver) throw new PerdureError('malformed-request', `the export ends after line ${number} without its end: it was cut off`);
}

type Fields = Readonly<Record<string, unknown>>;

function parsed(line: string, number: number): Fields {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw malformed(number, 'is no JSON');
  }
  if (!isFields(value)) throw malformed(number, 'is no object');
  return value;
}

function checkHeader(header: Fields): void {
  const { format } = header;
  if (header['export'] !== MAGIC || typeof format !== 'number')
    throw malformed(1, 'is not the first of an export (`perdure export` writes them)');
  if (format > EXPORT_FORMAT)
    throw new PerdureError('store-too-new', `the export has format ${format}; this version knows up to ${EXPORT_FORMAT}`);
}

function turnOf(value: Fields, number: number): StoredTurn {
  const { stream, firstRevision, position, turnId, time, records } = value;
  const fits = typeof stream === 'string' && typeof turnId === 'string' && [firstRevision, position, time].every(Number.isSafeInteger);
  if (!fits || !Array.isArray(records) || records.length === 0 || !records.every(isRecord)) throw malformed(number, 'is no turn');
  return { stream, firstRevision: Number(firstRevision), position: Number(position), turnId, time: Number(time), records };
}

function isRecord(value: unknown): value is NewRecord {
  return isFields(value) && typeof value['type'] === 'string' && 'data' in value && isFields(value['meta']);
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function malformed(line: number, what: string): PerdureError {
  return new PerdureError('malformed-request', `line ${line} of the export ${what}`);
}
