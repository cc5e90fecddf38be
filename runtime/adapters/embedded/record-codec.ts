import { Packr } from 'msgpackr';
import type { NewRecord, RecordMeta } from '../../core/record.ts';

/**
 * One record as bytes: a plain msgpack array `[type, data]` or `[type, data, mask, …fields]`, where bit n of the mask says
 * that metadata field n of META_FIELDS is there, in that order. Readable by any msgpack library.
 *
 * Invariants:
 * C1. The order of META_FIELDS is part of the format: fields are added at the end only.
 */
const META_FIELDS = [
  'signal',
  'name',
  'mark',
  'correlation',
  'causation',
  'traceparent',
  'baggage',
  'run',
  'version',
  'res',
  'timers',
  'once',
] as const satisfies readonly (keyof RecordMeta)[];

/** Fails to compile when a field of RecordMeta is missing above. */
type Missing = Exclude<keyof RecordMeta, (typeof META_FIELDS)[number]>;
const complete: [Missing] extends [never] ? true : Missing = true;

const packr = new Packr({ useRecords: false, copyBuffers: true });
const PLAIN = 2;

/** Packs one record. The bytes are the codec's own and hold until it packs again. Throws what msgpackr throws. */
export function packRecord(record: NewRecord): Uint8Array {
  const fields: unknown[] = [record.type, record.data];
  const meta = record.meta;
  let mask = 0;
  for (const key in meta) {
    const bit = BITS.get(key);
    if (bit !== undefined && meta[key as keyof RecordMeta] !== undefined) mask |= 1 << bit;
  }
  if (mask !== 0) {
    fields.push(mask);
    for (let bit = 0; bit < META_FIELDS.length; bit++) {
      const field = META_FIELDS[bit];
      if (field !== undefined && (mask & (1 << bit)) !== 0) fields.push(meta[field]);
    }
  }
  return packr.pack(fields);
}

/** Unpacks the record that lies in `bytes[start, end)`; what it answers shares nothing with `bytes`. */
export function unpackRecord(bytes: Uint8Array, start: number, end: number): NewRecord {
  const fields = packr.unpack(bytes, { start, end }) as unknown[];
  const mask = fields.length > PLAIN ? (fields[PLAIN] as number) : 0;
  const meta: Record<string, unknown> = {};
  let next = PLAIN + 1;
  for (let bit = 0; mask >>> bit !== 0; bit++) {
    const field = META_FIELDS[bit];
    if ((mask & (1 << bit)) !== 0 && field !== undefined) meta[field] = fields[next++];
  }
  return { type: fields[0] as string, data: fields[1], meta };
}

const BITS: ReadonlyMap<string, number> = new Map(complete ? META_FIELDS.map((field, bit) => [field, bit]) : []);
