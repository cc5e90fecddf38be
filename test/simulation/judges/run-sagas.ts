import { type Evidence, type Placed, wasForgotten } from '../evidence.ts';
import type { Units } from '../knot/model.ts';
import { grouped, type Judge } from './judge.ts';
import { type CallHistory, dataOf, nameOf, outcomeOf, type RunHistory, runsOf, wasCutOff } from './run-histories.ts';

/** What a call of a saga says of itself. */
interface OfSaga {
  readonly saga: string;
  readonly undo: number;
}

function sagaOf({ what }: CallHistory): OfSaga | undefined {
  const said: unknown = what.kind === 'signal' ? what.payload : what.kind === 'activity' ? what.input : undefined;
  const isOne = typeof said === 'object' && said !== null && 'saga' in said && 'undo' in said && said.saga !== '';
  return isOne ? (said as OfSaga) : undefined;
}

function isCompensation({ what }: CallHistory): boolean {
  return 'shielded' in what && what.shielded === true;
}

/** Does the run end by its own code, and with nobody it needs to undo something gone for good? */
function addsUp(evidence: Evidence, run: RunHistory): boolean {
  if (wasCutOff(run)) return false;
  return ![...run.calls.values()].some(({ what }) => what.kind === 'signal' && wasForgotten(evidence, `${what.type}-${what.id}`));
}

/** Compensations come in reverse order, one after another, after every call of the body has settled. */
export const compensationsInReverse: Judge = {
  name: 'compensations-in-reverse',
  judge: (evidence) =>
    runsOf(evidence).flatMap((run) => {
      const wrong: string[] = [];
      const calls = [...run.calls.values()].sort((a, b) => a.number - b.number);
      for (const [saga, ofSaga] of grouped(calls, (call) => sagaOf(call)?.saga)) {
        if (saga === undefined) continue;
        const undone = ofSaga.filter(isCompensation);
        const [first] = undone;
        if (first === undefined) continue;
        const what = `${nameOf(run)} saga ${saga}`;
        const open = calls.find((call) => isOfBody(call, saga) && call.number < first.number && endOf(call) > first.opened.revision);
        if (open !== undefined) wrong.push(`${what} was undone while call ${open.number} of its body was open`);
        for (const [at, later] of undone.entries()) {
          const earlier = undone[at - 1];
          if (earlier === undefined) continue;
          if (endOf(earlier) > later.opened.revision)
            wrong.push(`${what}: ${nameOfStep(later)} began before ${nameOfStep(earlier)} had ended`);
          const step = undoOf(earlier) - undoOf(later);
          if (step !== 1 && !(step === 0 && !isDone(earlier))) wrong.push(`${what}: ${nameOfStep(later)} follows ${nameOfStep(earlier)}`);
        }
      }
      return wrong;
    }),
};

const undoOf = (call: CallHistory) => sagaOf(call)?.undo ?? -1;
const nameOfStep = (call: CallHistory) => `compensation ${undoOf(call)} (call ${call.number})`;
const isDone = (call: CallHistory) => call.resolved.some((placed) => dataOf('Resolved', placed).outcome.kind === 'completed');

/** The revision at which nobody waited for a call any more. */
function endOf({ resolved, deferred }: CallHistory): number {
  return [...resolved, ...deferred].map(({ revision }) => revision).sort((a, b) => a - b)[0] ?? Number.POSITIVE_INFINITY;
}

/** Is it a call that the body of a saga made, itself or in one of its steps? */
function isOfBody(call: CallHistory, saga: string): boolean {
  if (isCompensation(call)) return false;
  const { what } = call;
  const said: unknown = what.kind === 'signal' ? what.payload : what.kind === 'activity' ? what.input : undefined;
  if (typeof said !== 'object' || said === null) return false;
  const place = 'tag' in said ? said.tag : 'from' in said ? said.from : '';
  const path = String(place).split('@')[1] ?? '';
  return path.startsWith(`${saga}.`);
}

/** A saga whose body threw is undone whole; one that was done is undone whole or not at all. */
export const sagasAreWhole: Judge = {
  name: 'sagas-are-whole',
  judge: (evidence) =>
    runsOf(evidence).flatMap((run) => {
      if (!addsUp(evidence, run)) return [];
      const done = new Set(run.records.flatMap(({ placed }) => doneSaga(placed)));
      const calls = [...run.calls.values()];
      return [...grouped(calls, (call) => sagaOf(call)?.saga)].flatMap(([saga, ofSaga]) => {
        if (saga === undefined) return [];
        const registered = new Set(ofSaga.filter((call) => !isCompensation(call)).map(undoOf));
        const undone = new Set(ofSaga.filter((call) => isCompensation(call) && isDone(call)).map(undoOf));
        const left = [...registered].filter((undo) => !undone.has(undo));
        const mayStand = undone.size === 0 && (done.has(saga) || isUnseen(run));
        return left.length === 0 || mayStand
          ? []
          : [`${nameOf(run)} saga ${saga}: ${left.join()} of ${[...registered].join()} was not undone`];
      });
    }),
};

function doneSaga({ record }: Placed): readonly string[] {
  if (record.type !== 'Noticed') return [];
  const { path, what } = record.data as { readonly path: string; readonly what: string };
  return what === 'saga-done' ? [path] : [];
}

/** A rejection discards what its last segment noticed: the end of a saga may be among it if a cancellation woke several waits at once. */
function isUnseen(run: RunHistory): boolean {
  return outcomeOf(run)?.kind === 'rejected' && run.cancels.length > 0;
}

/** Units are moved, not made or lost: of every move what was taken was given, there or back; nothing stays reserved for what was undone. */
export const unitsAreKept: Judge = {
  name: 'units-are-kept',
  judge: (evidence) => {
    const all = [...evidence.streams].filter(([stream]) => stream.startsWith('knot-'));
    const sums = new Map<string, number>();
    for (const { record } of all.flatMap(([, records]) => records)) {
      if (record.type !== 'Taken' && record.type !== 'Given' && record.type !== 'Ungiven') continue;
      const { tag, amount } = record.data as Units;
      sums.set(tag, (sums.get(tag) ?? 0) + (record.type === 'Given' ? amount : -amount));
    }
    const runs = new Map(runsOf(evidence).map((run) => [`${run.type}/${run.entity} ${run.id}`, run]));
    const wrong: string[] = [];
    for (const [tag, sum] of sums) {
      const run = runs.get(tag.split('@')[0] ?? '');
      if (run === undefined) wrong.push(`${tag} moved units and is no run`);
      else if (sum !== 0 && addsUp(evidence, run)) wrong.push(`${tag} ${sum > 0 ? 'made' : 'lost'} ${Math.abs(sum)} units`);
    }
    return [...wrong, ...all.flatMap(([stream, records]) => reservedForNothing(evidence, stream, records, runs))];
  },
};

function reservedForNothing(
  evidence: Evidence,
  stream: string,
  records: readonly Placed[],
  runs: ReadonlyMap<string, RunHistory>,
): readonly string[] {
  if (wasForgotten(evidence, stream)) return [];
  const held = new Set<string>();
  for (const { record } of records) {
    if (record.type === 'Held') held.add((record.data as Units).tag);
    else if (record.type === 'Freed') held.delete((record.data as Units).tag);
  }
  return [...held].flatMap((tag) => {
    const run = runs.get(tag.split('@')[0] ?? '');
    if (run === undefined || !addsUp(evidence, run)) return [];
    const path = tag.split('@')[1] ?? '';
    const saga = path.slice(0, path.lastIndexOf('.'));
    const isDone = run.records.some(({ placed }) => doneSaga(placed).includes(saga));
    return isDone || isUnseen(run) ? [] : [`${stream} still has ${tag} reserved`];
  });
}
