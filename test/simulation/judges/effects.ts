import { isJournal } from '../../../runtime/core/journal.ts';
import type { SourceMark } from '../../../runtime/core/record.ts';
import type { Request } from '../../../runtime/testing/simulation/history.ts';
import type { Evidence, Placed } from '../evidence.ts';

/** The event that a signal leaves exactly once each time it is handled and not rejected. */
const EFFECTS: Readonly<Record<string, string>> = {
  note: 'Noted',
  add: 'Added',
  poison: 'Cured',
  exotic: 'Exotic',
  relay: 'Relayed',
  fan: 'Fanned',
  open: 'Opened',
  deposit: 'Deposited',
  withdraw: 'Withdrawn',
  close: 'Closed',
  receive: 'Received',
  reserve: 'Reserved',
  ship: 'Shipped',
  addItem: 'ItemAdded',
  removeItem: 'ItemRemoved',
  checkOut: 'CheckedOut',
};

/** The event that a signal leaves, undefined for signals that may leave none. */
export function effectOf(name: string): string | undefined {
  return EFFECTS[name];
}

/** The places in its stream where a request took effect. Requests whose signal leaves no event have none. */
export function effectsOf(evidence: Evidence, request: Request): readonly Placed[] {
  const type = effectOf(request.name);
  return recordsOf(evidence, request).filter(({ record }) => record.type === type);
}

/** The records that came of a request. One without key and mark is known by what its event tells. */
export function recordsOf({ streams }: Evidence, request: Request): readonly Placed[] {
  const all = streams.get(`${request.type}-${request.id}`) ?? [];
  const { key, mark } = request;
  if (key !== undefined) return all.filter(({ record }) => record.meta.signal === key);
  if (mark !== undefined) return all.filter(({ record }) => sameMark(record.meta.mark, mark));
  return all.filter(({ record }) => !isJournal(record) && tells(record.data, request));
}

export function sameMark(one: SourceMark | undefined, other: SourceMark): boolean {
  return one?.source === other.source && one.position === other.position && one.index === other.index;
}

/** A relay comes by again with fewer hops. */
function tells(data: unknown, { from, number, payload }: Request): boolean {
  if (typeof data !== 'object' || data === null) return false;
  const hops = typeof payload === 'object' && payload !== null && 'hops' in payload ? payload.hops : undefined;
  if ('from' in data && 'n' in data) return data.from === from && data.n === number && (!('hops' in data) || data.hops === hops);
  return 'reference' in data && data.reference === `${from}#${number}`;
}

/** Was the request's message skipped by an operator, or replaced by another payload? */
export function wasSkipped(evidence: Evidence, request: Request): boolean {
  return recordsOf(evidence, request).some(({ record }) => record.type === 'perdure:HeldSkipped');
}

/** Is it known without key and mark what it did? Only some payloads tell who sent them. */
export function isTraceable({ type, name, key, mark }: Request): boolean {
  return key !== undefined || mark !== undefined || type === 'tangle' || name === 'deposit' || name === 'withdraw';
}
