import {
  type JournalData,
  journalType,
  REPLY,
  type ReplyPayload,
  type ScheduledCall,
  type SentSignal,
} from '../../../runtime/core/journal.ts';
import { addressOf } from '../../../runtime/core/record.ts';
import type { Evidence, Placed } from '../evidence.ts';

/** One call or wait of a run, as its stream tells it. */
export interface CallHistory {
  readonly number: number;
  readonly what: ScheduledCall | (SentSignal & { readonly kind: 'signal' });
  readonly opened: Placed;
  /** Each outcome that was recorded, deferred ones apart. */
  readonly resolved: Placed[];
  readonly deferred: Placed[];
  readonly failures: Placed[];
  /** The cancellation that closed it. */
  closed: Placed | undefined;
}

/** One run, as its stream tells it. */
export interface RunHistory {
  readonly stream: string;
  readonly type: string;
  readonly entity: string;
  readonly id: string;
  received: Placed | undefined;
  started: Placed | undefined;
  readonly completed: Placed[];
  readonly calls: Map<number, CallHistory>;
  /** Every record that names it, in order; and the number of its segment. */
  readonly records: { readonly placed: Placed; readonly segment: number }[];
  readonly cancels: Placed[];
  readonly stalls: Placed[];
}

/** The data of a journal record of a type that the caller knows. */
export function dataOf<T extends keyof JournalData>(_type: T, placed: Placed): JournalData[T] {
  return placed.record.data as JournalData[T];
}

/** Is it a journal record of this type? */
export function isOf(type: keyof JournalData, { record }: Placed): boolean {
  return record.type === journalType(type);
}

/** The outcome with which a run ended, undefined while it is open. */
export function outcomeOf(run: RunHistory) {
  const [completed] = run.completed;
  return completed === undefined ? undefined : dataOf('RunCompleted', completed).outcome;
}

/** Did somebody end it from outside, so that nothing of it need add up? */
export function wasCutOff(run: RunHistory): boolean {
  const outcome = outcomeOf(run);
  return outcome === undefined || outcome.kind === 'terminated' || (outcome.kind === 'failed' && outcome.code === 'forgotten');
}

const known = new WeakMap<Evidence, readonly RunHistory[]>();

/** All runs of a simulation, in the order of their first records. */
export function runsOf(evidence: Evidence): readonly RunHistory[] {
  const found = known.get(evidence) ?? [...evidence.streams].flatMap(([stream, records]) => runsIn(stream, records));
  known.set(evidence, found);
  return found;
}

function runsIn(stream: string, records: readonly Placed[]): readonly RunHistory[] {
  const address = addressOf(stream);
  if (address === undefined) return [];
  const runs = new Map<string, RunHistory>();
  for (const placed of records) {
    const { run: id } = placed.record.meta;
    if (id === undefined) continue;
    const run = runs.get(id) ?? emptyRun(stream, address, id);
    runs.set(id, run);
    take(run, placed);
  }
  return [...runs.values()];
}

function emptyRun(stream: string, { type, id: entity }: { readonly type: string; readonly id: string }, id: string): RunHistory {
  const lists = { completed: [], records: [], cancels: [], stalls: [] };
  return { stream, type, entity, id, received: undefined, started: undefined, calls: new Map(), ...lists };
}

const TRIGGERS: readonly (keyof JournalData)[] = ['RunStarted', 'Resolved', 'CancelRequested', 'RunResumed'];

function take(run: RunHistory, placed: Placed): void {
  const { data } = placed.record;
  const isDeferred = typeof data === 'object' && data !== null && 'deferred' in data;
  const isTrigger = !isDeferred && TRIGGERS.some((type) => isOf(type, placed));
  const segment = (run.records.at(-1)?.segment ?? -1) + (isTrigger ? 1 : 0);
  run.records.push({ placed, segment });
  if (isOf('SignalReceived', placed)) run.received = placed;
  else if (isOf('RunStarted', placed)) run.started = placed;
  else if (isOf('RunCompleted', placed)) run.completed.push(placed);
  else if (isOf('RunStalled', placed)) run.stalls.push(placed);
  else if (isOf('CancelRequested', placed)) cancelled(run, placed, isDeferred);
  else if (isOf('Resolved', placed)) {
    const call = run.calls.get(dataOf('Resolved', placed).call);
    (isDeferred ? call?.deferred : call?.resolved)?.push(placed);
  } else if (isOf('AttemptFailed', placed)) run.calls.get(dataOf('AttemptFailed', placed).call)?.failures.push(placed);
  else opened(run, placed);
}

function cancelled(run: RunHistory, placed: Placed, isDeferred: boolean): void {
  if (!isDeferred) run.cancels.push(placed);
  for (const number of dataOf('CancelRequested', placed).closes) {
    const call = run.calls.get(number);
    if (call !== undefined) call.closed = placed;
  }
}

function opened(run: RunHistory, placed: Placed): void {
  const lists = { opened: placed, resolved: [], deferred: [], failures: [], closed: undefined };
  if (isOf('Scheduled', placed)) {
    const what = dataOf('Scheduled', placed);
    run.calls.set(what.call, { number: what.call, what, ...lists });
  } else if (isOf('SignalSent', placed)) {
    const what = dataOf('SignalSent', placed);
    if (what.call !== undefined) run.calls.set(what.call, { number: what.call, what: { kind: 'signal', ...what }, ...lists });
  }
}

/** Under what replies to a call are found. */
export function callKey(run: { readonly type: string; readonly entity: string; readonly id: string }, call: number): string {
  return `${run.type}/${run.entity} ${run.id} ${call}`;
}

/** The replies that were sent, by `callKey`. */
export function repliesOf({ streams }: Evidence): ReadonlyMap<string, readonly Placed[]> {
  const replies = new Map<string, Placed[]>();
  for (const records of streams.values()) {
    for (const placed of records) {
      if (!isOf('SignalSent', placed)) continue;
      const { type, id: entity, name, payload } = dataOf('SignalSent', placed);
      if (name !== REPLY) continue;
      const { run: id, call } = payload as ReplyPayload;
      const key = callKey({ type, entity, id }, call);
      replies.set(key, [...(replies.get(key) ?? []), placed]);
    }
  }
  return replies;
}

/** How a run is called in what judges say. */
export function nameOf(run: RunHistory): string {
  return `${run.type}/${run.entity} run ${run.id}`;
}
