import { isJournal } from '../../../runtime/core/journal.ts';
import type { SourceMark } from '../../../runtime/core/record.ts';
import type { Request } from '../../../runtime/testing/simulation/history.ts';
import type { Evidence, Placed } from '../evidence.ts';

/** The event that a signal leaves exactly once each time it is handled and not rejected. */
const EFFECTS: Readonly<Record<string, string>> = {
  note: 'Noted',
  bump: 'Bumped',
  give: 'Given',
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

/** Did an operator skip the request's message or put another in its place, or was it rejected when it was released? */
export function wasOverruled(evidence: Evidence, request: Request): boolean {
  const stream = evidence.streams.get(`${request.type}-${request.id}`) ?? [];
  const own = new Set(recordsOf(evidence, request));
  const held = new Set(stream.filter((placed) => isHeldOf(placed, request, own)).map(({ revision }) => revision));
  return stream.some((placed) => {
    const { type, data } = placed.record;
    if (type === 'perdure:Released') return own.has(placed);
    return (type === 'perdure:HeldSkipped' || type === 'perdure:HeldEdited') && held.has((data as { readonly held: number }).held);
  });
}

function isHeldOf(placed: Placed, request: Request, own: ReadonlySet<Placed>): boolean {
  const { type, data } = placed.record;
  return type === 'perdure:SignalHeld' && (own.has(placed) || tells((data as { readonly payload: unknown }).payload, request));
}

/** Is it known without key and mark what it did? Only some payloads tell who sent them. */
export function isTraceable({ type, name, key, mark }: Request): boolean {
  return key !== undefined || mark !== undefined || type === 'tangle' || name === 'deposit' || name === 'withdraw';
}
