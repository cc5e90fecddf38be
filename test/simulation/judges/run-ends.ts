import type { Answer } from '../../../runtime/core/answer.ts';
import { DURABLE_CAST } from '../casts.ts';
import { type Evidence, wasForgotten } from '../evidence.ts';
import { grouped, type Judge, same } from './judge.ts';
import { dataOf, isOf, nameOf, outcomeOf, type RunHistory, runsOf } from './run-histories.ts';

/** Every run that was accepted ends, once, and nothing of it comes after its end. */
export const runsEndOnce: Judge = {
  name: 'runs-end-once',
  judge: (evidence) =>
    runsOf(evidence).flatMap((run) => {
      const [end] = run.completed;
      if (end === undefined) return [`${nameOf(run)} never ended`];
      const wrong: string[] = [];
      if (run.completed.length > 1) wrong.push(`${nameOf(run)} ended ${run.completed.length} times`);
      if (run.received === undefined && run.started === undefined) wrong.push(`${nameOf(run)} ended and had never begun`);
      const late = run.records.find(({ placed }) => placed.revision > end.revision);
      if (late !== undefined) wrong.push(`${nameOf(run)} has ${late.placed.record.type} after its end`);
      return wrong;
    }),
};

const SERIAL = new Set(
  DURABLE_CAST.sound.flatMap(({ type, signals }) =>
    [...signals].flatMap(([name, handler]) => (handler.mode === 'serial' ? [`${type}.${name}`] : [])),
  ),
);

/** Of one entity at most one serial run is open; they begin in the order in which they came, and wait only while there is one to wait for. */
export const serialOneAtATime: Judge = {
  name: 'serial-one-at-a-time',
  judge: (evidence) => {
    const wrong: string[] = [];
    const byStream = grouped(runsOf(evidence).filter(isSerial), ({ stream }) => stream);
    for (const [stream, runs] of byStream) {
      const began = runs.filter(({ started }) => started !== undefined).sort((a, b) => startOf(a) - startOf(b));
      let endsAt = -1;
      let cameAt = -1;
      for (const run of began) {
        if (startOf(run) < endsAt)
          wrong.push(`${stream}: ${run.id} began at ${startOf(run)}, before the one before had ended at ${endsAt}`);
        const came = run.received?.revision ?? startOf(run);
        if (came < cameAt) wrong.push(`${stream}: ${run.id} came at ${came} and was overtaken by one that came at ${cameAt}`);
        endsAt = run.completed[0]?.revision ?? Number.POSITIVE_INFINITY;
        cameAt = came;
      }
    }
    return wrong;
  },
};

function isSerial(run: RunHistory): boolean {
  const first = run.received ?? run.started;
  const name = first === undefined ? undefined : dataOf('RunStarted', first).name;
  return SERIAL.has(`${run.type}.${name}`);
}

function startOf({ started }: RunHistory): number {
  return started?.revision ?? -1;
}

/** A signal that is accepted once starts one run in the life of its entity. */
export const onceIsOnce: Judge = {
  name: 'once-is-once',
  judge: (evidence) => {
    const runs = runsOf(evidence).filter(({ started }) => started !== undefined && dataOf('RunStarted', started).name === 'only');
    return [...grouped(runs, ({ stream }) => stream)]
      .filter(([, accepted]) => accepted.length > 1)
      .map(([stream, accepted]) => `${stream} accepted 'only' ${accepted.length} times: ${accepted.map(({ id }) => id).join(', ')}`);
  },
};

/** Who waited for a run is told what its stream says of it, and a position that covers it. */
export const outcomesAsRecorded: Judge = {
  name: 'outcomes-as-recorded',
  judge: (evidence) => {
    const runs = new Map(runsOf(evidence).map((run) => [`${run.stream} ${run.id}`, run]));
    return evidence.requests
      .filter(({ wants }) => wants === 'outcome')
      .flatMap((request) =>
        request.attempts.flatMap(({ signalId, answers }) => {
          const stream = `${request.type}-${request.id}`;
          const own = runs.get(`${stream} ${signalId}`);
          const first = firstOf(evidence, stream, request.name, runs);
          // One that was refused at its start is told so, and leaves room for the first that is not.
          return answers.flatMap((answer) => {
            const run = own ?? (answer.kind === 'done' ? first : undefined);
            return run === undefined ? [] : differs(run, answer);
          });
        }),
      );
  },
};

/** The run of a signal that is accepted once, whoever's it was. */
function firstOf({ streams }: Evidence, stream: string, name: string, runs: ReadonlyMap<string, RunHistory>): RunHistory | undefined {
  if (name !== 'only') return undefined;
  const first = streams.get(stream)?.find((placed) => isOf('RunStarted', placed) && dataOf('RunStarted', placed).name === name);
  return runs.get(`${stream} ${first?.record.meta.run ?? ''}`);
}

/** Told of a run that may still come to another end: by a node that stopped, or while it was stalled or held. */
const NO_ENDS: readonly string[] = [
  'run-stalled',
  'draining',
  'outcome-unknown',
  'parked',
  'paused',
  'overloaded',
  'store-full',
  'forgotten',
  'update-timeout',
];

function differs(run: RunHistory, answer: Answer): readonly string[] {
  const outcome = outcomeOf(run);
  const [end] = run.completed;
  const told = `${nameOf(run)} ended ${JSON.stringify(outcome)}, told was ${JSON.stringify(answer)}`;
  if (answer.kind === 'failed') {
    if (NO_ENDS.includes(answer.code)) return [];
    // By a node that has not heard yet why the record is gone.
    if (answer.code === 'outcome-expired' && outcome?.kind === 'failed' && outcome.code === 'forgotten') return [];
    const code = outcome?.kind === 'failed' ? outcome.code : outcome?.kind;
    return code === answer.code || (code === 'timedOut' && answer.code === 'cancelled') ? [] : [told];
  }
  const [first] = run.records;
  // Refused and not remembered, it was asked again and decided anew.
  if (answer.kind === 'rejected' && first !== undefined && answer.position < first.placed.position) return [];
  const isSame =
    answer.kind === 'done'
      ? outcome?.kind === 'completed' && same(outcome.value, answer.result)
      : outcome?.kind === 'rejected' && outcome.code === answer.code && outcome.by === answer.by;
  if (!isSame) return [told];
  return end !== undefined && answer.position < end.position ? [`${told}: position ${answer.position} does not cover ${end.position}`] : [];
}

/** What was acknowledged is in the stream, though it be held, skipped or forgotten. */
export const acknowledgedIsRecorded: Judge = {
  name: 'acknowledged-is-recorded',
  judge: (evidence) =>
    evidence.requests
      .filter(({ type, key, wants }) => type === 'knot' && key !== undefined && wants === 'durability')
      .filter(({ name }) => name !== 'stop' && name !== 'only')
      .filter(({ type, id }) => !wasForgotten(evidence, `${type}-${id}`))
      .filter(({ attempts }) => attempts.some(({ answers }) => answers.some(({ kind }) => kind === 'done')))
      .filter(({ type, id, key }) => {
        const records = evidence.streams.get(`${type}-${id}`) ?? [];
        return !records.some(({ record }) => record.meta.signal === key);
      })
      .map(({ type, id, name, key }) => `${type}/${id}.${name} ${key} was acknowledged and left nothing`),
};

/** Every run comes out as recorded when it is executed again; and none was found not to, while nodes were at work. */
export const replaysAsRecorded: Judge = {
  name: 'replays-as-recorded',
  judge: (evidence) => [
    ...evidence.divergences,
    ...runsOf(evidence).flatMap((run) =>
      run.stalls
        .map((placed) => dataOf('RunStalled', placed))
        .filter(({ code }) => code === 'replay-diverged')
        .map(({ message, details }) => `${nameOf(run)} stalled: ${message} ${JSON.stringify(details)}`),
    ),
  ],
};
